package lpm

import (
	"fmt"
	"math/bits"

	"vrfwd/internal/offheap"
	"vrfwd/internal/qsbr"
)

// pool hands out runs of T from one off-heap reservation that never moves, and takes them back after a grace period.
// A run's length is a power of two, and its offset a multiple of its length. Only the writer calls it; readers index
// all. Untouched memory of the reservation costs nothing. A sixteenth of it is kept for taking changes back (undo.go).
type pool[T any] struct {
	all     []T // the whole reservation
	region  *offheap.Region
	domain  *qsbr.Domain
	top     int          // first element never handed out
	limit   int          // of top
	kept    int          // elements beyond limit for taking changes back
	open    bool         // these may be used
	live    int          // elements in use
	free    [32][]uint32 // by log2 of the length: offsets ready for reuse
	retired []retired    // oldest first
	sealed  int          // retired[:sealed] have a token
}

// retired is a run that readers may still hold.
type retired struct {
	token uint64
	off   uint32
	order uint8 // log2 of the length
}

func newPool[T any](d *qsbr.Domain, elements int) (*pool[T], error) {
	var t T
	r, err := offheap.Alloc(elements * sizeOf(t))
	if err != nil {
		return nil, fmt.Errorf("lpm: %w", err)
	}
	kept := elements / 16
	return &pool[T]{all: offheap.Slice[T](r, elements), region: r, domain: d, limit: elements - kept, kept: kept}, nil
}

// reserve opens and closes what is kept for taking changes back, and returns how it was.
func (p *pool[T]) reserve(open bool) (was bool) {
	was, p.open = p.open, open
	return was
}

// alloc returns the offset of 2^order elements with undefined content.
func (p *pool[T]) alloc(order int) (uint32, error) {
	list := &p.free[order]
	if len(*list) == 0 && len(p.retired) > 0 {
		p.reclaim()
	}
	n := 1 << order
	if k := len(*list); k > 0 {
		off := (*list)[k-1]
		*list = (*list)[:k-1]
		p.live += n
		return off, nil
	}
	off := (p.top + n - 1) &^ (n - 1)
	limit := p.limit
	if p.open {
		limit += p.kept
	}
	if off+n > limit {
		return 0, fmt.Errorf("lpm: %d elements: %w", len(p.all), ErrFull)
	}
	for gap := p.top; gap < off; gap += gap & -gap { // what alignment skips serves smaller runs
		small := bits.TrailingZeros(uint(gap))
		p.free[small] = append(p.free[small], uint32(gap))
	}
	p.top = off + n
	p.live += n
	return uint32(off), nil
}

// retire gives a run back once every reader has let go of it. It must be unreachable for new readers by then.
func (p *pool[T]) retire(off uint32, order int) {
	p.live -= 1 << order
	p.retired = append(p.retired, retired{off: off, order: uint8(order)})
}

// seal starts the grace period of what was retired since the last seal: one token for a whole batch.
func (p *pool[T]) seal() {
	if p.sealed == len(p.retired) {
		return
	}
	token := p.domain.Advance()
	for i := p.sealed; i < len(p.retired); i++ {
		p.retired[i].token = token
	}
	p.sealed = len(p.retired)
}

// reclaim moves the runs whose grace period has passed to the free lists.
func (p *pool[T]) reclaim() {
	p.seal()
	n := 0
	var passed uint64 // tokens grow: one question to the domain per token
	for ; n < len(p.retired); n++ {
		r := p.retired[n]
		if r.token > passed {
			if !p.domain.Passed(r.token) {
				break
			}
			passed = r.token
		}
		p.free[r.order] = append(p.free[r.order], r.off)
	}
	if n > 0 {
		p.retired = append(p.retired[:0], p.retired[n:]...)
		p.sealed = len(p.retired)
	}
}

func (p *pool[T]) close() {
	p.all = nil
	p.region.Close()
}

// orderOf returns the log2 of the shortest run that holds n elements.
func orderOf(n int) int { return bits.Len(uint(n - 1)) }
