// Package bed is the flags that say what is forwarded in memory: tables, traffic and workers. The commands that measure there
// have the same.
package bed

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"vrfwd/bench"
	"vrfwd/cmd/internal/cli"
	"vrfwd/gen"
)

// Flags are the flags as given and, after Parse, what they mean.
type Flags struct {
	Network bench.Network
	Load    bench.Load
	Churn   int

	profile, locality               string
	method, back, keys, size, ports string
	fallback, inbound               float64
	imix, verify, noPin             bool
	check                           string
}

// Add adds the flags to a command's.
func (f *Flags) Add(fl *pflag.FlagSet) {
	n, l := bench.Defaults()
	f.Network, f.Load = n, l
	fl.StringVar(&f.Network.Table, "table", n.Table, "parent's table: synthetic, real (the table in bart's module) or a `file`: lines \"prefix [next-hop]\", may be gzip, or a route collector's dump (MRT, may be gzip or bzip2), of which the peer with the most routes is taken")
	fl.IntVar(&f.Network.Routes, "routes", n.Routes, "routes of a synthetic table")
	fl.IntVar(&f.Network.NextHops, "next-hops", n.NextHops, "next hops that the table leads to, where it does not say")
	fl.StringVar(&f.locality, "locality", gen.Clustered.String(), "how next hops lie over the table: clustered or hashed")
	fl.IntVar(&f.Network.VRFs, "vrfs", n.VRFs, "number of VRFs")
	fl.StringVar(&f.profile, "profile", n.Profile.String(), "routes of each VRF: typical, lab or tiny")
	fl.StringVar(&f.method, "method", n.Method.String(), "way between VPNs and Internet: "+methodList())
	fl.StringVar(&f.back, "return", bench.None.String(), "also a way from the Internet to the VPNs: static-share, export-map or bgp-ce")
	fl.IntVar(&f.Network.Imports, "imports", n.Imports, "routes that --method import-map imports into each VRF")
	fl.IntVar(&f.Network.Uplinks, "uplinks", n.Uplinks, "ports to the Internet")
	fl.Float64Var(&f.fallback, "fallback", 100, "`percent` of the VPNs' frames that go to the Internet, by whatever method")
	fl.Float64Var(&f.inbound, "inbound", 0, "`percent` of all frames that come from the Internet")
	fl.StringVar(&f.keys, "keys", l.Keys.String(), "destinations: routed, uniform, covered or zipf")
	fl.StringVar(&f.size, "size", "64", "frame size in bytes, FCS included, or a mix such as 64:7,594:4,1518:1")
	fl.BoolVar(&f.imix, "imix", false, "the simple Internet mix: 64, 594 and 1518 bytes, 7:4:1")
	fl.IntVar(&f.Load.Flows, "flows", l.Flows, "flows of each worker")
	fl.IntVar(&f.Load.Workers, "workers", 0, "workers; 0: one for each core that the generator does not need")
	fl.StringVar(&f.ports, "ports", "", "samecore (generator, worker and sink in one thread) or rings (the worker in its own); default rings, or samecore with one core")
	fl.IntVar(&f.Load.Burst, "burst", l.Burst, "frames handled together")
	fl.IntVar(&f.Load.Frames, "frames", 0, "frames in flight between a generator and its worker, a power of two: the queue's length; 0: 2048 with rings, a burst otherwise")
	fl.IntVar(&f.Churn, "churn", 0, "route changes a second of the parent's table meanwhile")
	fl.StringVar(&f.check, "check", "", "what the sink looks at: count (port and VLAN of each frame, frames of each flow), signed (also order and signature) or verify; default signed with rings, else count")
	fl.BoolVar(&f.verify, "verify", false, "compare every frame, byte by byte, with a slow model (bart and gopacket)")
	fl.Uint64Var(&f.Network.Seed, "seed", n.Seed, "of tables and traffic")
	fl.BoolVar(&f.noPin, "no-pin", false, "leave threads to the scheduler")
}

func methodList() string {
	var names []string
	for _, m := range bench.Methods() {
		names = append(names, m.String())
	}
	return strings.Join(names, ", ")
}

// Bad is the error of a flag whose value cannot be.
func Bad(flag, value string, err error) error {
	return cli.Usage(fmt.Errorf("--%s %s: %w", flag, value, err))
}

// Message says what is wrong, with the flag where the error knows the setting.
func Message(err error) string {
	if flag, ok := errors.AsType[*bench.ConfigError](err); ok {
		return fmt.Sprintf("--%s %v: %s", flag.Field, flag.Value, flag.Reason)
	}
	return err.Error()
}

// Parse turns what was given as words into settings. Errors are of use.
func (f *Flags) Parse(changed func(flag string) bool) (err error) {
	if f.Network.Profile, err = gen.ParseProfile(f.profile); err != nil {
		return Bad("profile", f.profile, err)
	}
	if f.Network.Locality, err = gen.ParseLocality(f.locality); err != nil {
		return Bad("locality", f.locality, err)
	}
	if f.Network.Method, err = bench.ParseMethod(f.method); err != nil || f.Network.Method == bench.None {
		return Bad("method", f.method, fmt.Errorf("%s are known", methodList()))
	}
	if f.Network.Return, err = bench.ParseMethod(f.back); err != nil {
		return Bad("return", f.back, err)
	}
	if f.Load.Keys, err = bench.ParseKeys(f.keys); err != nil {
		return Bad("keys", f.keys, err)
	}
	if f.imix && changed("size") {
		return cli.Usage(errors.New("--imix and --size: only one of them"))
	}
	if f.imix {
		f.size = "imix"
	}
	if f.Load.Sizes, err = gen.ParseSizes(f.size); err != nil {
		return Bad("size", f.size, err)
	}
	for _, c := range []struct { // 0 would stand for the default, which is not what who types it means
		flag string
		n    int
	}{
		{"routes", f.Network.Routes}, {"next-hops", f.Network.NextHops}, {"vrfs", f.Network.VRFs},
		{"imports", f.Network.Imports}, {"uplinks", f.Network.Uplinks}, {"flows", f.Load.Flows}, {"burst", f.Load.Burst},
	} {
		if changed(c.flag) && c.n < 1 {
			return Bad(c.flag, strconv.Itoa(c.n), errors.New("1 or more"))
		}
	}
	if f.Churn < 0 || f.Churn > 1_000_000 {
		return Bad("churn", fmt.Sprint(f.Churn), errors.New("0 to 1,000,000 changes a second are possible"))
	}
	f.Load.Fallback, f.Load.Inbound, f.Load.Pin, f.Load.Seed = f.fallback/100, f.inbound/100, !f.noPin, f.Network.Seed
	if err := f.place(changed("workers")); err != nil {
		return err
	}
	if f.Load.Ports == bench.Rings { // the sink's thread has the time
		f.Load.Check = bench.Signed
	}
	if f.check != "" {
		if err := f.Load.Check.UnmarshalText([]byte(f.check)); err != nil {
			return Bad("check", f.check, err)
		}
	}
	if f.verify {
		if f.check != "" && f.Load.Check != bench.Verify {
			return cli.Usage(fmt.Errorf("--verify and --check %s: only one of them", f.check))
		}
		f.Load.Check = bench.Verify
	}
	return nil
}

// place decides where generator and workers run: what was not given follows from the number of CPUs.
func (f *Flags) place(workers bool) (err error) {
	cpus := runtime.NumCPU() // as the affinity mask has them
	f.Load.Ports = bench.Rings
	if f.ports != "" {
		if f.Load.Ports, err = bench.ParsePorts(f.ports); err != nil {
			return cli.Usage(fmt.Errorf("--ports %s: %w", f.ports, err))
		}
	} else if cpus == 1 {
		f.Load.Ports = bench.SameCore
	}
	if workers && f.Load.Workers < 1 {
		return cli.Usage(fmt.Errorf("--workers %d: 1 and more are possible", f.Load.Workers))
	}
	if !workers {
		if f.Load.Workers = cpus; f.Load.Ports == bench.Rings {
			f.Load.Workers = max(1, cpus-1)
		}
	}
	return nil
}
