package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// flawed is the difference that no rule explains: a frame that no router may send.
const flawed = "a flaw"

// difference tells in what two routers differ about an input; "": in nothing.
func difference(a, b []output) string {
	if slices.ContainsFunc(slices.Concat(a, b), func(o output) bool { return o.flaw != "" }) {
		return flawed
	}
	if len(a) != len(b) {
		return "number of packets"
	}
	for i := range a {
		switch x, y := a[i], b[i]; {
		case x.out != y.out:
			return "circuit"
		case x.macs != y.macs:
			return "Ethernet header"
		case x.made != y.made:
			return "who made it"
		case !bytes.Equal(x.ip, y.ip):
			return "bytes"
		}
	}
	return ""
}

// describe shows an input and what the routers made of it.
func describe(in *input, a, b []output) string {
	var s strings.Builder
	fmt.Fprintf(&s, "input %d on %v", in.id, in.in)
	if in.oddity != "" {
		fmt.Fprintf(&s, ", odd: %s", in.oddity)
	}
	if in.options != "" {
		fmt.Fprintf(&s, ", options: %s", in.options)
	}
	fmt.Fprintf(&s, "\n    %v > %v protocol %d TTL %d length %d fragment %#x: %s\n    %x\n", addr4(in.ip.Src()), addr4(in.ip.Dst()), in.ip.Protocol(),
		in.ip.TTL(), len(in.ip), in.ip.Fragment(), in.to, in.frame[:min(len(in.frame), 96)])
	for _, side := range []struct {
		name string
		all  []output
	}{{"kernel", a}, {"other", b}} {
		if len(side.all) == 0 {
			fmt.Fprintf(&s, "  %s: nothing\n", side.name)
		}
		for _, o := range side.all {
			fmt.Fprintf(&s, "  %s: %v\n", side.name, o)
		}
	}
	return s.String()
}
