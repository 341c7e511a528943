package router

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"vrfwd/bgp"
	"vrfwd/vrftable"
)

// BGPSummary lists the BGP neighbours, a line for each.
type BGPSummary struct {
	Neighbors []BGPNeighbor `json:"neighbors"`
}

// BGPNeighbors lists BGP neighbours with everything that is known of them.
type BGPNeighbors struct {
	Neighbors []BGPNeighbor `json:"neighbors"`
}

// BGPNeighbor is a BGP neighbour and its session.
type BGPNeighbor struct {
	VR           string      `json:"vr"`
	Address      string      `json:"address"`
	AS           uint32      `json:"as"`
	Local        string      `json:"local"`
	LocalAS      uint32      `json:"local_as"`
	ID           string      `json:"id,omitempty"` // its BGP identifier, once it has told it
	Description  string      `json:"description,omitempty"`
	State        string      `json:"state"`   // Idle, Connect, Active, OpenSent, OpenConfirm or Established
	Since        float64     `json:"since_s"` // it is in that state, in seconds
	Flaps        uint64      `json:"flaps"`   // sessions that have ended
	LastError    string      `json:"last_error,omitempty"`
	Hold         float64     `json:"hold_s"` // agreed; 0: none
	Capabilities []string    `json:"capabilities,omitempty"`
	Stale        bool        `json:"stale"` // its routes are kept while it restarts
	Accepted     int         `json:"accepted"`
	Advertised   int         `json:"advertised"`
	MaxPrefixes  int         `json:"max_prefixes,omitempty"` // 0: no limit
	Received     BGPMessages `json:"received"`
	Sent         BGPMessages `json:"sent"`
}

// BGPMessages counts what has passed in one direction of a session.
type BGPMessages struct {
	Opens         uint64 `json:"opens"`
	Updates       uint64 `json:"updates"`
	Notifications uint64 `json:"notifications"`
	Keepalives    uint64 `json:"keepalives"`
	Refreshes     uint64 `json:"refreshes"`
	Announced     uint64 `json:"announced"` // prefixes in updates
	Withdrawn     uint64 `json:"withdrawn"`
	Malformed     uint64 `json:"malformed"` // updates treated as withdrawals
	Refused       uint64 `json:"refused"`   // announced prefixes that were not taken: loops, martians
}

// byType returns the messages by their type.
func (m BGPMessages) byType() map[string]uint64 {
	return map[string]uint64{"open": m.Opens, "update": m.Updates, "notification": m.Notifications, "keepalive": m.Keepalives,
		"refresh": m.Refreshes}
}

// BGPRoute is a route of BGP, or what a neighbour was told of one.
type BGPRoute struct {
	VR              string   `json:"vr"`
	Prefix          string   `json:"prefix"`
	Best            bool     `json:"best"`               // in use; of what a neighbour was told: true
	Source          string   `json:"source,omitempty"`   // ebgp, ibgp or originated; "": what a neighbour was told
	Neighbor        string   `json:"neighbor,omitempty"` // whom it is from, or who was told
	From            string   `json:"from,omitempty"`     // imported or exported from this VR
	Why             string   `json:"why,omitempty"`      // what decided for the best path, or against another
	NextHop         string   `json:"next_hop,omitempty"`
	LocalPreference uint32   `json:"local_preference"`
	MED             uint32   `json:"med"`
	Origin          string   `json:"origin"` // igp, egp or incomplete
	ASPath          []uint32 `json:"as_path"`
	Communities     []string `json:"communities,omitempty"`
}

// BGPCleared lists the sessions that were cleared.
type BGPCleared struct {
	How     string        `json:"how"` // hard, in or out
	Cleared []BGPEndpoint `json:"cleared"`
}

// BGPEndpoint is a neighbour's place.
type BGPEndpoint struct {
	VR      string `json:"vr"`
	Address string `json:"address"`
}

// bgpNeighbors lists the neighbours of a VR, or of all for "": the one with an address, or all for "".
func (r *Router) bgpNeighbors(vr, address string) ([]BGPNeighbor, error) {
	infos, err := r.selectNeighbors(vr, address)
	if err != nil {
		return nil, err
	}
	out := []BGPNeighbor{}
	for _, n := range infos {
		e := BGPNeighbor{
			VR: vrOf(n.VR), Address: n.Addr.String(), AS: n.AS, Local: n.Local.String(), LocalAS: n.LocalAS, Description: n.Description,
			State: n.State.String(), Since: time.Since(n.Since).Seconds(), Flaps: n.Flaps, LastError: n.LastError,
			Hold: n.Hold.Seconds(), Capabilities: n.Capabilities, Stale: n.Stale, Accepted: n.Accepted, Advertised: n.Advertised,
			MaxPrefixes: n.MaxPrefixes, Received: BGPMessages(n.Received), Sent: BGPMessages(n.Sent),
		}
		if n.ID.IsValid() {
			e.ID = n.ID.String()
		}
		out = append(out, e)
	}
	return out, nil
}

// selectNeighbors finds neighbours. Errors say what there is.
func (r *Router) selectNeighbors(vr, address string) ([]bgp.NeighborInfo, error) {
	if _, ok := r.table.VRTable(vr); !ok {
		return nil, bad("bgp: there is no VRF %s; known: %s", vr, vrNames(r.table))
	}
	all := r.bgp.Neighbors()
	there := func(n bgp.NeighborInfo) bool { return vr == "" || vrOf(n.VR) == vr }
	if address == "" {
		return slices.DeleteFunc(all, func(n bgp.NeighborInfo) bool { return !there(n) }), nil
	}
	addr, err := neighborAddress(address)
	if err != nil {
		return nil, err
	}
	var found []bgp.NeighborInfo
	var known []string
	for _, n := range all {
		if there(n) && n.Addr == addr {
			found = append(found, n)
		}
		known = append(known, n.Addr.String()+" in "+vrOf(n.VR))
	}
	if len(found) == 0 {
		if len(known) == 0 {
			known = []string{"none"}
		}
		where := ""
		if vr != "" {
			where = " in " + vr
		}
		return nil, bad("bgp: there is no neighbour %v%s; known: %s", addr, where, strings.Join(known, ", "))
	}
	return found, nil
}

func neighborAddress(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil || !addr.Is4() {
		return addr, bad("bgp: %q is not a neighbour's IPv4 address such as 192.0.2.1", s)
	}
	return addr, nil
}

// clearKinds are the ways to clear a session, by their names in requests.
var clearKinds = map[string]bgp.ClearKind{"hard": bgp.ClearHard, "in": bgp.ClearIn, "out": bgp.ClearOut}

// allNeighbors is the neighbour of a request that clears every session.
const allNeighbors = "all"

// clearBGP clears a neighbour's session, in the parent if no VR is named, or, for "all", those of a VR or of every VR.
func (r *Router) clearBGP(q Request) (*BGPCleared, error) {
	kind, ok := clearKinds[q.Clear]
	if !ok {
		return nil, bad("bgp: clear %q: hard, in and out are known", q.Clear)
	}
	vr, address := q.VRF, q.Neighbor
	switch address {
	case "":
		return nil, bad("bgp: whose session is to be cleared? A neighbour's address or all is needed")
	case allNeighbors:
		address = ""
	default:
		vr = vrOf(vr)
	}
	infos, err := r.selectNeighbors(vr, address)
	if err != nil {
		return nil, err
	}
	out := &BGPCleared{How: q.Clear, Cleared: []BGPEndpoint{}}
	for _, n := range infos {
		if err := r.bgp.Clear(bgpVR(n.VR), n.Addr, kind); err != nil {
			return nil, err
		}
		out.Cleared = append(out.Cleared, BGPEndpoint{vrOf(n.VR), n.Addr.String()})
	}
	return out, nil
}

// showBGPRoutes hands the BGP routes of a VR to yield, as ShowRoutes does: all, those from a neighbour, or what that
// neighbour was told.
func (r *Router) showBGPRoutes(q Request, yield func(BGPRoute) error) error {
	vr := vrOf(q.VRF)
	var neighbor netip.Addr
	switch {
	case q.Neighbor != "":
		infos, err := r.selectNeighbors(vr, q.Neighbor)
		if err != nil {
			return err
		}
		neighbor = infos[0].Addr
	case q.Advertised:
		return bad("bgp: what was advertised to whom? A neighbour is needed")
	}
	if q.Advertised {
		return r.showAdvertised(vr, neighbor, q.Prefix, yield)
	}
	return eachRoute(r.table, vr, q.Prefix, func(i vrftable.RouteInfo) error {
		if i.Source != vrftable.EBGP && i.Source != vrftable.IBGP && i.Source != vrftable.Originated ||
			neighbor.IsValid() && i.Peer.Addr != neighbor {
			return nil
		}
		out := bgpRouteOf(i.VR, i.Prefix, i.Attrs)
		out.Best, out.Source, out.From = i.Best, i.Source.String(), i.From
		if i.Peer.Addr.IsValid() {
			out.Neighbor = i.Peer.Addr.String()
		}
		out.Why = i.Why.String()
		return yield(out)
	})
}

// showAdvertised hands over what a neighbour was told. An address asks for the longest prefix that holds it.
func (r *Router) showAdvertised(vr string, neighbor netip.Addr, filter string, yield func(BGPRoute) error) error {
	if addr, err := netip.ParseAddr(filter); err == nil && addr.Is4() {
		for bits := 32; bits >= 0; bits-- {
			told := r.advertised(vr, neighbor, piece{netip.PrefixFrom(addr, bits).Masked(), true})
			if len(told) > 0 {
				return yield(told[0])
			}
		}
		return nil
	}
	within, err := withinOf(filter)
	if err != nil {
		return err
	}
	for p := range pieces(within) {
		for _, route := range r.advertised(vr, neighbor, p) {
			if err := yield(route); err != nil {
				return err
			}
		}
	}
	return nil
}

// advertised collects a piece of what a neighbour was told: whoever takes it may take his time.
func (r *Router) advertised(vr string, neighbor netip.Addr, p piece) (all []BGPRoute) {
	for prefix, attrs := range r.bgp.Advertised(bgpVR(vr), neighbor, p.Prefix) {
		if p.exactly && prefix != p.Prefix {
			break // they come in the order of their prefixes
		}
		route := bgpRouteOf(vr, prefix, &attrs)
		route.Best, route.Neighbor = true, neighbor.String()
		all = append(all, route)
	}
	return all
}

var originNames = map[vrftable.Origin]string{vrftable.OriginIGP: "igp", vrftable.OriginEGP: "egp",
	vrftable.OriginIncomplete: "incomplete"}

// bgpRouteOf is a route with its attributes; nil: it has none.
func bgpRouteOf(vr string, prefix netip.Prefix, a *vrftable.Attributes) BGPRoute {
	out := BGPRoute{VR: vr, Prefix: prefix.String(), LocalPreference: vrftable.DefaultLocalPref, Origin: originNames[vrftable.OriginIGP],
		ASPath: []uint32{}}
	if a == nil {
		return out
	}
	if a.NextHop.IsValid() {
		out.NextHop = a.NextHop.String()
	}
	if a.LocalPref != 0 {
		out.LocalPreference = a.LocalPref
	}
	out.MED, out.Origin = a.MED, originNames[a.Origin]
	out.ASPath = append(out.ASPath, a.ASPath...)
	for _, c := range a.Communities {
		out.Communities = append(out.Communities, c.String())
	}
	return out
}
