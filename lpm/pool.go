package lpm

import (
	"fmt"

	"vrfwd/internal/offheap"
	"vrfwd/internal/qsbr"
)

// pool hands out runs of T from one off-heap reservation that never moves, and takes them back after a grace period.
// Only the writer calls it; readers index all. Untouched memory of the reservation costs nothing.
type pool[T any] struct {
	all     []T // the whole reservation
	region  *offheap.Region
	domain  *qsbr.Domain
	top     int              // first element never handed out
	free    map[int][]uint32 // by run length: offsets ready for reuse
	retired []retired        // oldest first
	pending int              // retired[pending:] have no token yet
	live    int              // elements in use
}

// retired is a run that readers may still hold.
type retired struct {
	token uint64
	off   uint32
	n     uint32
}

func newPool[T any](d *qsbr.Domain, elements int) (*pool[T], error) {
	var t T
	r, err := offheap.Alloc(elements * sizeOf(t))
	if err != nil {
		return nil, fmt.Errorf("lpm: %w", err)
	}
	return &pool[T]{all: offheap.Slice[T](r, elements), region: r, domain: d, free: map[int][]uint32{}}, nil
}

// alloc returns the offset of n elements with undefined content, aligned to n if align is set (n a power of two).
func (p *pool[T]) alloc(n int, align bool) (uint32, error) {
	list := p.free[n]
	if len(list) == 0 {
		p.reclaim()
		list = p.free[n]
	}
	if k := len(list); k > 0 {
		p.free[n] = list[:k-1]
		p.live += n
		return list[k-1], nil
	}
	off := p.top
	if align {
		off = (off + n - 1) &^ (n - 1)
		for gap := p.top; gap < off; { // what alignment skips serves smaller runs
			step := gap & -gap
			p.free[step] = append(p.free[step], uint32(gap))
			gap += step
		}
	}
	if off+n > len(p.all) {
		return 0, fmt.Errorf("lpm: %d elements: %w", len(p.all), ErrFull)
	}
	p.top = off + n
	p.live += n
	return uint32(off), nil
}

// retire gives a run back once every reader has let go of it. It must be unreachable for new readers by then.
func (p *pool[T]) retire(off uint32, n int) {
	p.live -= n
	p.retired = append(p.retired, retired{off: off, n: uint32(n)})
}

// seal starts the grace period of what was retired since the last seal: one token for a whole batch.
func (p *pool[T]) seal() {
	if p.pending == len(p.retired) {
		return
	}
	token := p.domain.Advance()
	for i := p.pending; i < len(p.retired); i++ {
		p.retired[i].token = token
	}
	p.pending = len(p.retired)
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
		p.free[int(r.n)] = append(p.free[int(r.n)], r.off)
	}
	if n > 0 {
		p.retired = append(p.retired[:0], p.retired[n:]...)
		p.pending = len(p.retired)
	}
}

func (p *pool[T]) close() {
	p.all = nil
	p.region.Close()
}
