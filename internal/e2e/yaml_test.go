package e2e

import (
	"fmt"
	"slices"
	"strings"
)

// yaml is the network as a configuration of fwd. Routes that stand on another VR's circuit get a share there.
func (n *network) yaml() string {
	var s strings.Builder
	line := func(depth int, format string, args ...any) {
		s.WriteString(strings.Repeat("  ", depth))
		fmt.Fprintf(&s, format+"\n", args...)
	}
	line(0, "ports:")
	for _, c := range n.circuits {
		line(1, "%s: {}", c.name)
	}
	line(0, "vr:")
	n.router(line, 1, "")
	line(0, "vrfs:")
	for _, v := range n.vrfs {
		line(1, "%s:", v)
		n.router(line, 2, v)
		if _, ok := n.imports[v]; ok {
			line(2, "global-import-map: {route-map: import-%s, max-routes: 100000}", v)
		}
		if _, ok := n.exports[v]; ok {
			line(2, "global-export-map: {route-map: export-%s}", v)
		}
	}
	if len(n.imports)+len(n.exports) == 0 {
		return s.String()
	}
	maps := []struct {
		name  string
		rules map[string][]prefixRule
	}{{"import", n.imports}, {"export", n.exports}}
	line(0, "prefix-lists:")
	for _, m := range maps {
		for _, v := range n.vrfs {
			if rules, ok := m.rules[v]; ok {
				line(1, "%s-%s:", m.name, v)
				for _, r := range rules {
					line(2, "- %v", r)
				}
			}
		}
	}
	line(0, "route-maps:")
	for _, m := range maps {
		for _, v := range n.vrfs {
			if _, ok := m.rules[v]; ok {
				line(1, "%s-%s:", m.name, v)
				line(2, "- permit: {prefix-list: %s-%s}", m.name, v)
			}
		}
	}
	return s.String()
}

// router writes what the parent and a VRF have alike.
func (n *network) router(line func(int, string, ...any), depth int, vr string) {
	line(depth, "interfaces:")
	for _, c := range n.circuits {
		if c.vr != vr {
			continue
		}
		line(depth+1, "%s-%s:", vrName(vr), c.name)
		line(depth+2, "layer2: %s", c.name)
		line(depth+2, "addresses: [%v]", c.addr)
		if c.fallback {
			line(depth+2, "fallback-global: true")
		}
		line(depth+2, "neighbors:")
		for _, s := range c.stations() {
			line(depth+3, "%v: %v", s, c.station(s))
		}
	}
	if slices.ContainsFunc(n.loopbacks, func(l loopback) bool { return l.vr == vr }) {
		line(depth, "loopbacks:")
		for i, l := range n.loopbacks {
			if l.vr == vr {
				line(depth+1, "loopback%d: {addresses: [%v/32]}", i, l.addr)
			}
		}
	}
	var statics []static
	for _, s := range n.statics {
		if s.vr == vr {
			statics = append(statics, s)
		}
	}
	var shares []string
	for _, s := range statics {
		if name := s.share(); name != "" && !slices.Contains(shares, name) {
			if len(shares) == 0 {
				line(depth, "shares:")
			}
			shares = append(shares, name)
			line(depth+1, "%s: {layer2: %s}", name, s.out.name)
		}
	}
	if len(statics) > 0 {
		line(depth, "routes:")
	}
	for _, s := range statics {
		switch {
		case s.kind == toDiscard:
			line(depth+1, "- {prefix: %v, discard: true}", s.prefix)
		case s.kind == toReject:
			line(depth+1, "- {prefix: %v, reject: true}", s.prefix)
		case s.share() != "":
			line(depth+1, "- {prefix: %v, gateway: %v, share: %s}", s.prefix, s.gateway, s.share())
		default:
			line(depth+1, "- {prefix: %v, gateway: %v}", s.prefix, s.gateway)
		}
	}
}

// share names the share that a static route stands on; "": none, its circuit is its own VR's.
func (s static) share() string {
	if s.out == nil || s.out.vr == s.vr {
		return ""
	}
	return fmt.Sprintf("share-%s-%s", vrName(s.vr), s.out.name)
}

// String writes an entry as prefix lists have it.
func (r prefixRule) String() string {
	s := fmt.Sprintf("permit %v", r.prefix)
	if r.min > r.prefix.Bits() {
		s += fmt.Sprintf(" ge %d", r.min)
	}
	if r.max > r.prefix.Bits() {
		s += fmt.Sprintf(" le %d", r.max)
	}
	return s
}
