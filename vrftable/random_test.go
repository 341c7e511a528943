package vrftable

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gaissmai/bart"
	"vrfwd/lpm"
)

// world makes random changes, most of them acceptable, over a small set of names and addresses, so that everything
// meets everything.
type world struct {
	*rand.Rand
	tw *twin
}

var (
	randomPorts  = []string{"p0", "p1", "p2"}
	randomVRs    = []string{"", "a", "b", "c"}
	randomVRFs   = randomVRs[1:]
	randomLists  = []string{"l0", "l1", "l2"}
	randomMaps   = []string{"m0", "m1", "m2"}
	randomPaths  = []string{"_2_", "^1_", "_3$", "^$"}
	randomIfaces = func() (all []string) {
		for i := range 14 {
			all = append(all, fmt.Sprintf("i%d", i))
		}
		return all
	}()
	randomL2s = []string{"e0", "e1", "e2", "e3", "e4", "e5"}
)

func pick[T any](w *world, from []T) T { return from[w.IntN(len(from))] }

func (w *world) addr() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, byte(w.IntN(4)), byte(1 + w.IntN(6))})
}

func (w *world) prefix() netip.Prefix {
	bits := pick(w, []int{0, 8, 14, 16, 22, 23, 24, 24, 25, 30, 31, 32, 32})
	a := netip.AddrFrom4([4]byte{10, byte(w.IntN(8) / 7), byte(w.IntN(5)), byte(w.IntN(8))})
	return netip.PrefixFrom(a, bits).Masked()
}

func (w *world) nextHop(vr string) NextHop {
	switch w.IntN(12) {
	case 0:
		return Discard
	case 1:
		return Reject
	case 2, 3, 4:
		for range 10 {
			if i := w.tw.ifaces[pick(w, randomIfaces)]; i != nil && i.VR == vrName(vr) && i.Layer2 != "" {
				return Via{w.addr(), i.Name}
			}
		}
	}
	return Via{Gateway: w.addr()}
}

func (w *world) communities() (c []Community) {
	for range w.IntN(3) {
		c = append(c, Community(w.IntN(4)))
	}
	return c
}

func (w *world) route() Route {
	r := Route{VR: pick(w, randomVRs), Prefix: w.prefix(), Source: pick(w, []Source{Static, Static, EBGP, EBGP, IBGP, Originated}),
		Tag: uint32(w.IntN(3))}
	if w.IntN(5) == 0 {
		r.Distance = uint8(1 + w.IntN(250))
	}
	r.NextHop = w.nextHop(r.VR)
	if r.Source.bgp() {
		r.Attrs = &Attributes{Communities: w.communities(), LocalPref: uint32(w.IntN(2) * 100 * w.IntN(3)), MED: uint32(w.IntN(2)),
			Origin: Origin(w.IntN(3))}
		for range w.IntN(4) {
			r.Attrs.ASPath = append(r.Attrs.ASPath, uint32(1+w.IntN(4)))
		}
		if w.IntN(2) == 0 {
			r.Attrs.NextHop = w.addr()
			r.NextHop = nil
		}
		if r.Source != Originated && w.IntN(3) > 0 {
			r.Peer = Peer{w.addr(), netip.AddrFrom4([4]byte{1, 1, 1, byte(1 + w.IntN(3))})}
			r.OnLink = w.IntN(3) == 0
		}
	}
	return r
}

// peerUpdate is of a peer that has routes already, half the time.
func (w *world) peerUpdate() PeerUpdate {
	c := PeerUpdate{VR: pick(w, randomVRs), Source: pick(w, []Source{EBGP, IBGP}),
		Peer: Peer{w.addr(), netip.AddrFrom4([4]byte{1, 1, 1, byte(1 + w.IntN(3))})}}
	if r, ok := w.someRoute(); ok && r.Peer != (Peer{}) && w.IntN(2) == 0 {
		c.VR, c.Peer, c.Withdrawn = r.VR, r.Peer, []netip.Prefix{r.Prefix}
	}
	if w.IntN(2) == 0 {
		c.RouteMap = pick(w, append(randomMaps, "nowhere"))
	}
	for range w.IntN(3) {
		c.Withdrawn = append(c.Withdrawn, w.prefix())
	}
	for range w.IntN(4) {
		a := &Attributes{NextHop: w.addr(), Communities: w.communities(), ASPath: []uint32{uint32(1 + w.IntN(4)), uint32(1 + w.IntN(4))}}
		c.Routes = append(c.Routes, PeerRoute{w.prefix(), a})
	}
	return c
}

func (w *world) someRoute() (Route, bool) {
	routes := w.tw.routes[vrName(pick(w, randomVRs))]
	if len(routes) == 0 {
		return Route{}, false
	}
	return routes[pick(w, slices.Sorted(maps.Keys(routes)))], true
}

func (w *world) rules() (all []PrefixRule) {
	for range 1 + w.IntN(3) {
		r := PrefixRule{Permit: w.IntN(3) > 0, Prefix: w.prefix()}
		bits := r.Prefix.Bits()
		if bits < 32 && w.IntN(2) == 0 {
			r.GE = uint8(bits + 1 + w.IntN(32-bits))
		}
		if bits < 32 && w.IntN(2) == 0 {
			r.LE = max(r.GE, uint8(bits+1+w.IntN(32-bits)))
		}
		all = append(all, r)
	}
	return all
}

func (w *world) entries() (all []RouteMapEntry) {
	for range 1 + w.IntN(3) {
		e := RouteMapEntry{Permit: w.IntN(4) > 0}
		if w.IntN(2) == 0 {
			e.Match.PrefixList = pick(w, randomLists)
		}
		switch w.IntN(8) {
		case 0:
			e.Match.ASPath = pick(w, randomPaths)
		case 1:
			e.Match.Communities = w.communities()
		case 2:
			e.Match.NextHop = netip.PrefixFrom(w.addr(), 24).Masked()
		case 3:
			e.Match.Tag = uint32(w.IntN(3))
		}
		if e.Permit && w.IntN(3) == 0 {
			e.Set = Set{Communities: w.communities(), LocalPref: uint32(w.IntN(3) * 50)}
			e.Set.Additive = len(e.Set.Communities) > 0 && w.IntN(2) == 0
		}
		all = append(all, e)
	}
	return all
}

func (w *world) change() Change {
	iface, l2 := pick(w, randomIfaces), pick(w, randomL2s)
	switch w.IntN(44) {
	case 0:
		return SetPortState{pick(w, randomPorts), w.IntN(4) > 0}
	case 1:
		return SetLayer2State{l2, w.IntN(4) > 0}
	case 2, 3:
		return SetAdmin{iface, w.IntN(3) > 0}
	case 4:
		return SetFallback{iface, w.IntN(2) == 0}
	case 5:
		return SetMTU{iface, pick(w, []uint16{0, 1000, 1400})}
	case 6, 7:
		return MoveShare{iface, l2}
	case 8, 9, 10:
		i := AddInterface{Name: iface, VR: pick(w, randomVRs), Layer2: l2, Shared: w.IntN(2) == 0, MTU: pick(w, []uint16{0, 0, 1300})}
		if !i.Shared {
			i.FallbackGlobal = w.IntN(2) == 0
			for range w.IntN(3) {
				i.Addresses = append(i.Addresses, netip.PrefixFrom(w.addr(), pick(w, []int{24, 25, 29, 30})))
			}
		}
		if w.IntN(8) == 0 {
			i.Layer2, i.Shared, i.Addresses = "", false, []netip.Prefix{netip.PrefixFrom(w.addr(), 32)}
		}
		return i
	case 11, 12:
		return DeleteInterface{iface}
	case 13, 14, 15:
		if w.IntN(2) == 0 {
			return LearnNeighbor{iface, w.addr(), MAC{2, 0, 0, 0, 0, byte(w.IntN(4))}}
		}
		return AddNeighbor{iface, w.addr(), MAC{2, 0, 0, 0, 0, byte(w.IntN(4))}}
	case 16:
		if w.IntN(2) == 0 {
			return ForgetNeighbor{iface, w.addr()}
		}
		return DeleteNeighbor{iface, w.addr()}
	case 17:
		return SetPrefixList{pick(w, randomLists), w.rules()}
	case 18:
		return SetRouteMap{pick(w, randomMaps), w.entries()}
	case 19, 20:
		return SetImportMap{VRF: pick(w, randomVRFs), RouteMap: pick(w, randomMaps), MaxRoutes: 1 + w.IntN(12),
			Distance: pick(w, []uint8{0, 0, 1, 100})}
	case 21:
		return ClearImportMap{pick(w, randomVRFs)}
	case 22, 23:
		return SetExportMap{VRF: pick(w, randomVRFs), RouteMap: pick(w, randomMaps), Originated: Origination(w.IntN(2)),
			Distance: pick(w, []uint8{0, 0, 1, 100})}
	case 24:
		return ClearExportMap{pick(w, randomVRFs)}
	case 25:
		return AddVRF{pick(w, randomVRFs)}
	case 26:
		return DeleteVRF{pick(w, randomVRFs)}
	case 27:
		return AddRoutes{[]Route{w.route(), w.route(), w.route()}}
	case 40, 41, 42:
		return w.peerUpdate()
	case 43:
		if w.IntN(2) == 0 {
			return MarkPeer{pick(w, randomVRs), w.addr()}
		}
		return SweepPeer{pick(w, randomVRs), w.addr()}
	case 28:
		return DeletePeer{pick(w, randomVRs), w.addr()}
	case 29, 33, 34, 35:
		if r, ok := w.someRoute(); ok { // an equal one that goes another way
			if r.NextHop = w.nextHop(r.VR); r.Peer != (Peer{}) {
				r.Peer.Addr = w.addr()
			}
			return AddRoute{r}
		}
	case 36:
		return SetMaximumPaths{pick(w, randomVRs), 1 + w.IntN(4)}
	case 30, 31, 32:
		if r, ok := w.someRoute(); ok {
			if r.Source == Static && w.IntN(4) == 0 {
				r.NextHop = nil
			}
			return DeleteRoute{r}
		}
	}
	return AddRoute{w.route()}
}

func (w *world) start() (all []Change) {
	for i, p := range randomPorts {
		all = append(all, AddPort{Name: p, Number: uint16(i), MAC: MAC{2, 0, 0, 0, 1, byte(i)}, MTU: uint16(1500 + i)})
	}
	for i, l := range randomL2s {
		all = append(all, AddLayer2{Name: l, Port: randomPorts[i/2], VLAN: uint16(i % 2 * 100)})
	}
	for _, v := range randomVRFs {
		all = append(all, AddVRF{v})
	}
	for _, l := range randomLists {
		all = append(all, SetPrefixList{l, w.rules()})
	}
	for _, m := range randomMaps {
		all = append(all, SetRouteMap{m, w.entries()})
	}
	return all
}

// TestRandomBatches drives a table and its naive twin through random batches and compares every RIB, every ingress
// record and the FIBs for random addresses. A batch that is refused must have changed nothing.
func TestRandomBatches(t *testing.T) {
	seeds, batches := 12, 250
	if testing.Short() {
		seeds, batches = 3, 100
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			randomRun(t, uint64(seed), batches, nil)
		})
	}
}

// randomRun makes the batches; sometimes is called after some of them.
func randomRun(t *testing.T, seed uint64, batches int, sometimes func(tab *Table, w *world)) {
	tab, err := New(Config{VRFs: 5, Ports: 3, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	w := &world{rand.New(rand.NewPCG(seed, 7)), newTwin(tab)}
	start := w.start()
	apply(t, tab, start...)
	w.tw.apply(start)
	accepted, groups := 0, 0
	for n := range batches {
		batch := make([]Change, 1+w.IntN(6))
		for i := range batch {
			batch[i] = w.change()
		}
		before := dump(tab)
		if err := tab.Apply(batch); err != nil {
			if after := dump(tab); after != before {
				t.Fatalf("batch %d was refused (%v) and changed the table:\n%s", n, err, diff(before, after))
			}
			for _, c := range batch { // most of them stand alone
				if tab.Apply([]Change{c}) == nil {
					w.tw.apply([]Change{c})
					w.tw.settle() // what is imported at a limit depends on the order of batches
				}
			}
		} else {
			accepted++
			w.tw.apply(batch)
		}
		groups += len(tab.Groups())
		compareTwin(t, tab, w)
		if t.Failed() {
			t.Fatalf("after batch %d: %+v", n, batch)
		}
		if sometimes != nil {
			sometimes(tab, w)
		}
	}
	if batches >= 200 && groups == 0 {
		t.Error("no group of next hops")
	}
	if accepted < batches/20 {
		t.Errorf("only %d of %d batches were accepted whole", accepted, batches)
	}
}

func compareTwin(t *testing.T, tab *Table, w *world) {
	t.Helper()
	view := tab.View()
	for vr, rib := range w.tw.settle() {
		table, ok := tab.VRTable(vr)
		if !ok {
			t.Errorf("no VR %s", vr)
			continue
		}
		fib := new(bart.Table[[]twinHop])
		var want []string
		var counts [Originated + 1]int
		for prefix, all := range rib {
			best := w.tw.best(all, false)
			var together []*twinPath
			if best != nil {
				together = w.tw.equals(vr, all, best)
			}
			for _, p := range all {
				in := together != nil && (p == best || p.spreads() && slices.ContainsFunc(together, func(o *twinPath) bool {
					_, by := w.tw.decide(p, best)
					return o.nh == p.nh && p.from == "" && by >= StepID
				}))
				want = append(want, fmt.Sprintf("%v %v %d tag %d %+v peer %v from %q best %v group %v up %v: %v", prefix, p.source, p.distance,
					p.tag, attrsOf(p), p.peer, p.from, p == best, in, p.ok, w.tw.why(all, p)))
				if p.from == "" {
					counts[p.source]++
				}
			}
			if best != nil {
				fib.Insert(prefix, w.tw.hops(vr, all, best))
			}
		}
		var got []string
		for r := range tab.Routes(vr) {
			got = append(got, fmt.Sprintf("%v %v %d tag %d %+v peer %v from %q best %v group %v up %v: %v", r.Prefix, r.Source, r.Distance,
				r.Tag, attrsOf(&twinPath{attrs: r.Attrs}), r.Peer, r.From, r.Best, r.InGroup, r.Hop != 0, r.Why))
		}
		for _, info := range tab.VRs() {
			if info.Table == table && info.Paths != counts {
				t.Errorf("%s: paths by source %v, want %v", vr, info.Paths, counts)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("RIB of %s:\n%s", vr, diff(strings.Join(want, "\n"), strings.Join(got, "\n")))
		}
		check := func(addr netip.Addr) {
			hops, ok := fib.Lookup(addr)
			if !ok {
				hops = []twinHop{{}}
			}
			share := map[twinHop]int{}
			for a, buckets := range ways(view, &view.Adj[fibHop(view, table, addr4(addr))]) {
				got := twinHop{kind: a.Kind, iface: tab.InterfaceName(a.Iface)}
				if a.Gateway != 0 {
					got.gateway = netAddr(a.Gateway)
				}
				if a.Kind == Forward {
					got.mac = MAC(a.Header[:6])
					checkEgress(t, w.tw, *a, got)
				}
				share[got] += buckets
			}
			want := map[twinHop]int{}
			for _, h := range hops {
				want[h]++
			}
			for h, members := range want {
				if n := share[h]; n < members*(GroupBuckets/len(hops)) || n > members*((GroupBuckets-1)/len(hops)+1) {
					t.Errorf("%s: %v: %+v has %d of %d buckets as %d of %d members", vr, addr, h, n, GroupBuckets, members, len(hops))
				}
			}
			if len(share) != len(want) {
				t.Errorf("%s: %v: got %+v, want %+v", vr, addr, share, want)
			}
		}
		for range 60 {
			check(w.prefix().Addr())
			check(w.addr())
		}
		for prefix := range rib {
			check(prefix.Addr())
		}
	}
	checkIngress(t, tab, w.tw)
}

// ways returns what an adjacency leads to, and how many buckets of a group lead there; all where it is none.
func ways(v *View, a *Adjacency) map[*Adjacency]int {
	if a.Kind != Group {
		return map[*Adjacency]int{a: GroupBuckets}
	}
	all := map[*Adjacency]int{}
	for b := range uint32(GroupBuckets) {
		all[v.Member(a, b<<24)]++
	}
	return all
}

// checkEgress compares what is not in a twinHop: port, tag, source MAC, MTU and VR.
func checkEgress(t *testing.T, tw *twin, a Adjacency, h twinHop) {
	t.Helper()
	i := tw.ifaces[h.iface]
	if i == nil {
		return
	}
	l := tw.l2[i.Layer2]
	n := slices.Index(randomPorts, l.port)
	mtu := uint16(1500 + n)
	if i.MTU != 0 {
		mtu = min(mtu, i.MTU)
	}
	length, tag := uint8(14), ""
	if l.vlan != 0 {
		length, tag = 18, string([]byte{0x81, 0, byte(l.vlan >> 8), byte(l.vlan)})
	}
	header := string(h.mac[:]) + string([]byte{2, 0, 0, 0, 1, byte(n)}) + tag + "\x08\x00"
	if int(a.Port) != n || a.MTU != mtu || a.HdrLen != length || string(a.Header[:a.HdrLen]) != header {
		t.Errorf("egress %s: %+v, want port %d, MTU %d, header % x", h.iface, a, n, mtu, header)
	}
}

func checkIngress(t *testing.T, tab *Table, tw *twin) {
	t.Helper()
	want := map[ingressPlace]Ingress{}
	for _, i := range tw.ifaces {
		if i.Layer2 == "" || i.Shared {
			continue
		}
		l := tw.l2[i.Layer2]
		table, _ := tab.VRTable(i.VR)
		r := Ingress{Iface: tab.InterfaceIndex(i.Name), Table: table}
		if i.FallbackGlobal || i.VR == Parent {
			r.Flags = lpm.Fallback
		}
		if tw.up(i.Name) {
			r.State = IngressUp
		}
		want[ingressPlace{uint16(slices.Index(randomPorts, l.port)), l.vlan}] = r
	}
	for n, p := range tab.View().Ports {
		for vlan := range uint16(VLANs) {
			got := Ingress{}
			if p != nil {
				got = p[vlan]
			}
			if w := want[ingressPlace{uint16(n), vlan}]; got != w {
				t.Errorf("ingress %d.%d: %+v, want %+v", n, vlan, got, w)
			}
		}
	}
}
