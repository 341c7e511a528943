package live

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/packet"
)

// Spec says what traffic there is and where its frames must come out.
type Spec struct {
	Seed     uint64
	Ports    []Port
	VRFs     []string
	Circuits []Circuit
	Streams  []Stream
}

// Port is a device of the tester.
type Port struct {
	Name      string
	Interface string
	Netns     string // name (ip netns) or path of its network namespace; "": this process'
}

// Circuit is one VLAN of a port, or the port untagged.
type Circuit struct {
	Name       string // of a group: group/VLAN
	Port       int
	VLAN       uint16     // 0: untagged
	VRF        int        // in Spec.VRFs
	MAC        packet.MAC // the tester's; zero: the port's
	Addresses  *gen.Pool  // the tester's; nil: none
	Gateway    uint32     // the router's address; 0: none given
	GatewayMAC packet.MAC // zero: not given
}

// PlanError is a Spec that cannot be carried out on the ports there are.
type PlanError struct{ Reason string }

// Error gives the reason.
func (e *PlanError) Error() string { return e.Reason }

func unfit(format string, args ...any) error { return &PlanError{fmt.Sprintf(format, args...)} }

// Discard in place of a circuit: frames must not come out.
const Discard = -1

// Stream is a set of flows with one rate.
type Stream struct {
	Name        string
	From        []int    // circuits
	To          []int    // where frames from From[i] come out: circuit or Discard
	Except      []Except // the first that holds decides
	Source      *gen.Pool
	Destination *gen.Pool
	Keys        gen.Keys
	First       uint32 // number of its first flow
	Flows       int
	Sizes       []gen.Size
	TTL         uint8
	Rate        float64 // frames a second; 0: as many as the port takes
	Burst       int
	Count       uint64        // frames; 0: until Duration
	Duration    time.Duration // 0: until Count; both 0: until it is stopped
	Delay       time.Duration
}

// Except is where frames to some destinations come out instead.
type Except struct {
	Destination *gen.Pool
	To          []int // by From
}

// Limits of a Spec.
const (
	MaxCircuits  = 16_000
	maxFlows     = 16 << 20 // of all streams: some 150 bytes each
	defaultFlows = 1024
	discardName  = "discard"
	defaultVRF   = "default"
)

// Spec gives the words a meaning and checks them. Table files are read. Errors are *gen.SyntaxError, of the file or of a table
// file, or *FlagError.
func (d *Document) Spec() (*Spec, error) {
	r := reader{Document: d, spec: &Spec{Seed: 1}, ports: map[string]int{}, vrfs: map[string]int{},
		groups: map[string][]int{}, places: map[[2]int]int{}, pools: map[string]*gen.Pool{}}
	if err := r.read(); err != nil {
		return nil, err
	}
	return r.spec, nil
}

// reader turns a Document into a Spec.
type reader struct {
	*Document
	spec   *Spec
	lines  []gen.Rate // by port
	ports  map[string]int
	vrfs   map[string]int
	groups map[string][]int // circuits by the name of a circuit or a group
	places map[[2]int]int   // circuit by port and VLAN
	pools  map[string]*gen.Pool
	flows  int
}

func (r *reader) read() (err error) {
	if r.Seed.Text != "" {
		if r.spec.Seed, err = strconv.ParseUint(r.Seed.Text, 10, 64); err != nil {
			return r.wrong(r.Seed, "a seed is a number from 0 to %d", uint64(math.MaxUint64))
		}
	}
	for i := range r.Ports {
		if err := r.port(&r.Ports[i]); err != nil {
			return err
		}
	}
	for i := range r.Circuits {
		if err := r.circuit(&r.Circuits[i]); err != nil {
			return err
		}
	}
	names := map[string]bool{}
	for i := range r.Streams {
		if err := r.stream(&r.Streams[i]); err != nil {
			return err
		}
		if name := r.spec.Streams[i].Name; names[name] {
			return r.wrong(r.Streams[i].Name, "stream %q for the second time", name)
		} else {
			names[name] = true
		}
	}
	if len(r.spec.Streams) == 0 {
		return r.wrong(Word{Line: 1, Column: 1}, "no streams: there is nothing to send or to expect")
	}
	return nil
}

func (r *reader) port(e *PortEntry) (err error) {
	if e.Name.Text == "" {
		return r.wrong(e.At, "a port needs a name")
	}
	if _, ok := r.ports[e.Name.Text]; ok {
		return r.wrong(e.Name, "port %q for the second time", e.Name.Text)
	}
	device := e.Interface
	if device.Text == "" {
		device = e.Name
	}
	at, err := r.addPort(e.Name.Text, device)
	if err != nil {
		return err
	}
	if e.Line.Text != "" {
		if r.lines[at], err = gen.ParseRate(e.Line.Text); err != nil {
			return r.wrong(e.Line, "%v", err)
		}
		if u := r.lines[at].Unit; u != gen.FramesPerSecond && u != gen.BitsPerSecond {
			return r.wrong(e.Line, "a line's rate is in pps or bit/s")
		}
	}
	return nil
}

func (r *reader) addPort(name string, device Word) (int, error) {
	p, err := ParsePort(device.Text)
	if err != nil {
		return 0, r.wrong(device, "%v", err)
	}
	p.Name = name
	r.ports[name] = len(r.spec.Ports)
	r.spec.Ports, r.lines = append(r.spec.Ports, p), append(r.lines, gen.Rate{})
	return len(r.spec.Ports) - 1, nil
}

// ParsePort reads an interface, "name" or "name@namespace", as a port of that name.
func ParsePort(device string) (Port, error) {
	p := Port{Name: device}
	var in bool
	if p.Interface, p.Netns, in = strings.Cut(device, "@"); p.Interface == "" || in && p.Netns == "" {
		return p, fmt.Errorf("%q is not an interface: name, or name@namespace", device)
	}
	return p, nil
}

func (r *reader) circuit(e *CircuitEntry) (err error) {
	name := e.Name.Text
	switch {
	case name == "":
		return r.wrong(e.At, "a circuit needs a name")
	case name == discardName:
		return r.wrong(e.Name, "no circuit can have this name: \"to: discard\" says that frames must not come out")
	case r.groups[name] != nil:
		return r.wrong(e.Name, "circuit %q for the second time", name)
	case e.Port.Text == "":
		return r.wrong(e.At, "circuit %s needs a port", name)
	}
	c := Circuit{}
	var ok bool
	if c.Port, ok = r.ports[e.Port.Text]; !ok {
		if c.Port, err = r.addPort(e.Port.Text, e.Port); err != nil {
			return err
		}
	}
	first, last, err := r.vlans(e.VLAN)
	if err != nil {
		return err
	}
	if e.MAC.Text != "" {
		if c.MAC, err = r.mac(e.MAC); err != nil {
			return err
		}
	}
	if e.GatewayMAC.Text != "" {
		if c.GatewayMAC, err = r.mac(e.GatewayMAC); err != nil {
			return err
		}
	}
	if e.Gateway.Text != "" {
		one, err := gen.ParsePool([]string{e.Gateway.Text}, r.Dir)
		if err != nil || one.Size() != 1 {
			return r.wrong(e.Gateway, "%q is not an IPv4 address", e.Gateway.Text)
		}
		c.Gateway = one.First()
	}
	if c.Addresses, err = r.pool(e.Address); err != nil {
		return err
	}
	for vlan := first; vlan <= last; vlan++ {
		if len(r.spec.Circuits) == MaxCircuits {
			return r.wrong(e.At, "more than %d circuits", MaxCircuits)
		}
		if c.VLAN, c.Name = uint16(vlan), name; first != last {
			c.Name = fmt.Sprintf("%s/%d", name, vlan)
		}
		at := [2]int{c.Port, vlan}
		if other, ok := r.places[at]; ok {
			return r.wrong(e.At, "%s is circuit %s already", r.spec.place(&c), r.spec.Circuits[other].Name)
		}
		r.places[at] = len(r.spec.Circuits)
		vrf := e.VRF.Text
		if vrf == "" {
			vrf = defaultVRF
		}
		c.VRF = r.vrf(strings.ReplaceAll(vrf, "{vlan}", strconv.Itoa(vlan)))
		if r.groups[name] = append(r.groups[name], len(r.spec.Circuits)); first != last {
			r.groups[c.Name] = []int{len(r.spec.Circuits)}
		}
		r.spec.Circuits = append(r.spec.Circuits, c)
	}
	return nil
}

// place names a circuit by port and VLAN.
func (s *Spec) place(c *Circuit) string {
	if c.VLAN == 0 {
		return fmt.Sprintf("%s untagged", s.Ports[c.Port].Name)
	}
	return fmt.Sprintf("%s VLAN %d", s.Ports[c.Port].Name, c.VLAN)
}

func (r *reader) vrf(name string) int {
	at, ok := r.vrfs[name]
	if !ok {
		at = len(r.spec.VRFs)
		r.vrfs[name], r.spec.VRFs = at, append(r.spec.VRFs, name)
	}
	return at
}

func (r *reader) vlans(w Word) (first, last int, err error) {
	if w.Text == "" {
		return 0, 0, nil
	}
	from, to, group := strings.Cut(w.Text, "-")
	if first, err = strconv.Atoi(from); err == nil {
		if last = first; group {
			last, err = strconv.Atoi(to)
		}
	}
	if err != nil || first < 0 || last > 4094 || last < first || group && first == 0 {
		return 0, 0, r.wrong(w, "a VLAN is 1 to 4094, a group of them 1-1000, and 0 is untagged")
	}
	return first, last, nil
}

func (r *reader) mac(w Word) (mac packet.MAC, err error) {
	b, err := net.ParseMAC(w.Text)
	if err != nil || len(b) != len(mac) || b[0]&1 != 0 || [6]byte(b) == ([6]byte{}) {
		return mac, r.wrong(w, "%q is not a station's MAC address: 02:00:00:00:00:01", w.Text)
	}
	return packet.MAC(b), nil
}

// pool reads addresses; nil for none. Equal lists are one pool.
func (r *reader) pool(words []Word) (*gen.Pool, error) {
	if len(words) == 0 {
		return nil, nil
	}
	var items []string
	var from []Word
	for _, w := range words {
		for item := range strings.SplitSeq(w.Text, ",") {
			items, from = append(items, item), append(from, w)
		}
	}
	key := strings.Join(items, ",")
	if p := r.pools[key]; p != nil {
		return p, nil
	}
	p, err := gen.ParsePool(items, r.Dir)
	if err != nil {
		return nil, r.wrong(from[err.(*gen.PoolError).Item], "%v", err)
	}
	r.pools[key] = p
	return p, nil
}

func (r *reader) stream(e *StreamEntry) (err error) {
	s := Stream{Name: e.Name.Text, Flows: defaultFlows, TTL: 64, Burst: 1, Sizes: gen.FixedSize(gen.MinSize)}
	if s.Name == "" {
		s.Name = fmt.Sprintf("stream %d", len(r.spec.Streams)+1)
	}
	for _, need := range []struct {
		key string
		is  bool
	}{
		{"from: the circuit that its frames enter the router on", e.From.Text != ""},
		{"to: the circuit that they come out on, or discard", e.To.Text != ""},
		{"destination: addresses", len(e.Destination) > 0},
		{"rate: such as 1000pps, 10Mbit/s or max", e.Rate.Text != ""},
	} {
		if !need.is {
			return r.wrong(e.At, "%s lacks %s", s.Name, need.key)
		}
	}
	if s.From = r.groups[e.From.Text]; s.From == nil {
		return r.unknown(e.From)
	}
	if s.To, err = r.to(e.To, s.From); err != nil {
		return err
	}
	for _, x := range e.Except {
		if x.To.Text == "" || len(x.Destination) == 0 {
			return r.wrong(x.At, "an exception needs destination and to")
		}
		var one Except
		if one.To, err = r.to(x.To, s.From); err != nil {
			return err
		}
		if one.Destination, err = r.pool(x.Destination); err != nil {
			return err
		}
		s.Except = append(s.Except, one)
	}
	if len(e.Source) == 0 {
		e.Source = []Word{{Text: "10.0.0.0/8"}}
	}
	if s.Source, err = r.pool(e.Source); err != nil {
		return err
	}
	if s.Destination, err = r.pool(e.Destination); err != nil {
		return err
	}
	if !unicast(s.Source) {
		return r.wrong(e.Source[0], "no unicast address: 0/8, 127/8 and 224/3 are not forwarded")
	}
	if !unicast(s.Destination) {
		return r.wrong(e.Destination[0], "no unicast address: 0/8, 127/8 and 224/3 are not forwarded")
	}
	if err := r.load(e, &s); err != nil {
		return err
	}
	s.First = uint32(r.flows)
	if r.flows += s.Flows; r.flows > maxFlows {
		return r.wrong(e.At, "more than %d flows in all streams", maxFlows)
	}
	r.spec.Streams = append(r.spec.Streams, s)
	return nil
}

// unicast tells whether a pool has addresses that a router forwards (RFC 1812 5.3.7).
func unicast(p *gen.Pool) bool {
	return slices.ContainsFunc(p.Routes, func(r lpm.Route) bool {
		first, last := r.Addr>>24, r.Addr>>24
		if r.Len < 8 {
			last += 1<<(8-r.Len) - 1
		}
		return first < 224 && last > 0 && (first != 127 || last != 127)
	})
}

func (r *reader) unknown(w Word) error {
	var names []string
	for _, e := range r.Circuits {
		names = append(names, e.Name.Text)
	}
	return r.wrong(w, "no circuit %q: there are %s", w.Text, strings.Join(names, ", "))
}

// to pairs circuits: group with group, or all with one.
func (r *reader) to(w Word, from []int) ([]int, error) {
	to := make([]int, len(from))
	group := r.groups[w.Text]
	switch {
	case w.Text == discardName:
		for i := range to {
			to[i] = Discard
		}
	case group == nil:
		return nil, r.unknown(w)
	case len(group) == len(from):
		copy(to, group)
	case len(group) == 1:
		for i := range to {
			to[i] = group[0]
		}
	default:
		return nil, r.wrong(w, "%s has %d circuits and the stream comes from %d: 1, or as many, are possible", w.Text, len(group), len(from))
	}
	return to, nil
}

// load reads sizes, rate and limits.
func (r *reader) load(e *StreamEntry, s *Stream) (err error) {
	if e.Keys.Text != "" {
		if s.Keys, err = gen.ParseKeys(e.Keys.Text); err != nil || s.Keys == gen.Uniform {
			return r.wrong(e.Keys, "routed, covered and each are possible")
		}
	}
	if e.Size.Text != "" {
		if s.Sizes, err = gen.ParseSizes(e.Size.Text); err != nil {
			return r.wrong(e.Size, "%v", err)
		}
	}
	rate, err := gen.ParseRate(e.Rate.Text)
	if err != nil {
		return r.wrong(e.Rate, "%v", err)
	}
	port := r.spec.Circuits[s.From[0]].Port
	if s.Rate, err = rate.Frames(s.Sizes, r.lines[port]); err != nil {
		return r.wrong(e.Rate, "%% of what? Give port %s a line: rate", r.spec.Ports[port].Name)
	}
	if s.Rate > gen.MaxRate {
		return r.wrong(e.Rate, "at most %g frames a second are possible", gen.MaxRate)
	}
	s.Flows = max(s.Flows, len(s.From))
	for _, n := range []struct {
		word     Word
		to       *int
		low, top int
	}{{e.Flows, &s.Flows, 1, gen.MaxFlows}, {e.Burst, &s.Burst, 1, MaxBurst}} {
		if n.word.Text == "" {
			continue
		}
		if *n.to, err = strconv.Atoi(n.word.Text); err != nil || *n.to < n.low || *n.to > n.top {
			return r.wrong(n.word, "a number from %d to %d is possible", n.low, n.top)
		}
	}
	if e.TTL.Text != "" {
		n, err := strconv.ParseUint(e.TTL.Text, 10, 8)
		if err != nil || n == 0 {
			return r.wrong(e.TTL, "a TTL is 1 to 255")
		}
		s.TTL = uint8(n)
	}
	if e.Count.Text != "" {
		if s.Count, err = strconv.ParseUint(e.Count.Text, 10, 62); err != nil {
			return r.wrong(e.Count, "a number of frames is needed")
		}
	}
	for _, t := range []struct {
		word Word
		to   *time.Duration
	}{{e.Duration, &s.Duration}, {e.Delay, &s.Delay}} {
		if t.word.Text == "" {
			continue
		}
		if *t.to, err = time.ParseDuration(t.word.Text); err != nil || *t.to < 0 || *t.to > MaxTime {
			return r.wrong(t.word, "a time such as 500ms, 10s or 5m is needed, at most %v", MaxTime)
		}
	}
	return nil
}

// MaxTime is the longest duration and delay.
const MaxTime = 1000 * time.Hour

// MaxBurst is the largest burst of a stream.
const MaxBurst = 4096
