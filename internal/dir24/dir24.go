// Package dir24 is the peer that benchmarks measure the FIBs against: DIR-24-8-BASIC of Gupta, Lin and McKeown,
// "Routing lookups in hardware at memory access speeds" (INFOCOM 1998), as DPDK's rte_fib DIR24_8 lays it out with
// 2-byte entries. It is written to be fast, on huge pages where the kernel gives them, and is built once: no updates.
package dir24

import (
	"fmt"

	"vrfwd/internal/offheap"
)

const (
	extended = 1 << 15 // the entry names a group of 256 entries of the /24's last octet
	maxHop   = extended - 1
)

// Table is the compiled form. Lookups may run concurrently.
type Table struct {
	first  []uint16 // 2^24 entries, 32 MiB
	second []uint16 // groups of 256
	region *offheap.Region
}

// Route is one prefix, host bits zero, and its hop below 2^15.
type Route struct {
	Addr uint32
	Len  uint8
	Hop  uint32
}

// New compiles routes, in which parents come before their children (sorted by address and length, or by length).
func New(routes []Route) (*Table, error) {
	region, err := offheap.Alloc(2<<24 + 2<<23)
	if err != nil {
		return nil, err
	}
	all := offheap.Slice[uint16](region, 1<<24+1<<23)
	t := &Table{first: all[:1<<24], second: all[1<<24:], region: region}
	groups := 0
	for _, r := range routes {
		addr, length, hop := r.Addr, r.Len, r.Hop
		if hop > maxHop {
			err = fmt.Errorf("dir24: hop %d above %d", hop, maxHop)
			break
		}
		if length <= 24 {
			for i := addr >> 8; ; i++ {
				t.first[i] = uint16(hop)
				if i == (addr|^(^uint32(0)<<(32-length)))>>8 {
					break
				}
			}
			continue
		}
		e := &t.first[addr>>8]
		if *e&extended == 0 {
			if groups == 1<<15 {
				err = fmt.Errorf("dir24: more than %d extended /24s", groups)
				break
			}
			group := t.second[groups<<8:][:256]
			for i := range group {
				group[i] = *e
			}
			*e = extended | uint16(groups)
			groups++
		}
		group := t.second[int(*e&^extended)<<8:][:256]
		for i := range 1 << (32 - length) {
			group[int(addr&255)+i] = uint16(hop)
		}
	}
	t.second = t.second[:groups<<8]
	if err != nil {
		region.Close()
		return nil, err
	}
	return t, nil
}

// Lookup returns the hop for addr.
func (t *Table) Lookup(addr uint32) uint32 {
	e := uint32(t.first[addr>>8])
	if e&extended != 0 {
		e = uint32(t.second[e&^extended<<8|addr&255])
	}
	return e
}

// LookupBurst looks addrs up into hops: one pass of independent loads, then the few extended ones if there were any.
func LookupBurst[H ~uint32](t *Table, addrs []uint32, hops []H) {
	first := (*[1 << 24]uint16)(t.first)
	hops = hops[:len(addrs)]
	var any uint32
	for i, a := range addrs {
		e := uint32(first[a>>8])
		any |= e
		hops[i] = H(e)
	}
	if any&extended == 0 {
		return
	}
	for i, h := range hops {
		if h&extended != 0 {
			hops[i] = H(t.second[uint32(h)&^extended<<8|addrs[i]&255])
		}
	}
}

// Bytes returns the memory of the table.
func (t *Table) Bytes() int { return 2 * (len(t.first) + len(t.second)) }

// Close gives the memory back.
func (t *Table) Close() error { return t.region.Close() }
