package slowpath

import (
	"iter"

	"vrfwd/packet"
)

// fragments cuts a packet into fragments of at most mtu bytes, 68 or more (RFC 791 3.2). The packet may be a fragment
// itself: offsets go on from its own, and the last one has its more-fragments flag. All but the first piece keep only the
// options that are to be copied; the others become fillers in them, as Linux does it, so that all headers have one length.
//
//	header | payload 0..n | payload n..2n | ...      n: what fits behind the header, a multiple of 8; the last: all that fits
//
// Each fragment is put together in scratch, which has room for mtu bytes, and is good until the next one.
func fragments(ip packet.IPv4, mtu int, scratch []byte) iter.Seq[packet.IPv4] {
	return func(yield func(packet.IPv4) bool) {
		header, payload := ip.HeaderLen(), ip.Payload()
		size := (mtu - header) &^ 7
		f := packet.IPv4(scratch[:copy(scratch, ip[:header])])
		units, more := ip.Fragment()&packet.FragmentOffset, ip.Fragment()&packet.FlagMF
		for at := 0; at < len(payload); {
			part, flags := payload[at:], more
			if header+len(part) > mtu {
				part, flags = part[:size], packet.FlagMF
			}
			f = f[:header+copy(scratch[header:], part)]
			f.SetTotalLen(len(f))
			f.SetFragment(flags | (units+uint16(at/8))&packet.FragmentOffset)
			f.SetChecksum()
			if !yield(f) {
				return
			}
			if at == 0 {
				clearUncopied(f.Options())
			}
			at += len(part)
		}
	}
}

// clearUncopied replaces the options that go into the first fragment only by fillers.
func clearUncopied(o []byte) {
	for opt := range options(o) {
		if opt[0]&optionCopied == 0 {
			for i := range opt {
				opt[i] = optionNop
			}
		}
	}
}
