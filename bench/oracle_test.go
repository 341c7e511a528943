package bench

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/gaissmai/bart"

	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// oracle asks LookupDual of a scenario for random addresses, and compares what the adjacency found holds with the
// model's place. old is the model before the batch of changes under way.
type oracle struct {
	s    *Scenario
	old  *model
	rng  *rand.Rand
	keys [256]lpm.Key
	hops [256]lpm.Hop
}

// address draws one: anywhere, in the parent's table, or in the VRF.
func (o *oracle) address(c int) uint32 {
	from := o.s.global
	switch o.rng.IntN(4) {
	case 0:
		return o.rng.Uint32()
	case 1:
		from = o.s.own[c]
	}
	r := from[o.rng.IntN(len(from))]
	return r.Addr | o.rng.Uint32()&uint32(uint64(1)<<(32-r.Len)-1)
}

// burst looks one burst up, as a worker does.
func (o *oracle) burst(v *vrftable.View) {
	for i := range o.keys {
		c := o.rng.IntN(len(o.s.own))
		o.keys[i] = lpm.Key{Table: uint16(1 + c), Flags: lpm.Fallback, Addr: o.address(c)}
	}
	v.VRFs.LookupDual(o.keys[:], o.hops[:])
}

// adjacencies copies what the hops stand for: they are the reader's until it is quiescent.
func (o *oracle) adjacencies(v *vrftable.View) (a [256]vrftable.Adjacency) {
	for i, h := range o.hops {
		a[i] = v.Adj[h]
	}
	return a
}

// is tells whether an adjacency is what a place of the model asks for.
func is(a *vrftable.Adjacency, p *place) bool {
	switch {
	case p == nil:
		return a.Kind == vrftable.NoRoute
	case p.outcome == local:
		return a.Kind == vrftable.Local
	case p.outcome == dropped:
		return a.Kind == vrftable.Discard || a.Kind == vrftable.Glean
	}
	length := 14
	if p.circuit.vlan != 0 {
		length = 18
	}
	return a.Kind == vrftable.Forward && a.Port == p.circuit.port && int(a.HdrLen) == length &&
		[6]byte(a.Header[:6]) == p.dst && [6]byte(a.Header[6:12]) == p.src &&
		(length == 14 || uint16(a.Header[14])<<8|uint16(a.Header[15]) == p.circuit.vlan)
}

// judge compares one answer with the model, and with the one of before where there is one: the VRF's route may be old
// and the parent's new, or the other way round.
func (o *oracle) judge(t *testing.T, k lpm.Key, a *vrftable.Adjacency) bool {
	models := []*model{o.s.model}
	if o.old != nil {
		models = append(models, o.old)
	}
	addr := host4(k.Addr)
	for _, vrf := range models {
		at, ok := vrf.vrf(int(k.Table)-1, addr)
		if ok {
			if is(a, &vrf.places[at]) {
				return true
			}
			continue
		}
		for _, parent := range models {
			var p *place
			if at, ok := parent.parent.Lookup(addr); ok {
				p = &parent.places[at]
			}
			if is(a, p) {
				return true
			}
		}
	}
	t.Errorf("table %d, %v: %+v", k.Table, addr, *a)
	return false
}

// TestAgainstBart asks 10 million random addresses of 1,000 VRFs, before, during and after random changes, and compares
// every answer with bart tables.
func TestAgainstBart(t *testing.T) {
	total, routes, batches := 10_000_000, 300_000, 150
	if testing.Short() || raceEnabled {
		total, routes, batches = 200_000, 20_000, 20
	}
	s := newScenario(t, Network{Routes: routes, VRFs: 1000, NextHops: 200, Method: Fallback, Seed: 3})
	ask := func(n int, seed uint64, old *model) {
		const readers = 2
		var all sync.WaitGroup
		for r := range readers {
			all.Go(func() {
				reader := s.Table.Domain().Register()
				defer reader.Close()
				o := &oracle{s: s, old: old, rng: rand.New(rand.NewPCG(seed, uint64(r)))}
				reader.Online()
				defer reader.Offline()
				for range n / readers / len(o.keys) {
					v := s.Table.View()
					o.burst(v)
					a := o.adjacencies(v)
					reader.Quiesce()
					for i := range a {
						if !o.judge(t, o.keys[i], &a[i]) {
							return
						}
					}
				}
			})
		}
		all.Wait()
	}
	ask(total*4/10, 1, nil)

	old := clone(s)
	w := &shuffler{s: s, rng: rand.New(rand.NewPCG(9, 9)), added: map[shuffled]bool{}}
	for b := range batches {
		changes, onModel := w.batch()
		for _, f := range onModel {
			f(s.model)
		}
		var applying sync.WaitGroup
		applying.Go(func() {
			if err := s.Table.Apply(changes); err != nil {
				t.Error(err)
			}
		})
		ask(total*2/10/batches, uint64(100+b), old)
		applying.Wait()
		for _, f := range onModel {
			f(old)
		}
		if t.Failed() {
			t.Fatalf("in batch %d of %d", b, batches)
		}
	}
	ask(total*4/10, 2, nil)
}

// clone copies the tables of a scenario's model.
func clone(s *Scenario) *model {
	m := *s.model
	m.parent = m.parent.Clone()
	m.vrfs = nil
	for _, t := range s.model.vrfs {
		m.vrfs = append(m.vrfs, t.Clone())
	}
	return &m
}

// shuffled names a prefix that a shuffler has added: customer -1 is the parent.
type shuffled struct {
	customer int
	prefix   netip.Prefix
}

// shuffler makes random changes, on the table and on a model: static routes, which win over what the scenario has in the
// parent and replace it in a VRF. One change for each VR in a batch: a prefix is seen before or after, but of two
// nested ones a reader may see one.
type shuffler struct {
	s     *Scenario
	rng   *rand.Rand
	added map[shuffled]bool
}

func (w *shuffler) batch() (changes []vrftable.Change, onModel []func(*model)) {
	customers := append(w.rng.Perm(len(w.s.own))[:100], -1)
	for _, c := range customers {
		change, f := w.change(c)
		changes, onModel = append(changes, change...), append(onModel, f)
	}
	return changes, onModel
}

func (w *shuffler) change(c int) ([]vrftable.Change, func(*model)) {
	if w.rng.IntN(3) == 0 {
		for k := range w.added {
			if k.customer == c {
				delete(w.added, k)
				return w.remove(k)
			}
		}
	}
	from := w.s.global
	if c >= 0 && w.rng.IntN(2) == 0 {
		from = w.s.own[c]
	}
	k := shuffled{c, prefix4(0, 0)}
	for k.prefix.Bits() == 0 || planned().Overlaps(k.prefix) {
		r := from[w.rng.IntN(len(from))]
		bits := min(32, max(1, int(r.Len)+w.rng.IntN(9)-4))
		k.prefix = netip.PrefixFrom(host4(r.Addr|w.rng.Uint32()&uint32(uint64(1)<<(32-r.Len)-1)), bits).Masked()
	}
	change, f := w.add(k)
	var changes []vrftable.Change
	if _, there := w.s.model.table(c).Get(k.prefix); w.added[k] || c >= 0 && there {
		was := vrftable.Route{Prefix: k.prefix, Source: vrftable.Static} // one by another next hop would stand beside it
		if c >= 0 {
			was.VR = vrfName(c)
		}
		changes = append(changes, vrftable.DeleteRoute{Route: was})
	}
	w.added[k] = true
	return append(changes, change), f
}

// Places 1 and 2 of a model are discard and local.
const discardPlace = 1

func (w *shuffler) add(k shuffled) (vrftable.Change, func(*model)) {
	r := vrftable.Route{Prefix: k.prefix, Source: vrftable.Static, NextHop: vrftable.Discard}
	at := int32(discardPlace)
	switch forward := w.rng.IntN(4) > 0; {
	case forward && k.customer < 0:
		h := w.rng.IntN(w.s.nextHops)
		u, _ := w.s.plan.uplinkOf(h)
		r.NextHop, at = vrftable.Via{Gateway: host4(w.s.plan.nextHop(h)), Interface: uplinkName(u)}, w.s.hopPlaces+1+int32(h)
	case forward:
		r.NextHop = vrftable.Via{Gateway: host4(ceHost), Interface: ceName(k.customer)}
		at = w.s.hopPlaces + 1 + int32(w.s.nextHops+k.customer)
	}
	if k.customer >= 0 {
		r.VR = vrfName(k.customer)
	}
	return vrftable.AddRoute{Route: r}, func(m *model) { m.table(k.customer).Insert(k.prefix, at) }
}

// remove deletes a route that was added; what it had hidden in the parent comes back, in a VRF it had been replaced.
func (w *shuffler) remove(k shuffled) ([]vrftable.Change, func(*model)) {
	r := vrftable.Route{Prefix: k.prefix, Source: vrftable.Static}
	if k.customer >= 0 {
		r.VR = vrfName(k.customer)
	}
	under := int32(0)
	if k.customer < 0 {
		if i, ok := slices.BinarySearchFunc(w.s.global, k.prefix, comparePrefix); ok {
			under = w.s.hopPlaces + int32(w.s.global[i].Hop)
		}
	}
	return []vrftable.Change{vrftable.DeleteRoute{Route: r}}, func(m *model) {
		if under != 0 {
			m.table(k.customer).Insert(k.prefix, under)
		} else {
			m.table(k.customer).Delete(k.prefix)
		}
	}
}

func comparePrefix(r lpm.Route, p netip.Prefix) int {
	q := prefix4(r.Addr, int(r.Len))
	if c := q.Addr().Compare(p.Addr()); c != 0 {
		return c
	}
	return q.Bits() - p.Bits()
}

// table returns a VRF's bart table, or the parent's for -1.
func (m *model) table(customer int) *bart.Table[int32] {
	if customer < 0 {
		return m.parent
	}
	return m.vrfs[customer]
}

// TestModelPrefersVRF pins DESIGN 3.3 on the model itself, which everything else is compared with.
func TestModelPrefersVRF(t *testing.T) {
	m := newModel(plan{uplinks: 1, customers: 2})
	in, up := m.plan.first(0), m.plan.uplink(0)
	m.ingress = map[circuit]entrance{in: {customer: 0, fallback: true}, m.plan.first(1): {customer: 1}, up: {customer: -1}}
	short, long := m.place(place{outcome: forwarded, circuit: in}), m.place(place{outcome: forwarded, circuit: up})
	m.parent.Insert(prefix4(8<<24|8<<16, 16), long)
	for _, c := range []struct {
		from circuit
		want *place
	}{{in, &m.places[long]}, {m.plan.first(1), nil}, {up, &m.places[long]}, {circuit{9, 9}, nil}} {
		if got := m.lookup(c.from, 8<<24|8<<16|1); got != c.want {
			t.Errorf("from %v: %+v", c.from, got)
		}
	}
	m.vrfs[0].Insert(prefix4(8<<24, 8), short) // any match of the VRF wins over a longer one of the parent
	if got := m.lookup(in, 8<<24|8<<16|1); got != &m.places[short] {
		t.Errorf("%+v", got)
	}
	m.imported = new(bart.Table[int32])
	m.imported.Insert(prefix4(8<<24|8<<16, 16), long) // but an imported one is the VRF's
	if got := m.lookup(in, 8<<24|8<<16|1); got != &m.places[long] {
		t.Errorf("%+v", got)
	}
	m.vrfs[0].Insert(prefix4(8<<24|8<<16, 16), short) // which its own wins over
	if got := m.lookup(in, 8<<24|8<<16|1); got != &m.places[short] {
		t.Errorf("%+v", got)
	}
}
