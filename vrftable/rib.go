package vrftable

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// vr is one virtual router or VRF: its RIB and what belongs to it.
//
// The RIB is three layers: bart maps a prefix to a dest, a dest heads the list of its candidate paths, and each path
// names a next hop that it shares with all paths that go the same way.
//
//	bart.Table --prefix--> dest --first--> path --next--> path
//	                        |               | nh
//	                        | leaks         v
//	                        v            nexthop --adj--> adjacency (slot)
//	                   paths made of it in other VRs
type vr struct {
	name      string
	table     uint16 // 0: the parent
	rib       bart.Table[uint32]
	subnets   bart.Lite             // networks of its interfaces' addresses: they may not overlap
	gateways  [2]bart.Table[uint32] // next hops to be resolved through this VR, by gateway/32: nhRecursive, nhOnLink
	paths     [Originated + 1]int   // native paths by source
	peers     map[uint32]int        // native paths by the address of the peer; nil: there was none yet
	watches   []*Watch
	ifaces    int
	imported  int // paths imported into it
	maxPaths  int // BGP paths in use at a time
	imp       *importMap
	exp       *exportMap
	pending   []fibChange // FIB changes of the batch at hand
	additions int         // how many of them come first, before any VR withdraws; the rest is withdrawn
	touched   bool        // in Table.touchedVRs: import or export map or what they use changed
	unexport  bool        // the export map was cleared
	deleted   bool
}

// dest is one prefix of one VR. 24 bytes, in pool Table.dests.
type dest struct {
	addr  uint32
	first uint32 // candidate paths
	best  uint32 // the path in use; 0: none is usable
	leaks uint32 // paths that were imported or exported from here
	hop   uint16 // what the FIB holds
	vr    uint16 // table
	bits  uint8
	dirty bool   // in Table.dirtyParent or dirtyVRF
	group uint16 // next hop that is the group of several equal paths in use; 0: none
}

// path is one way to a dest. 44 bytes, in pool Table.paths.
type path struct {
	dest, next         uint32 // the prefix; its next candidate
	nh, nhPrev, nhNext uint32 // next hop, and the list of all paths that use it
	attrs, tag         uint32
	origin             uint32 // dest that it was imported or exported from; 0: native
	leakPrev, leakNext uint32 // the list of paths leaked from origin
	source             Source
	distance           uint8
	peer               uint16 // it was learned from; 0: none
}

func (d *dest) prefix() netip.Prefix { return netPrefix(d.addr, d.bits) }

// addPath adds a native path and notes it in the journal. p comes without links; attrs and peer carry references of their own.
func (t *Table) addPath(v *vr, pfx netip.Prefix, p path) {
	id := t.newPath(v, pfx, p)
	t.journal.note(stepAdd, id)
	t.countVia(id, 1)
}

// removePath removes a native path; its record stays until the batch is settled.
func (t *Table) removePath(id uint32) {
	t.countVia(id, -1)
	t.unlink(id)
	t.journal.note(stepRemove, id)
}

// undoAdd and undoRemove are the inverses of addPath and removePath.
func (t *Table) undoAdd(id uint32) {
	t.countVia(id, -1)
	t.unlink(id)
	t.freePath(id)
}

func (t *Table) undoRemove(id uint32) {
	t.link(id)
	t.countVia(id, 1)
}

// countVia keeps the use count of the interface that a native path of AddRoute names.
func (t *Table) countVia(id uint32, n int) {
	if p := t.paths.at(id); t.via(p) {
		t.ifaces[t.nexthops[p.nh].key.iface].routes += n
	}
}

// via tells whether a path was added by AddRoute and names an interface.
func (t *Table) via(p *path) bool { return p.source >= Static && t.nexthops[p.nh].key.kind == nhDirect }

// routes returns the number of native paths that were added by AddRoute.
func (v *vr) routes() (n int) {
	for _, count := range v.paths[Static:] {
		n += count
	}
	return n
}

// newPath makes and links a path, and its dest where there is none yet.
func (t *Table) newPath(v *vr, pfx netip.Prefix, p path) uint32 {
	did, ok := v.rib.Get(pfx)
	if !ok {
		did = t.dests.get()
		*t.dests.at(did) = dest{addr: addr4(pfx.Addr()), bits: uint8(pfx.Bits()), vr: v.table}
		v.rib.Insert(pfx, did)
	}
	id := t.paths.get()
	p.dest = did
	*t.paths.at(id) = p
	t.link(id)
	return id
}

// link puts a path into the lists of its dest and its next hop.
func (t *Table) link(id uint32) {
	p := t.paths.at(id)
	d := t.dests.at(p.dest)
	p.next, d.first = d.first, id
	nh := t.nexthops[p.nh]
	p.nhPrev, p.nhNext = 0, nh.first
	if nh.first != 0 {
		t.paths.at(nh.first).nhPrev = id
	}
	nh.first = id
	nh.refs++
	t.count(p, d, 1)
	t.changed(p, d)
}

// unlink takes a path out of the lists of its dest and its next hop.
func (t *Table) unlink(id uint32) {
	p := t.paths.at(id)
	d := t.dests.at(p.dest)
	for at := &d.first; ; at = &t.paths.at(*at).next {
		if *at == id {
			*at = p.next
			break
		}
	}
	nh := t.nexthops[p.nh]
	if p.nhNext != 0 {
		t.paths.at(p.nhNext).nhPrev = p.nhPrev
	}
	if p.nhPrev != 0 {
		t.paths.at(p.nhPrev).nhNext = p.nhNext
	} else {
		nh.first = p.nhNext
	}
	t.release(p.nh)
	t.count(p, d, -1)
	t.changed(p, d)
}

func (t *Table) count(p *path, d *dest, n int) {
	if p.leaked() {
		return
	}
	v := t.vrs[d.vr]
	v.paths[p.source] += n
	if p.peer != 0 {
		if v.peers == nil {
			v.peers = map[uint32]int{}
		}
		addr := t.peers.peers[p.peer].addr
		if v.peers[addr] += n; v.peers[addr] == 0 {
			delete(v.peers, addr)
		}
	}
}

// changed marks a dest whose paths changed, and the gateways that resolve through it.
func (t *Table) changed(p *path, d *dest) {
	t.markDirty(p.dest, d)
	if p.origin == 0 && p.source.resolver() {
		t.recheckGateways(d)
	}
}

func (t *Table) markDirty(id uint32, d *dest) {
	if d.dirty {
		return
	}
	d.dirty = true
	if d.vr == 0 {
		t.dirtyParent = append(t.dirtyParent, id)
	} else {
		t.dirtyVRF = append(t.dirtyVRF, id)
	}
}

// freePath gives back the record of a path that is in no list any more.
func (t *Table) freePath(id uint32) {
	p := t.paths.at(id)
	t.attrs.release(p.attrs)
	t.peers.release(p.peer)
	t.paths.put(id)
}

// sweepDests ends the dirty marks and removes the dests that no path is left of.
func (t *Table) sweepDests(dirty []uint32) {
	for _, id := range dirty {
		d := t.dests.at(id)
		d.dirty = false
		if d.first == 0 {
			t.vrs[d.vr].rib.Delete(d.prefix())
			t.dests.put(id)
		}
	}
}
