package router

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"vrfwd/forwarder"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// Explain tells what becomes of a packet to an address that enters a VRF by an interface, step by step, as the workers
// decide it: what the RIB says, and what the FIB holds. iface "" stands for the VRF's first primary interface. neighbors
// are the slow path's, for their states; workers have the counters of groups.
func Explain(t *vrftable.Table, vr, address, iface string, neighbors []Neighbor, workers ...*forwarder.Worker) (*Lookup, error) {
	addr, err := netip.ParseAddr(address)
	if err != nil || !addr.Is4() {
		return nil, bad("lookup %s: an IPv4 address such as 192.0.2.1 is needed", address)
	}
	if vr == "" {
		vr = vrftable.Parent
	}
	table, ok := t.VRTable(vr)
	if !ok {
		return nil, bad("lookup: there is no VRF %s; known: %s", vr, vrNames(t))
	}
	e := &explainer{t: t, vr: vr, table: table, addr: addr, neighbors: neighbors, workers: workers,
		l: &Lookup{Address: addr.String(), VRF: vr, Fallback: table == 0}}
	if err := e.ingress(iface); err != nil {
		return nil, err
	}
	e.decide()
	return e.l, nil
}

func vrNames(t *vrftable.Table) string {
	const most = 10
	var names []string
	all := t.VRs()
	for _, v := range all[:min(len(all), most)] {
		names = append(names, v.Name)
	}
	if len(all) > most {
		names = append(names, fmt.Sprintf("and %d more", len(all)-most))
	}
	return strings.Join(names, ", ")
}

// explainer is an explanation being made.
type explainer struct {
	t         *vrftable.Table
	vr        string
	table     uint16
	addr      netip.Addr
	neighbors []Neighbor
	workers   []*forwarder.Worker
	l         *Lookup
}

func (e *explainer) step(name, format string, args ...any) {
	e.l.Steps = append(e.l.Steps, Step{name, fmt.Sprintf(format, args...)})
}

// ingress finds the interface that the packet enters by: fallback is a flag of it (DESIGN 3.2).
func (e *explainer) ingress(name string) error {
	var in, other *vrftable.InterfaceInfo
	for _, i := range e.t.Interfaces() {
		primary := i.VR == e.vr && !i.Shared && i.Layer2 != ""
		switch {
		case name != "" && i.Name == name && !primary:
			return bad("lookup: interface %s is %s in %s: packets enter %s by its primary interfaces only", name, kindOf(i), i.VR, e.vr)
		case primary && (name == i.Name || name == "" && in == nil):
			in = &i
		case primary && in != nil && i.FallbackGlobal != in.FallbackGlobal && other == nil:
			other = &i
		}
	}
	switch {
	case in == nil && name != "":
		return bad("lookup: %s has no interface %s", e.vr, name)
	case in == nil:
		e.step("ingress", "%s has no primary interface that packets could enter by: taken as without fallback", e.vr)
		return nil
	}
	e.l.Interface, e.l.Fallback = in.Name, in.FallbackGlobal || e.table == 0
	state := ""
	if !in.Up {
		state = ", which is DOWN: nothing is received by it"
	}
	e.step("ingress", "by %s (primary of %s on %s: %s)%s", in.Name, in.VR, in.Layer2, place(in.Port, int(in.VLAN)), state)
	if name == "" && other != nil && e.table != 0 {
		e.step("ingress", "%s differs in fallback global: ask with --interface %s", other.Name, other.Name)
	}
	return nil
}

func kindOf(i vrftable.InterfaceInfo) string {
	switch {
	case i.Layer2 == "":
		return "loopback"
	case i.Shared:
		return "shared"
	}
	return "primary"
}

func place(port string, vlan int) string {
	if vlan == 0 {
		return "port " + port + ", untagged"
	}
	return fmt.Sprintf("port %s, VLAN %d", port, vlan)
}

// decide follows DESIGN 3.3: any match of the VRF, else, where the ingress allows it, the parent's longest match.
func (e *explainer) decide() {
	if martian(e.addr) {
		e.step("validate", "%v is no address that a router forwards to (RFC 1812 5.3.7)", e.addr)
		e.verdict("drop", forwarder.MartianDestination)
		return
	}
	sizes := map[string]int{}
	for _, v := range e.t.VRs() {
		sizes[v.Name] = v.Prefixes
	}
	r, found := e.t.LookupRIB(e.vr, e.addr)
	first := "vrf"
	if e.table == 0 {
		first = "parent"
	}
	if found {
		e.step(first, "%s has %s", e.vr, describe(r))
	} else {
		e.step(first, "%s has no route to it among %d prefixes", e.vr, sizes[e.vr])
	}
	if !found && e.table != 0 {
		if !e.l.Fallback {
			e.step("fallback", "off: the parent's table is not asked")
		} else {
			e.step("fallback", "on: the parent's table is asked, %d prefixes", sizes[vrftable.Parent])
			if r, found = e.t.LookupRIB(vrftable.Parent, e.addr); found {
				e.step("parent", "%s has %s", vrftable.Parent, describe(r))
			} else {
				e.step("parent", "%s has no route to it", vrftable.Parent)
			}
		}
	}
	if found {
		route := routeOf(r)
		e.l.Route = &route
		e.resolve(r)
	}
	e.fib(r, found)
}

func martian(a netip.Addr) bool {
	first := a.As4()[0]
	return first == 0 || first == 127 || first >= 224
}

func describe(r vrftable.RouteInfo) string {
	s := fmt.Sprintf("%v: %v, distance %d, %s", r.Prefix, r.Source, r.Distance, nextHopText(routeOf(r)))
	switch {
	case r.From == "":
	case r.VR == vrftable.Parent:
		s += ", exported by " + r.From
	default:
		s += ", imported from " + r.From
	}
	return s
}

// resolve tells how the route's gateway leads to an egress interface.
func (e *explainer) resolve(r vrftable.RouteInfo) {
	if r.InGroup {
		e.group(r.Group)
		return
	}
	if r.Egress == "" {
		return
	}
	to := r.Neighbor
	if !to.IsValid() {
		to = e.addr
	}
	switch {
	case r.Kind == vrftable.Local:
		return
	case r.Gateway.IsValid() && r.Interface != "":
		e.step("resolve", "the route names %s: %v is a neighbour there", r.Interface, r.Gateway)
	case r.Gateway.IsValid() && r.Gateway != r.Neighbor:
		e.step("resolve", "%v is reached by routes of %s, in the end by the neighbour %v", r.Gateway, originOf(r), to)
	case r.Gateway.IsValid():
		e.step("resolve", "%v is in a network connected to %s", r.Gateway, r.Egress)
	}
	for _, i := range e.t.Interfaces() {
		if i.Name != r.Egress {
			continue
		}
		what := kindOf(i)
		if i.Shared {
			what = "share, send only,"
		}
		e.step("egress", "%s: %s of %s on %s: %s, MTU %d", i.Name, what, i.VR, i.Layer2, place(i.Port, int(i.VLAN)), i.MTU)
		e.neighbor(i, to)
	}
}

// group tells between which next hops the flow's hash chooses.
func (e *explainer) group(number uint16) {
	for _, g := range e.t.Groups() {
		if g.Number != number {
			continue
		}
		out := groupOf(g, e.workers)
		e.l.Group = &out
		e.step("group", "%d: %d equal next hops, of which the flow (addresses, protocol and ports) chooses one", number, len(out.Members))
		for _, m := range out.Members {
			if m.Egress == "" {
				e.step("member", "%s: cannot be used now", m.nextHop())
			} else {
				e.step("member", "%s: by %s, %d of %d buckets", m.nextHop(), m.egress(), m.Buckets, vrftable.GroupBuckets)
			}
		}
	}
}

func originOf(r vrftable.RouteInfo) string {
	if r.From != "" {
		return r.From
	}
	return r.VR
}

func (e *explainer) neighbor(i vrftable.InterfaceInfo, to netip.Addr) {
	for _, n := range e.neighbors {
		if n.Layer2 == i.Layer2 && n.Address == to.String() {
			e.l.Neighbor = &n
			if n.MAC == "" {
				e.step("neighbor", "%s on %s: %s, its MAC address has been asked for", n.Address, n.Layer2, n.State)
			} else {
				e.step("neighbor", "%s on %s is %s: %s", n.Address, n.Layer2, n.MAC, n.State)
			}
			return
		}
	}
	e.step("neighbor", "%v on %s: not known, a packet makes the slow path ask for it", to, i.Layer2)
}

// fib looks the address up as a worker does, and tells what the hop stands for.
func (e *explainer) fib(r vrftable.RouteInfo, found bool) {
	reader := e.t.Domain().Register()
	defer reader.Close()
	reader.Online()
	v := e.t.View()
	flags := uint16(0)
	if e.l.Fallback {
		flags = lpm.Fallback
	}
	octets := e.addr.As4()
	key := lpm.Key{Addr: uint32(octets[0])<<24 | uint32(octets[1])<<16 | uint32(octets[2])<<8 | uint32(octets[3]),
		Table: e.table, Flags: flags}
	var hop [1]lpm.Hop
	v.VRFs.LookupDual([]lpm.Key{key}, hop[:])
	a := v.Adj[hop[0]]
	want := r.Hop
	if e.l.Group != nil {
		want = lpm.Hop(e.l.Group.Hop)
	}
	if found != (hop[0] != 0) || found && hop[0] != want {
		e.step("fib", "holds another hop than the route's (%d, not %d): the table is changing, ask again", hop[0], want)
	}
	e.adjacency(int(hop[0]), &a)
}

func (e *explainer) adjacency(hop int, a *vrftable.Adjacency) {
	if a.Kind != vrftable.NoRoute {
		e.l.Adjacency = e.adjacencyOf(hop, a)
		e.step("adjacency", "%s", adjacencyText(e.l.Adjacency))
	}
	switch a.Kind {
	case vrftable.Forward, vrftable.Group:
		e.verdict("forward", 0)
	case vrftable.Discard:
		e.verdict("drop", forwarder.Discard)
	case vrftable.Reject:
		e.verdict("slow", forwarder.Reject)
	case vrftable.Local:
		e.verdict("slow", forwarder.Local)
	case vrftable.Glean:
		e.verdict("slow", forwarder.Glean)
	default:
		e.verdict("slow", forwarder.NoRoute)
	}
}

func (e *explainer) adjacencyOf(hop int, a *vrftable.Adjacency) *Adjacency {
	out := &Adjacency{Hop: hop, Kind: kindName(a.Kind), Interface: e.t.InterfaceName(a.Iface), MTU: int(a.MTU)}
	if a.Gateway != 0 {
		out.Gateway = netip.AddrFrom4([4]byte{byte(a.Gateway >> 24), byte(a.Gateway >> 16), byte(a.Gateway >> 8), byte(a.Gateway)}).String()
	}
	for _, i := range e.t.Interfaces() {
		if i.Index == a.Iface && i.Layer2 != "" {
			out.Port, out.VLAN = i.Port, int(i.VLAN)
		}
	}
	if a.HdrLen > 0 {
		out.Destination = vrftable.MAC(a.Header[:6]).String()
		out.Source = vrftable.MAC(a.Header[6:12]).String()
		out.Header = hex.EncodeToString(a.Header[:a.HdrLen])
	}
	return out
}

func adjacencyText(a *Adjacency) string {
	s := fmt.Sprintf("hop %d: %s", a.Hop, a.Kind)
	if a.Interface != "" {
		s += " on " + a.Interface
	}
	if a.Header != "" {
		s += fmt.Sprintf(", to %s from %s", a.Destination, a.Source)
		if a.VLAN != 0 {
			s += fmt.Sprintf(", VLAN %d", a.VLAN)
		}
	}
	return s
}

func kindName(k vrftable.Kind) string {
	switch k {
	case vrftable.Forward:
		return "forward"
	case vrftable.Discard:
		return "discard"
	case vrftable.Reject:
		return "reject"
	case vrftable.Local:
		return "local"
	case vrftable.Glean:
		return "glean"
	case vrftable.Group:
		return "group"
	}
	return "no route"
}

// verdict ends the explanation. What the slow path takes says what it does with it.
func (e *explainer) verdict(verdict string, r forwarder.Reason) {
	e.l.Verdict = verdict
	if verdict == "forward" && e.l.Adjacency.Kind == "group" {
		e.step("verdict", "forwarded by that member, if its TTL is 2 or more and it is not longer than the MTU there")
		return
	}
	if verdict == "forward" {
		e.step("verdict", "forwarded out of %s, if its TTL is 2 or more and it is at most %d bytes long", e.l.Adjacency.Interface, e.l.Adjacency.MTU)
		return
	}
	e.l.Reason = r.String()
	does := map[forwarder.Reason]string{
		forwarder.MartianDestination: "dropped",
		forwarder.Discard:            "dropped silently",
		forwarder.Reject:             "dropped, answered with ICMP host unreachable",
		forwarder.NoRoute:            "dropped, answered with ICMP net unreachable",
		forwarder.Local:              "delivered to the router itself",
		forwarder.Glean:              "kept until the neighbour's MAC address is known, then forwarded",
	}
	e.step("verdict", "%s (counted as %q)", does[r], r)
}
