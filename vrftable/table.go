// Package vrftable is the control side of the forwarder: the parent virtual router and its VRFs, ports, layer 2
// interfaces, primary and shared IP interfaces, routes with attributes, policies, and what workers read of all that.
//
//	changes --stage--> records (RIBs, interfaces, policies)      journal takes a refused batch back
//	                      | derive: interface states, next hops, adjacencies, exports, best paths, imports
//	                      v
//	                   differences --publish--> adjacency slots, then FIBs in place, then a new View
//
// # Rules
//
// A share's routes need a gateway (DESIGN 3.7). Ingress is the primary's alone (3.1). Fallback is a flag of the ingress
// interface (3.2). Everything a packet needs is resolved when a route is installed (3.11): the FIB's hop names a slot
// that holds the finished layer 2 header. Equal paths that are used together lead to a slot that is a group, whose buckets
// name the slots of its members (see Buckets): what is not looked through is recursion, where a gateway behind several equal
// static routes is resolved through the first of them that leads somewhere.
//
// Exports are chosen from a VRF's own routes, whether or not an imported route hides them there; imports from the
// parent's routes in use, exports included, which are then refused. So what is exported never depends on what is
// imported, a route cannot go round in a loop (3.9), and one pass settles everything: VRFs' own routes, exports, the
// parent's best paths, imports, the VRFs' best paths.
package vrftable

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"vrfwd/internal/qsbr"
	"vrfwd/lpm"
)

// Config sizes a Table.
type Config struct {
	VRFs  int          // how many VRFs there can be at a time, 0 to 65,534
	Ports int          // port numbers are 0 to Ports-1; 0: 256
	Log   *slog.Logger // import limits reached and errors of the FIB; nil: slog.Default()

	HashSeed uint64 // of the hashes that choose among equal paths; 0: one by chance
}

// Table is the control side. Apply and the queries may be called from any goroutine: Apply is serialised, queries wait
// for it. View and Domain never wait.
type Table struct {
	domain qsbr.Domain
	view   atomic.Pointer[View]
	// ifaceGeneration counts the batches that touched an interface: see InterfaceGeneration.
	ifaceGeneration atomic.Uint64

	mu     sync.RWMutex
	log    *slog.Logger
	closed bool

	global *lpm.Table
	set    *lpm.Set
	// writeFIB brings a batch's changes of one VR into its FIB. Tests put a failing one here.
	writeFIB func(v *vr, changes []lpm.Route) error

	vrs         []*vr // by table; 0: the parent; nil: unused
	vrNames     map[string]*vr
	vrFree      []uint16 // tables given back and not held by any reader
	vrWaiting   []waitingSlot
	ports       map[string]*port
	portNumbers []*port
	layer2s     map[string]*layer2
	ifaces      []*iface // by index; nil: unused
	ifaceNames  map[string]*iface
	ifaceFree   []waitingSlot // indexes given back, oldest first

	dests     pool[dest]
	paths     pool[path]
	attrs     attrSet
	peers     peerSet
	nexthops  []*nexthop // by number; 0 and unused: nil
	nhIndex   map[nhKey]uint32
	nhFree    []uint32
	lastKey   nhKey // nextHop's shortcut
	lastNH    uint32
	slots     slots
	groups    groups
	policies  policies
	importers importers
	watches   int // open

	specialAdj map[adjKey]*adjacency // Discard, Reject

	// The batch at hand: the journal, and what it touched. All empty between batches.
	journal        journal
	touchedIfaces  []*iface
	touchedIngress []ingressPlace
	touchedAdj     []*adjacency
	touchedGroups  []*group
	ties           []uint32 // scratch of equals
	touchedVRs     []*vr    // policies changed
	queue          []uint32 // next hops to be evaluated
	idle           []uint32 // next hops that may have no path left
	idleAdj        []*adjacency
	freshAdj       []*adjacency
	staleAdj       []*adjacency
	dirtyParent    []uint32
	dirtyVRF       []uint32
	changedVRs     []*vr       // with FIB changes; the parent, if among them, first
	fib            []lpm.Route // what is being written
	takingBack     bool        // the batch at hand

	// What is left of taking an earlier batch back: FIB changes that were refused, and the ingress records that wait for them.
	owed          []owedFIB
	owedIngress   []ingressPlace
	deletedVRs    []*vr
	deletedIfaces []*iface
}

// MaxVRFs is the most VRFs that a table can have room for.
const MaxVRFs = 1<<16 - 2

// New makes a table with an empty parent VR. Close gives its memory back.
func New(c Config) (*Table, error) {
	if c.VRFs < 0 || c.VRFs > MaxVRFs {
		return nil, fmt.Errorf("vrftable: %w: room for %d VRFs: 0 to %d", ErrInvalid, c.VRFs, MaxVRFs)
	}
	if c.Ports == 0 {
		c.Ports = 256
	}
	if c.Ports < 1 || c.Ports > 1<<16 {
		return nil, fmt.Errorf("vrftable: %w: %d ports: 1 to %d", ErrInvalid, c.Ports, 1<<16)
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	t := &Table{
		log:         c.Log,
		vrs:         make([]*vr, 1, c.VRFs+1),
		vrNames:     map[string]*vr{},
		ports:       map[string]*port{},
		portNumbers: make([]*port, c.Ports),
		layer2s:     map[string]*layer2{},
		ifaces:      make([]*iface, 1),
		ifaceNames:  map[string]*iface{},
		nexthops:    make([]*nexthop, 1),
		nhIndex:     map[nhKey]uint32{},
		specialAdj:  map[adjKey]*adjacency{},
	}
	t.attrs.init()
	t.peers.init()
	t.policies.init()
	t.writeFIB = t.applyFIB
	t.vrs[0] = &vr{name: Parent, maxPaths: 1}
	t.vrNames[Parent] = t.vrs[0]
	var err error
	if t.global, err = lpm.NewTable(&t.domain); err != nil {
		return nil, err
	}
	if t.set, err = lpm.NewSet(t.global, c.VRFs+1); err != nil {
		t.global.Close()
		return nil, err
	}
	if err = t.slots.init(&t.domain); err != nil {
		t.set.Close()
		t.global.Close()
		return nil, err
	}
	if err = t.groups.init(); err != nil {
		t.slots.close()
		t.set.Close()
		t.global.Close()
		return nil, err
	}
	if c.HashSeed == 0 {
		c.HashSeed = rand.Uint64()
	}
	t.view.Store(&View{
		Generation: 1,
		VRFs:       t.set,
		Global:     t.global,
		Ports:      make([]*[VLANs]Ingress, c.Ports),
		Adj:        t.slots.current.adj,
		Groups:     t.groups.buckets,
		Seed:       seedOf(c.HashSeed),
	})
	return t, nil
}

// Domain is what workers register with: a View, and what lookups in its FIBs return, is theirs until their next
// quiescent state.
func (t *Table) Domain() *qsbr.Domain { return &t.domain }

// View returns the current view. It costs one load; load it once per burst.
func (t *Table) View() *View { return t.view.Load() }

// Close gives all memory back. No worker may use a View any more. Closing twice is harmless.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	t.set.Close()
	t.global.Close()
	t.slots.close()
	t.groups.region.Close()
}

// Apply applies a batch of changes in order, all or nothing: if one is refused, a *ChangeError says which and why, and
// readers and queries have seen nothing of the batch. Otherwise everything that follows from the batch (resolution,
// best paths, exports, imports, withdrawals) is in force when Apply returns.
//
// For readers the unit is an address: each lookup finds what its address led to before the batch or leads to after it,
// never a hole or something in between. (FIBs that are built anew, and lookups that begin in a VRF and end in the parent
// while both change, are the exception: these see routes, old and new, one by one.)
// Ingress records that go away are unpublished before routes change, new ones after, so that no packet meets a VRF
// whose routes are not there yet.
//
// Apply never waits for readers. ErrBusy says that readers have held on to so much that a batch could run out of
// adjacency slots; lpm.ErrFull that a FIB is full: the batch is taken back then too. lpm keeps memory for that. If it is not
// enough, FIBs lead on, for some prefixes of the batch, to what they were to lead to; no slot that they may name is used for
// anything else, and every later Apply first finishes taking the batch back, and is refused while it cannot.
func (t *Table) Apply(changes []Change) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return fmt.Errorf("vrftable: %w", ErrClosed)
	}
	if err := t.repair(); err != nil {
		return fmt.Errorf("vrftable: an earlier batch is not taken back in all FIBs yet: %w: nothing was applied", err)
	}
	if err := t.slots.prepare(); err != nil {
		return err
	}
	t.groups.prepare(&t.domain)
	t.prepareTables()
	for i, c := range changes {
		if err := c.stage(t); err != nil {
			t.rollback()
			t.settle()
			return changeError(i, c, err)
		}
	}
	t.derive()
	err := t.publish()
	if err != nil {
		t.rollback()
		t.derive()
		t.takeBack()
		err = fmt.Errorf("vrftable: %w: nothing was applied", err)
	}
	t.tellWatches() // also of a batch taken back: which routes stand at an import limit may have changed
	t.settle()
	return err
}

func changeError(i int, c Change, err error) error {
	e := &ChangeError{Index: i, Change: c, Err: err}
	if r, ok := errors.AsType[*refusal](err); ok {
		e.Object, e.Err = r.object, r.err
	}
	return e
}

// derive brings everything that follows from the staged records up to date. The order matters: each step reads what the
// ones before have settled. See the package documentation.
func (t *Table) derive() {
	t.retryGroups()
	t.deriveInterfaces()
	t.deriveNextHops()
	t.deriveAdjacencies()
	t.deriveExports()
	t.deriveBest(t.dirtyParent)
	t.deriveImports()
	t.deriveBest(t.dirtyVRF)
}

// settle ends a batch, published or taken back: what it removed is freed, and its marks are cleared.
func (t *Table) settle() {
	for _, s := range t.journal.steps {
		if s.what == stepRemove {
			t.freePath(s.id)
		}
	}
	t.journal.clear()
	t.attrs.forget()
	t.sweepNextHops()
	t.sweepDests(t.dirtyParent)
	t.sweepDests(t.dirtyVRF)
	t.dirtyParent, t.dirtyVRF = trim(t.dirtyParent), trim(t.dirtyVRF)
	t.sweepAdjacencies()
	for _, i := range t.touchedIfaces {
		i.touched = false
	}
	for _, a := range t.touchedAdj {
		a.touched = false
	}
	for _, id := range t.queue {
		if nh := t.nexthops[id]; nh != nil {
			nh.queued = false
		}
	}
	t.touchedIfaces, t.touchedAdj, t.queue = trim(t.touchedIfaces), trim(t.touchedAdj), trim(t.queue)
	for _, v := range t.touchedVRs {
		v.touched, v.unexport = false, false
		if v.imp != nil {
			v.imp.rejudge = false
		}
		if v.exp != nil {
			v.exp.rejudge = false
		}
	}
	t.touchedIngress, t.touchedVRs = t.touchedIngress[:0], t.touchedVRs[:0]
	t.slots.settle(t.owes())
	t.settleGroups()
	t.settleDeleted()
}

// settleDeleted starts the grace period of the numbers of deleted VRFs and interfaces. Those whose deletion was taken
// back are in the lists too, and some twice.
func (t *Table) settleDeleted() {
	if len(t.deletedVRs)+len(t.deletedIfaces) == 0 {
		return
	}
	token := t.domain.Advance()
	for _, v := range t.deletedVRs {
		if v.deleted && t.vrs[v.table] == v {
			t.vrs[v.table] = nil
			t.vrWaiting = append(t.vrWaiting, waitingSlot{v.table, token})
		}
	}
	for _, i := range t.deletedIfaces {
		if i.deleted && t.ifaces[i.index] == i {
			t.ifaces[i.index] = nil
			t.ifaceFree = append(t.ifaceFree, waitingSlot{i.index, token})
		}
	}
	clear(t.deletedVRs)
	clear(t.deletedIfaces)
	t.deletedVRs, t.deletedIfaces = t.deletedVRs[:0], t.deletedIfaces[:0]
}

// prepareTables takes back the tables of deleted VRFs that readers have let go of.
func (t *Table) prepareTables() {
	n := 0
	for n < len(t.vrWaiting) && t.domain.Passed(t.vrWaiting[n].token) {
		t.vrFree = append(t.vrFree, t.vrWaiting[n].slot)
		n++
	}
	t.vrWaiting = append(t.vrWaiting[:0], t.vrWaiting[n:]...)
}
