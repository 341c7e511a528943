// Package qsbr is quiescent-state-based reclamation: writers learn when every reader has let go of what was
// unpublished, so that memory is reused without a lock or a wait on the readers' side.
//
// The scheme is that of liburcu's QSBR flavour and DPDK's rte_rcu_qsbr (Hart et al., "Performance of memory reclamation
// for lockless synchronization", JPDC 2007): one global counter, one counter per reader. A reader copies the global
// counter once per burst, when it holds no reference; a writer unpublishes, takes a token with Advance, and reuses
// the memory once Passed(token).
package qsbr

import (
	"runtime"
	"sync"
	"sync/atomic"
)

const offline = ^uint64(0) // a reader that holds nothing is ahead of every token

// Domain ties readers to the writers of what they read. The zero value is ready. A Domain must not be copied.
// All methods are safe for concurrent use.
type Domain struct {
	epoch   atomic.Uint64
	mu      sync.Mutex // serialises Register and Close; never taken by a reader's burst
	readers atomic.Pointer[[]*Reader]
}

// Reader is one reading thread's place in a Domain. Its methods belong to that thread alone.
type Reader struct {
	_    [64]byte // a line of its own: written once per burst by its reader, read by writers
	seen atomic.Uint64
	_    [56]byte
	d    *Domain
}

// Register adds a reader, offline.
func (d *Domain) Register() *Reader {
	r := &Reader{d: d}
	r.seen.Store(offline)
	d.edit(func(all []*Reader) []*Reader { return append(all, r) })
	return r
}

// Online announces that the reader may hold references from now on.
func (r *Reader) Online() {
	// The store must be ordered before the first reference is loaded; Go's atomics are sequentially consistent.
	r.seen.Store(r.d.epoch.Load())
}

// Offline announces that the reader holds nothing until Online: a sleeping reader delays no writer.
func (r *Reader) Offline() { r.seen.Store(offline) }

// Quiesce passes a quiescent state: at this moment the reader holds no reference. One store; call it once per burst.
func (r *Reader) Quiesce() {
	if e := r.d.epoch.Load(); e != r.seen.Load() {
		r.seen.Store(e)
	}
}

// Close removes the reader from its domain.
func (r *Reader) Close() {
	r.Offline()
	r.d.edit(func(all []*Reader) []*Reader {
		for i, x := range all {
			if x == r {
				return append(all[:i:i], all[i+1:]...)
			}
		}
		return all
	})
}

func (d *Domain) edit(f func([]*Reader) []*Reader) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var old []*Reader
	if p := d.readers.Load(); p != nil {
		old = *p
	}
	all := f(append([]*Reader(nil), old...))
	d.readers.Store(&all)
}

// Advance starts a grace period and returns its token. Call it after the last reference has been unpublished.
func (d *Domain) Advance() uint64 { return d.epoch.Add(1) }

// Passed reports whether every reader has been quiescent or offline since Advance returned token.
func (d *Domain) Passed(token uint64) bool {
	p := d.readers.Load()
	if p == nil {
		return true
	}
	for _, r := range *p {
		if r.seen.Load() < token {
			return false
		}
	}
	return true
}

// Synchronize waits for a whole grace period. It must not be called by an online reader: it would wait for itself.
func (d *Domain) Synchronize() {
	for token := d.Advance(); !d.Passed(token); {
		runtime.Gosched()
	}
}
