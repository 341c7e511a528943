package e2e

import (
	"bytes"
	"net/netip"
	"slices"

	"vrfwd/packet"
)

// rule is one deliberate difference between fwd and Linux. The table in the package's documentation gives its reason.
type rule struct {
	name     string
	explains func(in *input, kernel, fwd []output) bool
}

var rules = []rule{
	{"martian", func(in *input, _, fwd []output) bool {
		return len(fwd) == 0 && (martian(in.from()) || martian(in.dst()))
	}},
	{"error-to-broadcast", func(in *input, kernel, fwd []output) bool {
		return len(fwd) == 0 && len(kernel) > 0 && kernel[0].made && [6]byte(kernel[0].macs[:6]) == [6]byte{255, 255, 255, 255, 255, 255}
	}},
	{"no-tcp", func(in *input, kernel, fwd []output) bool {
		return in.to.kind == toRouter && in.ip.Protocol() == packet.ProtoTCP && len(fwd) == 1 && fwd[0].tells(3, 3) &&
			(len(kernel) == 0 || len(kernel) == 1 && kernel[0].made && packet.IPv4(kernel[0].ip).Protocol() == packet.ProtoTCP)
	}},
	{"no-icmp-timestamp", func(in *input, kernel, fwd []output) bool {
		return in.to.kind == toRouter && len(fwd) == 0 && len(kernel) == 1 && kernel[0].tells(icmpTimestampReply, 0)
	}},
	{"first-fragment", func(in *input, kernel, fwd []output) bool {
		return in.to.kind == toRouter && in.ip.Fragment()&^packet.FlagDF == packet.FlagMF && len(kernel) == 0 && len(fwd) == 1 &&
			(fwd[0].tells(3, 2) || fwd[0].tells(3, 3))
	}},
	{"plain-error", func(in *input, kernel, fwd []output) bool {
		return in.options != "" && len(kernel) == 1 && len(fwd) == 1 && plainError(kernel[0], fwd[0])
	}},
	{"recorded-once", func(in *input, kernel, fwd []output) bool {
		if in.options == "" || len(fwd) == 0 || !fwd[0].tells(0, 0) {
			return false
		}
		return allButOptions(kernel, fwd)
	}},
	{"later-fragment", func(in *input, kernel, fwd []output) bool {
		return in.options != "" && in.ip.FragmentOffset() > 0 && len(fwd) > 1 && !fwd[0].made && allButOptions(kernel, fwd)
	}},
	{"timestamp-address", func(in *input, kernel, fwd []output) bool {
		if in.options != "timestamp-address" || len(kernel) != len(fwd) {
			return false
		}
		for i := range fwd {
			if !registered(kernel[i], fwd[i]) {
				return false
			}
		}
		return true
	}},
}

// plainError: both send the same ICMP error, but Linux's has options that answer the packet's, and quotes the packet with
// its options filled in.
func plainError(kernel, fwd output) bool {
	k, f := kernel.icmp(), fwd.icmp()
	if k == nil || f == nil || !icmpError(k[0]) || !bytes.Equal(k[:8], f[:8]) || kernel.out != fwd.out || kernel.macs != fwd.macs {
		return false
	}
	return bytes.Equal(kernel.ip[12:20], fwd.ip[12:20]) && packet.IPv4(fwd.ip).HeaderLen() == packet.IPv4HeaderLen
}

// registered: both forward the same, but for the address beside a timestamp: that of the interface that it leaves by.
func registered(kernel, fwd output) bool {
	const at = packet.IPv4HeaderLen + 4
	if difference([]output{kernel}, []output{fwd}) == "" {
		return true // a later fragment, without the option
	}
	if kernel.made || fwd.made || kernel.out != fwd.out || len(kernel.ip) != len(fwd.ip) || len(fwd.ip) < at+4 {
		return false
	}
	leaves := fwd.out.addr.Addr().As4()
	return kernel.macs == fwd.macs && bytes.Equal(kernel.ip[:at], fwd.ip[:at]) && bytes.Equal(kernel.ip[at+4:], fwd.ip[at+4:]) &&
		bytes.Equal(fwd.ip[at:at+4], leaves[:])
}

// allButOptions: both send the same, but for options.
func allButOptions(kernel, fwd []output) bool {
	return slices.EqualFunc(kernel, fwd, func(x, y output) bool {
		k, f := packet.IPv4(x.ip), packet.IPv4(y.ip)
		const id, sum = 4, 10 // of what lies between, and the addresses behind the checksum
		return x.out == y.out && x.macs == y.macs && x.made == y.made && bytes.Equal(k[id:sum], f[id:sum]) &&
			bytes.Equal(k[sum+2:packet.IPv4HeaderLen], f[sum+2:packet.IPv4HeaderLen]) && bytes.Equal(k.Payload(), f.Payload())
	})
}

func (i *input) from() netip.Addr { return addr4(i.ip.Src()) }

func (i *input) dst() netip.Addr { return addr4(i.ip.Dst()) }
