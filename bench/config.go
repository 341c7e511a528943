package bench

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"vrfwd/forwarder"
	"vrfwd/gen"
)

// Tables that Network.Table names besides files.
const (
	Synthetic = "synthetic"
	Real      = "real" // the table in bart's module: gen.RealTable
)

// Limits of a Network.
const (
	MaxVRFs     = 16_000 // their addresses, VLANs and interfaces are planned for so many
	MaxNextHops = 16_384
	MaxUplinks  = 16
)

// Network says what to build. Zero values mean the default that Defaults gives, but for Method: None.
type Network struct {
	Table    string       // Synthetic, Real or the path of a prefix list or a route collector's dump
	Routes   int          // of a synthetic table
	NextHops int          // that the table's routes lead to, where the table does not say
	Locality gen.Locality // how next hops lie over the prefixes
	VRFs     int
	Profile  gen.Profile
	Method   Method // VPN to Internet; or Internet to VPN, which is the same as Return with None here
	Return   Method // Internet to VPN
	Imports  int    // routes that import-map chooses
	Uplinks  int    // ports to the Internet
	Seed     uint64
}

// Ports says where generator, sink and workers run.
type Ports uint8

const (
	SameCore Ports = iota // generator, worker and sink in one thread, one such thread per worker
	Rings                 // generator and sink in one thread, each worker in another, rings between them
)

var portsNames = [...]string{"samecore", "rings"}

// String gives the mode as flags and results name it.
func (p Ports) String() string {
	if int(p) < len(portsNames) {
		return portsNames[p]
	}
	return fmt.Sprintf("Ports(%d)", uint8(p))
}

// ParsePorts is String's inverse.
func ParsePorts(name string) (Ports, error) {
	if i := slices.Index(portsNames[:], name); i >= 0 {
		return Ports(i), nil
	}
	return 0, fmt.Errorf("bench: ports %q: %s are known", name, strings.Join(portsNames[:], ", "))
}

// MarshalText gives the name.
func (p Ports) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a name.
func (p *Ports) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePorts(string(b))
	return err
}

// Keys says how destinations are drawn.
type Keys uint8

const (
	Routed  Keys = iota // a prefix of the table, each as likely as any other, then an address in it
	Uniform             // any routable address, routed or not: what has no route is dropped
	Covered             // any address that the table covers
	Zipf                // routed, and frames by flow are Zipf distributed, exponent 1
)

var keysNames = [...]string{"routed", "uniform", "covered", "zipf"}

// String gives the keys as flags and results name them.
func (k Keys) String() string {
	if int(k) < len(keysNames) {
		return keysNames[k]
	}
	return fmt.Sprintf("Keys(%d)", uint8(k))
}

// ParseKeys is String's inverse.
func ParseKeys(name string) (Keys, error) {
	if i := slices.Index(keysNames[:], name); i >= 0 {
		return Keys(i), nil
	}
	return 0, fmt.Errorf("bench: keys %q: %s are known", name, strings.Join(keysNames[:], ", "))
}

// MarshalText gives the name.
func (k Keys) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name.
func (k *Keys) UnmarshalText(b []byte) (err error) {
	*k, err = ParseKeys(string(b))
	return err
}

// Check says how closely the sink looks at what comes back.
type Check uint8

const (
	Count  Check = iota // by flow: port and VLAN of each frame, number of frames
	Signed              // gen.Checker: also loss against duplication, order, and the signature
	Verify              // also every byte, against the model and gopacket: some hundred thousand frames a second
)

var checkNames = [...]string{"count", "signed", "verify"}

// String gives the check as results name it.
func (c Check) String() string {
	if int(c) < len(checkNames) {
		return checkNames[c]
	}
	return fmt.Sprintf("Check(%d)", uint8(c))
}

// MarshalText gives the name.
func (c Check) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a name.
func (c *Check) UnmarshalText(b []byte) error {
	i := slices.Index(checkNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("bench: check %q: %s are known", b, strings.Join(checkNames[:], ", "))
	}
	*c = Check(i)
	return nil
}

// Load says what traffic a Bed has and who forwards it. Zero values of Flows, Sizes, Workers and Burst mean the default
// that Defaults gives.
type Load struct {
	Fallback float64 // share of the VPNs' frames that go to the Internet, by whatever method, 0..1
	Inbound  float64 // share of all frames that come from the Internet, 0..1; needs a method for them
	Keys     Keys
	Sizes    []gen.Size
	Flows    int // of each worker
	Workers  int
	Ports    Ports
	Burst    int
	Frames   int // in flight between a generator and its worker, a power of two; 0: chosen by Ports
	Check    Check
	Pin      bool // threads to CPUs: one each
	Seed     uint64
}

// Defaults are `fwd bench`'s.
func Defaults() (Network, Load) {
	return Network{Table: Synthetic, Routes: gen.DefaultRoutes, NextHops: 64, VRFs: 1000, Profile: gen.Typical,
			Method: Fallback, Imports: 1000, Uplinks: 4, Seed: 1},
		Load{Fallback: 1, Sizes: gen.FixedSize(gen.MinSize), Flows: gen.DefaultFlows, Workers: 1, Ports: SameCore,
			Burst: forwarder.MaxBurst, Pin: true, Seed: 1}
}

// ConfigError says which setting is wrong and what is allowed. Nothing was built.
type ConfigError struct {
	Field  string // the setting, in lower case: a flag of `fwd bench` has the same name
	Value  any
	Reason string // what is wrong or allowed, and the remedy
}

// Error gives "bench: field value: reason".
func (e *ConfigError) Error() string {
	return fmt.Sprintf("bench: %s %v: %s", e.Field, e.Value, e.Reason)
}

// between refuses what is outside lo..hi.
func between(field string, v, lo, hi int) error {
	if v < lo || v > hi {
		return &ConfigError{field, v, fmt.Sprintf("%d to %d are possible", lo, hi)}
	}
	return nil
}

// share refuses what is not in 0..1.
func share(field string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return &ConfigError{field, 100 * v, "0 to 100 percent are possible"}
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// orDefault puts d where v is zero.
func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Completed returns the network with its defaults, as Scenario.Network has it. Errors: *ConfigError.
func (n Network) Completed() (Network, error) {
	err := n.complete()
	return n, err
}

// complete fills defaults in and checks.
func (n *Network) complete() error {
	d, _ := Defaults()
	orDefault(&n.Table, d.Table)
	orDefault(&n.Routes, d.Routes)
	orDefault(&n.NextHops, d.NextHops)
	orDefault(&n.VRFs, d.VRFs)
	orDefault(&n.Imports, d.Imports)
	orDefault(&n.Uplinks, d.Uplinks)
	if n.Method >= methods || n.Return >= methods {
		return &ConfigError{"method", max(n.Method, n.Return), "no such method"}
	}
	if n.Method.Inbound() {
		if n.Return != None && n.Return != n.Method {
			return &ConfigError{"return", n.Return, fmt.Sprintf("method %v leads from the Internet to the VPNs already", n.Method)}
		}
		n.Method, n.Return = None, n.Method
	}
	if n.Return != None && !n.Return.Inbound() {
		return &ConfigError{"return", n.Return, "static-share, export-map and bgp-ce lead from the Internet to a VPN"}
	}
	if n.Return == BGPCE && (n.Method == ImportMap || n.Method == FullCopy) {
		return &ConfigError{"return", n.Return, fmt.Sprintf("it needs the VRFs' import map, which method %v has already: "+
			"static-share and export-map go with it", n.Method)}
	}
	return first(
		between("routes", n.Routes, 1, gen.MaxRoutes),
		between("next-hops", n.NextHops, 1, MaxNextHops),
		between("vrfs", n.VRFs, 1, MaxVRFs),
		between("imports", n.Imports, 1, gen.MaxRoutes),
		between("uplinks", n.Uplinks, 1, MaxUplinks),
		n.affordable(n.Routes),
	)
}

// importedRoute is the bytes that an imported route takes: path, prefix, index and FIB, 105 measured with 100,000 routes
// in each of 20 VRFs, and half as much again for the garbage of loading.
const importedRoute = 150

// affordable refuses imports that no memory holds. routes is the number in the parent's table.
func (n *Network) affordable(routes int) error {
	each := 0
	switch n.Method {
	case ImportMap:
		each = min(n.Imports, routes)
	case FullCopy:
		each = routes
	}
	need, limit := int64(each)*int64(n.VRFs)*importedRoute, memoryLimit()
	if need <= limit {
		return nil
	}
	fit := limit / (int64(each) * importedRoute)
	remedy := fmt.Sprintf("at most %d VRFs fit (vrfs), or a smaller table", fit)
	if n.Method == ImportMap {
		remedy = fmt.Sprintf("at most %d routes fit in each (imports), or %d VRFs (vrfs)",
			limit/(int64(n.VRFs)*importedRoute), fit)
	}
	return &ConfigError{"method", n.Method, fmt.Sprintf("%d routes in each of %d VRFs need about %s, of which %s are there: %s",
		each, n.VRFs, bytesText(need), bytesText(limit), remedy)}
}

// bytesText gives a number of bytes in a unit that people read.
func bytesText(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

// ringFrames are in flight through rings where Load does not say: enough that each side can work on its burst while
// others wait. 512 were 15 % slower, 4,096 no faster. On the same core one burst is in flight, which keeps the frames in
// the L1 cache: twice the burst was 2 % slower.
const ringFrames = 2048

// complete fills defaults in and checks.
func (l *Load) complete(n *Network) error {
	_, d := Defaults()
	orDefault(&l.Flows, d.Flows)
	orDefault(&l.Workers, d.Workers)
	orDefault(&l.Burst, d.Burst)
	if len(l.Sizes) == 0 {
		l.Sizes = d.Sizes
	}
	if l.Frames == 0 {
		if l.Frames = ringFrames; l.Ports == SameCore {
			l.Frames = 1 << bits.Len(uint(max(l.Burst, 1)-1))
		}
	}
	switch {
	case int(l.Ports) >= len(portsNames):
		return &ConfigError{"ports", l.Ports, "samecore and rings are possible"}
	case int(l.Keys) >= len(keysNames):
		return &ConfigError{"keys", l.Keys, "routed, uniform, covered and zipf are possible"}
	case int(l.Check) >= len(checkNames):
		return &ConfigError{"check", l.Check, "count, signed and verify are possible"}
	case l.Frames < l.Burst || l.Frames&(l.Frames-1) != 0 || l.Frames > 1<<20:
		return &ConfigError{"frames", l.Frames, fmt.Sprintf("a power of two from %d (a burst) to %d is possible", l.Burst, 1<<20)}
	case l.Inbound > 0 && n.Return == None && n.Method != TwoCircuits: // whose circuits serve both ways
		return &ConfigError{"inbound", 100 * l.Inbound, "no method leads from the Internet to a VPN: set return"}
	}
	if n.Method == None {
		l.Inbound, l.Fallback = 1, 0
	}
	return first(
		share("fallback", l.Fallback),
		share("inbound", l.Inbound),
		between("flows", l.Flows, 1, gen.MaxFlows),
		between("burst", l.Burst, 1, forwarder.MaxBurst),
		between("workers", l.Workers, 1, 1024),
		l.checkSizes(),
		l.checkCPUs(),
	)
}

func (l *Load) checkSizes() error {
	for _, s := range l.Sizes {
		if s.Bytes < gen.MinSize || s.Bytes > maxWire {
			return &ConfigError{"size", s.Bytes, fmt.Sprintf("%d to %d bytes are possible, tag and FCS included", gen.MinSize, maxWire)}
		}
	}
	return nil
}

// checkCPUs refuses more pinned threads than CPUs.
func (l *Load) checkCPUs() error {
	if !l.Pin {
		return nil
	}
	cpus, need := len(allowedCPUs()), l.Workers
	if l.Ports == Rings {
		need++
	}
	if need <= cpus {
		return nil
	}
	if l.Ports == Rings {
		return &ConfigError{"workers", l.Workers, fmt.Sprintf("with ports=rings the generator takes one of %d CPUs and each "+
			"worker another: at most %d workers, or ports=samecore", cpus, cpus-1)}
	}
	return &ConfigError{"workers", l.Workers, fmt.Sprintf("each takes one CPU, and this process may use %d", cpus)}
}
