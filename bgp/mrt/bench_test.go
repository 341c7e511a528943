package mrt

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/packet/mrt"

	"vrfwd/gen"
	"vrfwd/vrftable"
)

// loadEnv makes a process of the tests load a file, say what that took as JSON, and end: memory is then the load's own.
const loadEnv = "VRFWD_MRT_LOAD"

func TestMain(m *testing.M) {
	if what := os.Getenv(loadEnv); what != "" {
		reader, file, _ := strings.Cut(what, ":")
		if err := loadAndSay(reader, file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// loaded is what a load took.
type loaded struct {
	Read, Total     time.Duration
	Routes          int
	Peak, End, Dump int           // bytes resident: at most, with the table alone, and with the Dump too
	RIB, FIB        int           // bytes, of these
	CPU             time.Duration // of the whole process
}

// batchRoutes is how many routes are applied at a time.
const batchRoutes = 1 << 16

// BenchmarkLoad takes a compressed dump of 1,000,000 prefixes to a parent whose FIB forwards, the first peer's routes of all
// peers': by Read, and by gobgp's parser, which decodes every entry. Each load is a process of its own, which uses all CPUs.
func BenchmarkLoad(b *testing.B) {
	routes := gen.DefaultRoutes
	if testing.Short() {
		routes = 20_000
	}
	for _, peers := range []int{1, 30} {
		name := filepath.Join(b.TempDir(), fmt.Sprintf("rib%d.gz", peers))
		for _, reader := range []string{"ours", "gobgp"} {
			b.Run(fmt.Sprintf("peers=%d/reader=%s", peers, reader), func(b *testing.B) {
				if _, err := os.Stat(name); err != nil {
					dumpFile(b, name, routes, peers)
				}
				var sum loaded
				b.ResetTimer()
				for b.Loop() {
					one := load(b, reader, name)
					sum.Read += one.Read
					sum.Total += one.Total
					sum.CPU += one.CPU
					sum.Routes, sum.RIB, sum.FIB = one.Routes, one.RIB, one.FIB
					sum.Peak, sum.End, sum.Dump = max(sum.Peak, one.Peak), max(sum.End, one.End), max(sum.Dump, one.Dump)
				}
				const mib = 1 << 20
				s := sum.Total.Seconds() / float64(b.N)
				b.ReportMetric(s, "s/load")
				b.ReportMetric(sum.Read.Seconds()/float64(b.N), "s/read")
				b.ReportMetric(sum.CPU.Seconds()/float64(b.N), "cpu-s/load")
				b.ReportMetric(float64(sum.Routes)/s, "routes/s")
				b.ReportMetric(float64(sum.Peak)/mib, "peak-MiB")
				b.ReportMetric(float64(sum.End)/mib, "end-MiB")
				b.ReportMetric(float64(sum.Dump)/mib, "with-dump-MiB")
				b.ReportMetric(float64(sum.RIB)/float64(sum.Routes), "rib-B/route")
				b.ReportMetric(float64(sum.FIB)/float64(sum.Routes), "fib-B/route")
			})
		}
	}
}

// dumpFile writes a dump, compressed.
func dumpFile(b *testing.B, name string, routes, peers int) {
	list, err := gen.Synthetic(gen.TableConfig{Routes: routes, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	if err := gen.WriteDump(z, gen.DumpConfig{Routes: list, Peers: peers, Seed: 1}); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
}

func load(b *testing.B, reader, file string) (l loaded) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), loadEnv+"="+reader+":"+file)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(out, &l); err != nil {
		b.Fatal(err)
	}
	l.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return l
}

func loadAndSay(reader, file string) error {
	var l loaded
	began := time.Now()
	tab, err := vrftable.New(vrftable.Config{})
	if err != nil {
		return err
	}
	defer tab.Close()
	vias, err := connect(tab)
	if err != nil {
		return err
	}
	batch := make([]vrftable.Route, 0, batchRoutes)
	var fault error
	add := func(p netip.Prefix, a *vrftable.Attributes) {
		h := fnv.New32a()
		for _, as := range a.ASPath {
			h.Write([]byte{byte(as), byte(as >> 8), byte(as >> 16)})
		}
		batch = append(batch, vrftable.Route{Prefix: p, Source: vrftable.EBGP, NextHop: vias[h.Sum32()%uint32(len(vias))], Attrs: a})
		if len(batch) == cap(batch) && fault == nil {
			fault = tab.Apply([]vrftable.Change{vrftable.AddRoutes{Routes: batch}})
			batch = batch[:0]
		}
	}
	var d *Dump
	peers, err := gen.Peers(1, 1)
	if err != nil {
		return err
	}
	if reader == "ours" {
		if d, err = ReadFile(file, Choice{Peers: []PeerName{{AS: peers[0].AS}}}); err != nil {
			return err
		}
		l.Read = time.Since(began)
		for _, r := range d.Routes {
			add(prefix(r.Addr, r.Len), &d.Attrs[r.Attrs])
		}
	} else {
		if err := byGoBGP(file, add); err != nil {
			return err
		}
		l.Read = time.Since(began)
	}
	if err := tab.Apply([]vrftable.Change{vrftable.AddRoutes{Routes: batch}}); err != nil || fault != nil {
		return fmt.Errorf("%v %v", fault, err)
	}
	l.Total = time.Since(began)
	l.Peak = status("VmHWM")
	if d != nil {
		debug.FreeOSMemory()
		l.Dump = status("VmRSS")
		l.Routes = len(d.Routes) // d is alive until here
		d = nil
	}
	batch = nil
	debug.FreeOSMemory()
	l.End = status("VmRSS")
	l.Routes = 0
	for range tab.Routes(vrftable.Parent) {
		l.Routes++
	}
	m := tab.Memory()
	l.RIB, l.FIB = m.RIB, m.GlobalFIB+m.FIBWriter
	return json.NewEncoder(os.Stdout).Encode(l)
}

// connect gives the parent 64 gateways, which routes are spread over by their paths: more than the routers that a collector's
// peer stands for, so that the FIB is no smaller than a real one.
func connect(t *vrftable.Table) (vias []vrftable.NextHop, err error) {
	changes := []vrftable.Change{
		vrftable.AddPort{Name: "core", MAC: vrftable.MAC{2, 0, 0, 0, 0, 1}},
		vrftable.AddLayer2{Name: "core", Port: "core"},
		vrftable.AddInterface{Name: "core", Layer2: "core", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}},
	}
	for i := range 64 {
		gateway := netip.AddrFrom4([4]byte{192, 0, 2, byte(2 + i)})
		vias = append(vias, vrftable.Via{Gateway: gateway})
		changes = append(changes, vrftable.AddNeighbor{Interface: "core", Addr: gateway, MAC: vrftable.MAC{2, 1, 0, 0, 0, byte(i)}})
	}
	return vias, t.Apply(changes)
}

// byGoBGP reads peer 0's routes with gobgp's parser: each entry decoded, each route with attributes of its own. The framing is
// ours, as SplitMrt loses its way where a header lies across the end of the scanner's buffer.
func byGoBGP(file string, add func(netip.Prefix, *vrftable.Attributes)) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	r := reader{stream: newStream(f), name: file}
	defer r.Close()
	for {
		more, err := r.next()
		if err != nil || !more {
			return err
		}
		m, err := mrt.ParseBody(r.body, &mrt.MRTHeader{Type: mrt.MRTType(r.kind), SubType: r.subtype, Len: uint32(len(r.body))})
		if err != nil {
			return err
		}
		rib, ok := m.Body.(*mrt.Rib)
		if !ok {
			continue
		}
		p := rib.Prefix.(*bgp.IPAddrPrefix).Prefix
		for _, e := range rib.Entries {
			if e.PeerIndex == 0 {
				add(p, fromGoBGP(e.PathAttributes))
			}
		}
	}
}

// fromGoBGP makes Attributes of what gobgp decoded.
func fromGoBGP(list []bgp.PathAttributeInterface) *vrftable.Attributes {
	a := new(vrftable.Attributes)
	for _, one := range list {
		switch p := one.(type) {
		case *bgp.PathAttributeOrigin:
			a.Origin = vrftable.Origin(p.Value)
		case *bgp.PathAttributeAsPath:
			for _, s := range p.Value {
				a.ASPath = append(a.ASPath, s.GetAS()...)
			}
		case *bgp.PathAttributeNextHop:
			a.NextHop = p.Value
		case *bgp.PathAttributeMultiExitDisc:
			a.MED = p.Value
		case *bgp.PathAttributeLocalPref:
			a.LocalPref = p.Value
		case *bgp.PathAttributeCommunities:
			for _, c := range p.Value {
				a.Communities = append(a.Communities, vrftable.Community(c))
			}
		}
	}
	return a
}

// status returns a size of /proc/self/status in bytes; 0 where there is none.
func status(key string) int {
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), "\n"+key+":")
	line, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, _ := strconv.Atoi(line)
	return kib << 10
}
