package slowpath

import (
	"encoding/binary"
	"iter"
	"time"

	"vrfwd/packet"
	"vrfwd/vrftable"
)

// The options that a router acts on (RFC 791 3.1, RFC 2113).
const (
	optionEnd         = 0
	optionNop         = 1
	optionRecordRoute = 7
	optionTimestamp   = 68
	optionLooseRoute  = 131
	optionStrictRoute = 137
	optionRouterAlert = 148

	optionCopied = 0x80 // in the type: goes into every fragment
)

// The timestamp option's kinds, the lower half of its fourth octet. The upper half counts the routers that found no room.
const (
	stampTime      = 0 // timestamps only
	stampAddress   = 1 // each behind its router's address
	stampAsked     = 3 // only by the routers whose addresses stand there
	stampKindMask  = 0x0f
	stampFullShift = 4
)

// checkOptions finds what is wrong with options: fault is the offset of the octet that a parameter problem points to, -1
// if all is well. The checks and the octets are those of Linux' __ip_options_compile. routed: there is a source route.
//
//	record route:  7 | length | pointer, 4.. | addresses ...        a pointer beyond the length: it is full
//	timestamp:    68 | length | pointer, 5.. | overflow, kind | timestamps, addresses ...
func checkOptions(o []byte) (fault int, routed bool) {
	var route, stamp bool
	for at := 0; at < len(o) && o[at] != optionEnd; {
		if o[at] == optionNop {
			at++
			continue
		}
		if len(o)-at < 2 || o[at+1] < 2 || at+int(o[at+1]) > len(o) {
			return at, routed
		}
		n := int(o[at+1])
		opt := o[at : at+n]
		switch opt[0] {
		case optionRecordRoute:
			switch {
			case route:
				return at, routed
			case n < 3:
				return at + 1, routed
			case opt[2] < 4, int(opt[2]) <= n && int(opt[2])+3 > n:
				return at + 2, routed
			}
			route = true
		case optionTimestamp:
			if stamp {
				return at, routed
			}
			if bad := checkStamp(opt); bad > 0 {
				return at + bad, routed
			}
			stamp = true
		case optionLooseRoute, optionStrictRoute:
			routed = true
		case optionRouterAlert:
			if n < 4 {
				return at + 1, routed
			}
		}
		at += n
	}
	return -1, routed
}

// checkStamp returns the bad octet of a timestamp option; 0: none.
func checkStamp(opt []byte) int {
	n, kind := len(opt), byte(0)
	if n >= 4 {
		kind = opt[3] & stampKindMask
	}
	switch {
	case n < 4:
		return 1
	case opt[2] < 5:
		return 2
	case int(opt[2]) > n:
		if kind != stampAsked && opt[3]>>stampFullShift == 15 {
			return 3
		}
	case int(opt[2])+3 > n, (kind == stampAddress || kind == stampAsked) && int(opt[2])+7 > n:
		return 2
	}
	return 0
}

// options yields the options that checkOptions has found good, without the fillers.
func options(o []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(o) > 0 && o[0] != optionEnd {
			n := 1
			if o[0] != optionNop {
				n = int(o[1])
				if !yield(o[:n]) {
					return
				}
			}
			o = o[n:]
		}
	}
}

// recorders returns a copy of the options with fillers for all but record route and timestamp; nil: there is neither.
func recorders(o []byte) []byte {
	kept, any := append([]byte(nil), o...), false
	for opt := range options(kept) {
		if opt[0] == optionRecordRoute || opt[0] == optionTimestamp {
			any = true
			continue
		}
		for i := range opt {
			opt[i] = optionNop
		}
	}
	if !any {
		return nil
	}
	return kept
}

// stamp fills in record route and timestamp, which checkOptions has found good, with one of the router's addresses.
func (p *Path) stamp(ip packet.IPv4, in scope, addr uint32) {
	for opt := range options(ip.Options()) {
		switch {
		case opt[0] == optionRecordRoute && int(opt[2]) <= len(opt):
			binary.BigEndian.PutUint32(opt[opt[2]-1:], addr)
			opt[2] += 4
		case opt[0] == optionTimestamp:
			p.stampTime(opt, in, addr)
		}
	}
	ip.SetChecksum()
}

func (p *Path) stampTime(opt []byte, in scope, addr uint32) {
	kind := opt[3] & stampKindMask
	if int(opt[2]) > len(opt) {
		if kind != stampAsked {
			opt[3] += 1 << stampFullShift
		}
		return
	}
	at, now := opt[opt[2]-1:], sinceMidnight(p.now)
	switch kind {
	case stampTime:
		binary.BigEndian.PutUint32(at, now)
		opt[2] += 4
	case stampAddress:
		binary.BigEndian.PutUint32(at, addr)
		binary.BigEndian.PutUint32(at[4:], now)
		opt[2] += 8
	case stampAsked:
		if p.view.Lookup(in.table, in.flags, binary.BigEndian.Uint32(at)).Kind == vrftable.Local {
			binary.BigEndian.PutUint32(at[4:], now)
			opt[2] += 8
		}
	}
}

// sinceMidnight is the time in a timestamp option: milliseconds since midnight UT.
func sinceMidnight(t time.Time) uint32 {
	const day = 24 * 60 * 60 * 1000
	return uint32(t.UnixMilli() % day)
}
