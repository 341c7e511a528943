package e2e

import (
	"bytes"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"testing"

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
			len(kernel) == 1 && kernel[0].made && packet.IPv4(kernel[0].ip).Protocol() == packet.ProtoTCP
	}},
	{"no-icmp-timestamp", func(in *input, kernel, fwd []output) bool {
		return in.to.kind == toRouter && len(fwd) == 0 && len(kernel) == 1 && kernel[0].tells(icmpTimestampReply, 0)
	}},
	{"first-fragment", func(in *input, kernel, fwd []output) bool {
		return in.to.kind == toRouter && in.ip.Fragment()&^packet.FlagDF == packet.FlagMF && len(kernel) == 0 && len(fwd) == 1 &&
			(fwd[0].tells(3, 2) || fwd[0].tells(3, 3))
	}},
	{"plain-error", func(in *input, kernel, fwd []output) bool {
		return in.options != "" && len(kernel) == 1 && len(fwd) == 1 && plainError(in, kernel[0], fwd[0])
	}},
	{"recorded-once", func(in *input, kernel, fwd []output) bool {
		if in.options == "" || len(fwd) == 0 || !fwd[0].tells(0, 0) {
			return false
		}
		return len(kernel) > 0 && allButOptions(kernel, fwd)
	}},
	{"later-fragment", func(in *input, kernel, fwd []output) bool {
		return in.options != "" && in.ip.FragmentOffset() > 0 && len(kernel) > 1 && len(fwd) > 1 && !fwd[0].made &&
			allButOptions(kernel, fwd)
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
func plainError(in *input, kernel, fwd output) bool {
	k, f := kernel.icmp(), fwd.icmp()
	if k == nil || f == nil || !icmpError(k[0]) || !bytes.Equal(k[:8], f[:8]) || kernel.out != fwd.out || kernel.macs != fwd.macs {
		return false
	}
	return bytes.Equal(kernel.ip[12:20], fwd.ip[12:20]) && packet.IPv4(fwd.ip).HeaderLen() == packet.IPv4HeaderLen &&
		bytes.Contains(in.frame, f[packet.ICMPv4HeaderLen:])
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

// allButOptions: both send the same, but for options, whose length decides where fragments are cut.
func allButOptions(kernel, fwd []output) bool {
	k, kernelData := joined(kernel)
	f, fwdData := joined(fwd)
	const tos, ttl, protocol = 1, 8, 9
	return k.out == f.out && k.macs == f.macs && k.made == f.made && bytes.Equal(kernelData, fwdData) && k.ip[tos] == f.ip[tos] &&
		bytes.Equal(k.ip[ttl:protocol+1], f.ip[ttl:protocol+1]) && bytes.Equal(k.ip[12:20], f.ip[12:20])
}

// joined puts the fragments of a datagram together that lie one behind the other: the first one, and all their data.
func joined(all []output) (first output, data []byte) {
	for i, o := range all {
		ip := packet.IPv4(o.ip)
		if i == 0 {
			first = o
		} else if int(offset(o)-offset(first))*8 != len(data) || o.out != first.out || o.macs != first.macs {
			return first, nil
		}
		data = append(data, ip.Payload()...)
	}
	return first, data
}

func (i *input) from() netip.Addr { return addr4(i.ip.Src()) }

func (i *input) dst() netip.Addr { return addr4(i.ip.Dst()) }

// TestRules: the table in the package's documentation names each rule, and no other.
func TestRules(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, m := range regexp.MustCompile(`(?m)^//\t([a-z]+(?:-[a-z]+)*)  `).FindAllStringSubmatch(string(doc), -1) {
		have = append(have, m[1])
	}
	want := []string{"rule"} // the heading
	for _, r := range rules {
		want = append(want, r.name)
	}
	if !slices.Equal(have, want) {
		t.Errorf("the documentation has %q, the rules are %q", have, want)
	}
}
