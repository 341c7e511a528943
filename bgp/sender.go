package bgp

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaissmai/bart"
	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// sender tells one neighbour of the routes in use: all of them at first, then what changes. It remembers what it has told
// (the Adj-RIB-Out of RFC 4271 3.2) as one number a prefix, and asks the table for the rest when it is to tell: what
// changes faster than the neighbour reads is told once, as it is then.
type sender struct {
	p     *peer
	s     *session
	watch *vrftable.Watch
	rules *rules

	retell atomic.Bool // with the next comparison

	mu     sync.Mutex // of what was told
	sent   bart.Table[uint32]
	blocks blocks

	again   bool           // what was told already is told again
	all     []netip.Prefix // scratch
	bests   []vrftable.Best
	pending map[string][]netip.Prefix // to be announced, by their attributes
	gone    []netip.Prefix            // to be withdrawn
	buf     []byte                    // messages to be written
}

const (
	maxWatched = 1 << 16                // prefixes; above that the whole table is compared
	gather     = 5 * time.Millisecond   // changes are gathered before they are told
	maxBuffer  = 64 << 10               // bytes of messages before they are written
	maxAsked   = 1024                   // prefixes that the table is asked for at once
	walkPause  = 100 * time.Millisecond // between two comparisons of the whole table
)

func newSender(p *peer, s *session) (*sender, error) {
	w, err := p.sp.server.table.Watch(p.c.VR, maxWatched)
	if err != nil {
		return nil, err
	}
	o := &sender{p: p, s: s, watch: w, rules: newRules(p, s), pending: map[string][]netip.Prefix{}}
	o.blocks.index = map[string]uint32{}
	return o, nil
}

// compare has everything told that differs from what the neighbour was told, by the policies as they are now.
func (o *sender) compare() { o.watch.All() }

// resync has everything told again.
func (o *sender) resync() {
	o.retell.Store(true)
	o.watch.All()
}

// run tells the neighbour until the session ends.
func (o *sender) run(ctx context.Context) error {
	defer o.watch.Close()
	if err := o.walk(ctx); err != nil {
		return err
	}
	if err := o.s.write(endOfRIB()); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-o.watch.C():
		}
		if !sleep(ctx, gather) {
			return context.Cause(ctx)
		}
		prefixes, all := o.watch.Take(o.all[:0])
		o.all = prefixes
		var err error
		if all {
			if err = o.walk(ctx); err == nil && !sleep(ctx, walkPause) {
				err = context.Cause(ctx)
			}
		} else {
			err = o.tell(ctx, prefixes)
		}
		if err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// endOfRIB is an UPDATE without anything (RFC 4724 2).
func endOfRIB() []byte { return append(appendHeader(nil, wire.BGP_MSG_UPDATE, 4), 0, 0, 0, 0) }

// tell tells what has become of some prefixes.
func (o *sender) tell(ctx context.Context, prefixes []netip.Prefix) error {
	for len(prefixes) > 0 {
		n := min(maxAsked, len(prefixes))
		o.bests = o.bests[:0]
		o.p.sp.server.table.Bests(o.p.c.VR, prefixes[:n], func(b *vrftable.Best) { o.bests = append(o.bests, *b) })
		prefixes = prefixes[n:]
		if err := o.settle(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// walk compares the whole table with what the neighbour was told, an eighth of the addresses' first octet at a time.
func (o *sender) walk(ctx context.Context) error {
	o.rules.renew()
	o.again = o.retell.Swap(false)
	defer func() { o.again = false }()
	short := make([]netip.Prefix, 0, 256) // prefixes that hold more than an eighth
	for bits := range 8 {
		for i := range 1 << bits {
			short = append(short, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i << (8 - bits))}), bits))
		}
	}
	if err := o.tell(ctx, short); err != nil {
		return err
	}
	for first := range 256 {
		within := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(first)}), 8)
		var gone []netip.Prefix
		o.mu.Lock()
		for pfx := range o.sent.Subnets(within) {
			gone = append(gone, pfx)
		}
		o.mu.Unlock()
		o.bests = o.bests[:0]
		o.p.sp.server.table.BestsIn(o.p.c.VR, within, func(b *vrftable.Best) bool {
			o.bests = append(o.bests, *b)
			return true
		})
		if err := o.settle(ctx, gone); err != nil {
			return err
		}
	}
	return nil
}

// settle tells what differs between o.bests and what the neighbour was told. Prefixes of told that are not among them are
// withdrawn.
func (o *sender) settle(ctx context.Context, told []netip.Prefix) error {
	o.mu.Lock()
	i := 0
	for k := range o.bests {
		b := &o.bests[k]
		for i < len(told) && before(told[i], b.Prefix) {
			o.withdraw(told[i])
			i++
		}
		if i < len(told) && told[i] == b.Prefix {
			i++
		}
		if code := o.rules.advertise(b); code != "" {
			o.announce(b.Prefix, code)
		} else {
			o.withdraw(b.Prefix)
		}
	}
	for ; i < len(told); i++ {
		o.withdraw(told[i])
	}
	o.mu.Unlock()
	return o.flush(ctx)
}

// before is the order of prefixes that the table and Adj-RIB-Out have: by address, then length.
func before(a, b netip.Prefix) bool {
	c := a.Addr().Compare(b.Addr())
	return c < 0 || c == 0 && a.Bits() < b.Bits()
}

func (o *sender) announce(pfx netip.Prefix, code string) {
	if old, told := o.sent.Get(pfx); told {
		if o.blocks.all[old].code == code && !o.again {
			return
		}
		o.blocks.release(old)
	}
	o.sent.Insert(pfx, o.blocks.retain(code))
	o.pending[code] = append(o.pending[code], pfx)
}

func (o *sender) withdraw(pfx netip.Prefix) {
	if n, told := o.sent.Get(pfx); told {
		o.sent.Delete(pfx)
		o.blocks.release(n)
		o.gone = append(o.gone, pfx)
	}
}

// flush writes what is to be told.
func (o *sender) flush(ctx context.Context) error {
	var updates, announced uint64
	withdrawn := uint64(len(o.gone))
	gone := o.gone
	for len(gone) > 0 {
		o.buf, gone = appendUpdate(o.buf, "", gone)
		updates++
	}
	o.gone = o.gone[:0]
	for code, prefixes := range o.pending {
		announced += uint64(len(prefixes))
		for len(prefixes) > 0 {
			o.buf, prefixes = appendUpdate(o.buf, code, prefixes)
			updates++
		}
		if len(o.buf) > maxBuffer {
			if err := o.write(ctx); err != nil {
				return err
			}
		}
	}
	clear(o.pending)
	o.p.count(func(c *counters) {
		c.sent.Updates += updates
		c.sent.Announced += announced
		c.sent.Withdrawn += withdrawn
	})
	return o.write(ctx)
}

func (o *sender) write(ctx context.Context) error {
	if len(o.buf) == 0 {
		return nil
	}
	err := o.s.write(o.buf)
	o.buf = o.buf[:0]
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// appendUpdate appends an UPDATE with as many of the prefixes as it holds, announced with attributes or, without,
// withdrawn, and returns the others.
func appendUpdate(b []byte, attrs string, prefixes []netip.Prefix) ([]byte, []netip.Prefix) {
	start := len(b)
	b = appendHeader(b, wire.BGP_MSG_UPDATE, 0)
	b = append(b, 0, 0)
	if attrs != "" {
		b = append(b, byte(len(attrs)>>8), byte(len(attrs)))
		b = append(b, attrs...)
	}
	room := maxLen
	if attrs == "" {
		room -= 2 // for the length of the attributes
	}
	field := len(b)
	i := 0
	for ; i < len(prefixes) && len(b)-start+maxPrefix <= room; i++ {
		a := prefixes[i].Addr().As4()
		bits := prefixes[i].Bits()
		b = append(append(b, byte(bits)), a[:(bits+7)/8]...)
	}
	if attrs == "" {
		n := len(b) - field
		b[field-2], b[field-1] = byte(n>>8), byte(n)
		b = append(b, 0, 0)
	}
	n := len(b) - start
	b[start+16], b[start+17] = byte(n>>8), byte(n)
	return b, prefixes[i:]
}

// told is a prefix that the neighbour was told, and its attributes, encoded.
type told struct {
	prefix netip.Prefix
	code   string
}

// advertised returns what the neighbour was told within a prefix.
func (o *sender) advertised(within netip.Prefix) (all []told) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for pfx, n := range o.sent.Subnets(within) {
		all = append(all, told{pfx, o.blocks.all[n].code})
	}
	return all
}

func (o *sender) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sent.Size4()
}

// blocks numbers the blocks of attributes that prefixes were told with.
type blocks struct {
	index map[string]uint32
	all   []sentBlock
	free  []uint32
}

type sentBlock struct {
	code string
	refs int
}

// retain returns the number of a block, with one more prefix that was told with it.
func (b *blocks) retain(code string) uint32 {
	n, ok := b.index[code]
	if !ok {
		if k := len(b.free); k > 0 {
			n, b.free = b.free[k-1], b.free[:k-1]
		} else {
			n = uint32(len(b.all))
			b.all = append(b.all, sentBlock{})
		}
		b.all[n].code = code
		b.index[code] = n
	}
	b.all[n].refs++
	return n
}

func (b *blocks) release(n uint32) {
	s := &b.all[n]
	if s.refs--; s.refs == 0 {
		delete(b.index, s.code)
		s.code = ""
		b.free = append(b.free, n)
	}
}
