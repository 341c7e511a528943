package vrftable

// pool gives out numbered records of one pointer-free type. A route's records live in pools and name each other by
// number: a million routes are a few hundred large objects that the collector never scans, and 4 bytes a link.
// Number 0 is never given out: it means none. Records do not move.
type pool[T any] struct {
	pages [][]T
	free  []uint32
	next  uint32 // the lowest number never given out
}

const (
	pageBits = 12
	pageLen  = 1 << pageBits
)

// at returns record id, which must have been given out.
func (p *pool[T]) at(id uint32) *T { return &p.pages[id>>pageBits][id&(pageLen-1)] }

// get gives out a zeroed record.
func (p *pool[T]) get() uint32 {
	if n := len(p.free); n > 0 {
		id := p.free[n-1]
		p.free = p.free[:n-1]
		return id
	}
	if p.next == 0 {
		p.next = 1
	}
	if int(p.next>>pageBits) == len(p.pages) {
		p.pages = append(p.pages, make([]T, pageLen))
	}
	p.next++
	return p.next - 1
}

// put takes record id back.
func (p *pool[T]) put(id uint32) {
	var zero T
	*p.at(id) = zero
	p.free = append(p.free, id)
}

// records returns the number of records in memory, free ones included.
func (p *pool[T]) records() int { return len(p.pages) * pageLen }
