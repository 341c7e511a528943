package vrftable

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"vrfwd/internal/offheap"
	"vrfwd/internal/qsbr"
	"vrfwd/lpm"
)

// adjKey names an adjacency: there is one per (kind, egress interface, gateway), however many routes use it. The kind
// Forward stands for Glean too, while the gateway's MAC is not known. Of a Group, the gateway is its number.
type adjKey struct {
	kind    Kind
	iface   uint16
	gateway uint32
}

// adjacency is the control side's record of a slot.
type adjacency struct {
	key     adjKey
	slot    lpm.Hop
	first   uint32    // next hops that use it
	content Adjacency // as written to the slot
	touched bool      // in Table.touchedAdj: content may have changed
	fresh   bool      // no FIB names the slot yet
	stale   bool      // content must be written over the slot, in a copy of the array
}

// adjacency returns the adjacency of a key, made with a slot of its own where there is none.
func (t *Table) adjacency(k adjKey) *adjacency {
	index := t.specialAdj
	if k.iface != 0 {
		index = t.ifaces[k.iface].adjacencies
	}
	a := index[k]
	if a == nil {
		a = &adjacency{key: k}
		a.content = t.adjContent(k)
		t.place(a)
		index[k] = a
		t.idleAdj = append(t.idleAdj, a)
	}
	return a
}

// place gives a an unused slot. The content is written before any FIB names the slot.
func (t *Table) place(a *adjacency) {
	a.slot = t.slots.get(a.key.iface == 0 || t.ifaces[a.key.iface].vr.table == 0)
	a.fresh = true
	t.freshAdj = append(t.freshAdj, a)
}

// adjContent builds what workers read.
func (t *Table) adjContent(k adjKey) Adjacency {
	if k.iface == 0 {
		c := Adjacency{Kind: k.kind}
		if k.kind == Group {
			c.Group = uint16(k.gateway)
		}
		return c
	}
	i := t.ifaces[k.iface]
	c := Adjacency{Kind: k.kind, Iface: i.index, VR: i.vr.table, Gateway: k.gateway}
	if i.l2 == nil {
		return c
	}
	c.Port, c.MTU = i.l2.port.number, i.effectiveMTU()
	if k.kind != Forward {
		return c
	}
	n, ok := i.l2.neighbors[k.gateway]
	if !ok {
		c.Kind = Glean
		return c
	}
	c.HdrLen = uint8(putEthernet(c.Header[:], n.mac, i.l2.port.mac, i.l2.vlan))
	c.MTU = min(c.MTU, math.MaxUint16-uint16(c.HdrLen)) // a frame's length has 16 bits
	return c
}

// putEthernet writes an Ethernet II header for IPv4, with an 802.1Q tag where vlan is not 0, and returns its length.
func putEthernet(b []byte, dst, src MAC, vlan uint16) int {
	copy(b[0:], dst[:])
	copy(b[6:], src[:])
	n := 12
	if vlan != 0 {
		binary.BigEndian.PutUint16(b[n:], 0x8100)
		binary.BigEndian.PutUint16(b[n+2:], vlan)
		n += 4
	}
	binary.BigEndian.PutUint16(b[n:], 0x0800)
	return n + 2
}

func (t *Table) touchAdj(a *adjacency) {
	if !a.touched {
		a.touched = true
		t.touchedAdj = append(t.touchedAdj, a)
	}
}

// repointMax is the number of paths up to which an adjacency whose content changes moves to a new slot, route by route
// in the FIB. Above it, and where slots run short, a copy of the array with the new content is published: 64 bytes a slot
// in use instead of a FIB change a route.
const repointMax = 256

// deriveAdjacencies renews the content of the adjacencies that interfaces and neighbours changed under.
func (t *Table) deriveAdjacencies() {
	for _, a := range t.touchedAdj {
		a.touched = false
		if a.first == 0 {
			continue
		}
		c := t.adjContent(a.key)
		if c == a.content {
			continue
		}
		a.content = c
		if a.fresh {
			continue
		}
		if t.pathsOf(a) > repointMax || t.slots.left() < 2*len(t.touchedAdj) {
			a.stale = true
			t.staleAdj = append(t.staleAdj, a)
			continue
		}
		t.slots.retire(a.slot)
		t.place(a)
		for id := a.first; id != 0; id = t.nexthops[id].next {
			t.markPaths(t.nexthops[id])
			t.touchGroupsOf(t.nexthops[id])
		}
	}
	t.touchedAdj = trim(t.touchedAdj)
}

// pathsOf counts the paths through an adjacency, up to just above repointMax.
func (t *Table) pathsOf(a *adjacency) (n int) {
	for id := a.first; id != 0 && n <= repointMax; id = t.nexthops[id].next {
		n += t.nexthops[id].refs
	}
	return n
}

// sweepAdjacencies removes the adjacencies that no next hop uses any more.
func (t *Table) sweepAdjacencies() {
	for _, a := range t.idleAdj {
		if a.first != 0 || a.slot == 0 {
			continue
		}
		if a.key.iface == 0 {
			delete(t.specialAdj, a.key)
		} else {
			delete(t.ifaces[a.key.iface].adjacencies, a.key)
		}
		t.slots.retire(a.slot)
		a.slot = 0
	}
	t.idleAdj = trim(t.idleAdj)
}

// slots is the memory behind adjacencies: the array that the current view names, the arrays that older views name and
// readers may still hold, and spare ones.
//
// FIBs are changed in place, so a reader that holds an old view finds new hops in the FIB: a new slot is written to
// every array that a reader may hold, before a FIB names it. The content of a slot in use changes only with a new
// array: readers of the old one go on with the old content. Neither ever waits for a reader.
type slots struct {
	domain   *qsbr.Domain
	current  *adjArray
	retired  []*adjArray // oldest first
	spare    []*adjArray
	low      lpm.Hop // the lowest slot up to lowSlots never given out
	next     lpm.Hop // the lowest slot above lowSlots never given out: arrays are written below it only
	freeLow  []uint16
	free     []uint16
	waiting  []waitingSlot // given back, oldest first: free once token has passed
	dropped  []lpm.Hop     // given back by the batch at hand, or held while a FIB that owes may name them
	replaced []*adjArray   // by the batch at hand
}

type waitingSlot struct {
	slot  uint16
	token uint64
}

type adjArray struct {
	region *offheap.Region
	adj    []Adjacency
	token  uint64 // retired: no reader holds it once this has passed
}

// lowSlots are for the parent's adjacencies, as far as they reach, and for Discard and Reject: lpm stores a table whose
// hops are at most 254 in a byte each, without translation.
const lowSlots lpm.Hop = 254

const maxRetired = 64 // arrays; above that Apply refuses

func (s *slots) init(d *qsbr.Domain) error {
	s.domain, s.low, s.next = d, 1, lowSlots+1
	a, err := newAdjArray()
	if err != nil {
		return err
	}
	s.current = a
	return nil
}

func newAdjArray() (*adjArray, error) {
	n := int(lpm.MaxHop) + 1
	r, err := offheap.Alloc(n * int(unsafe.Sizeof(Adjacency{})))
	if err != nil {
		return nil, fmt.Errorf("vrftable: adjacencies: %w", err)
	}
	return &adjArray{region: r, adj: offheap.Slice[Adjacency](r, n)}, nil
}

// prepare takes back what readers have let go of, and makes sure that a batch cannot run out: enough free slots, and
// spare arrays for the batch and for taking it back.
func (s *slots) prepare() error {
	n := 0
	for n < len(s.waiting) && s.domain.Passed(s.waiting[n].token) {
		if slot := s.waiting[n].slot; lpm.Hop(slot) <= lowSlots {
			s.freeLow = append(s.freeLow, slot)
		} else {
			s.free = append(s.free, slot)
		}
		n++
	}
	s.waiting = append(s.waiting[:0], s.waiting[n:]...)
	n = 0
	for n < len(s.retired) && s.domain.Passed(s.retired[n].token) {
		n++
	}
	for _, a := range s.retired[:n] {
		if len(s.spare) < 2 {
			s.spare = append(s.spare, a)
		} else {
			a.region.Close()
		}
	}
	s.retired = append(s.retired[:0], s.retired[n:]...)
	if s.left() < maxNextHops || len(s.retired) >= maxRetired {
		return fmt.Errorf("vrftable: %w: %d of %d adjacency slots are free and %d old arrays are held: let every "+
			"worker poll or go offline, then apply again", ErrBusy, s.left(), lpm.MaxHop, len(s.retired))
	}
	for len(s.spare) < 2 {
		a, err := newAdjArray()
		if err != nil {
			return err
		}
		s.spare = append(s.spare, a)
	}
	return nil
}

// left returns the number of slots that any adjacency can be given.
func (s *slots) left() int { return len(s.free) + int(lpm.MaxHop-s.next) + 1 }

// get gives out a slot that no reader holds, a low one if asked and there is one. Slots given back go first, the latest
// before all: few distinct hops keep the FIBs' leaves narrow.
func (s *slots) get(low bool) (h lpm.Hop) {
	free, next := &s.free, &s.next
	if low && (len(s.freeLow) > 0 || s.low <= lowSlots) {
		free, next = &s.freeLow, &s.low
	}
	if n := len(*free); n > 0 {
		h, *free = lpm.Hop((*free)[n-1]), (*free)[:n-1]
		return h
	}
	*next++
	return *next - 1
}

// retire gives a slot back. It is reused after the grace period that follows the batch.
func (s *slots) retire(h lpm.Hop) { s.dropped = append(s.dropped, h) }

// write fills a slot that no FIB names, in every array that a reader may hold.
func (s *slots) write(h lpm.Hop, c *Adjacency) {
	s.current.adj[h] = *c
	for _, a := range s.replaced {
		a.adj[h] = *c
	}
	for _, a := range s.retired {
		a.adj[h] = *c
	}
}

// fork makes a copy of the current array the current one. The caller changes it and publishes it before settle.
func (s *slots) fork() {
	old := s.current
	s.replaced = append(s.replaced, old)
	n := len(s.spare) - 1
	s.current, s.spare = s.spare[n], s.spare[:n]
	copy(s.current.adj[:s.next], old.adj[:s.next])
}

// settle starts the grace period of what the batch replaced. Call it when the batch is published. With hold, slots that
// were given back stay as they are until a later settle.
func (s *slots) settle(hold bool) {
	if len(s.replaced)+len(s.dropped) == 0 {
		return
	}
	token := s.domain.Advance()
	for _, a := range s.replaced {
		a.token = token
		s.retired = append(s.retired, a)
	}
	s.replaced = s.replaced[:0]
	if hold {
		return
	}
	for _, h := range s.dropped {
		s.waiting = append(s.waiting, waitingSlot{uint16(h), token})
	}
	s.dropped = s.dropped[:0]
}

// arrays returns the number of arrays kept.
func (s *slots) arrays() int { return 1 + len(s.retired) + len(s.spare) }

func (s *slots) close() {
	for _, a := range append(append(s.retired, s.spare...), s.current) {
		a.region.Close()
	}
	*s = slots{}
}
