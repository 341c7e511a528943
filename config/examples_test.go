package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrfwd/vrftable"
)

// lookups are what an example has to say to packets: where they come in, where they go, and what becomes of them: the
// egress interface and the gateway, or the kind of the next hop.
var lookups = map[string][]struct{ from, to, want string }{
	"two-circuits": {
		{"red-vpn", "10.1.2.3", "red-vpn 10.0.0.2"},
		{"red-vpn", "8.8.8.8", "no route"}, // the VPN's circuit has no Internet
		{"red-inet", "8.8.8.8", "uplink 192.0.2.3"},
		{"red-inet", "10.1.2.3", "no route"},
		{"uplink", "203.0.113.7", "red-inet 100.64.0.2"},
	},
	"default-route-to-share": {
		{"ce-red", "8.8.8.8", "red-out 192.0.2.2"},
		{"ce-red", "10.1.2.3", "ce-red 10.0.0.2"},
		{"uplink", "203.0.113.7", "to-red 10.0.0.2"},
		{"uplink", "10.1.2.3", "no route"},
	},
	"demo": {
		{"ce-red", "198.51.100.1", "uplink 192.0.2.2"},
		{"ce-red", "203.0.113.10", "ce-red 10.1.0.2"},
		{"uplink", "203.0.113.10", "to-red 10.1.0.2"},
	},
	"equal-paths": {
		{"ce-red", "8.8.8.8", "uplink1 192.0.2.2 or uplink2 192.0.2.6"},
		{"ce-red", "203.0.113.7", "ce-red 10.0.0.2 or ce-red 10.0.0.3"},
		{"uplink2", "203.0.113.7", "to-red 10.0.0.2 or to-red 10.0.0.3"},
	},
	"fallback-global": {
		{"ce-red", "8.8.8.8", "uplink 192.0.2.3"},
		{"ce-red", "8.8.1.1", "uplink 192.0.2.2"},
		{"ce-red", "17.1.1.1", "uplink 192.0.2.2"},
		{"ce-red", "10.1.2.3", "ce-red 10.0.0.2"},
		{"ce-red", "203.0.113.200", "to-blue 10.0.0.2"},
		{"ce-blue", "8.8.8.8", "uplink 192.0.2.3"},
		{"ce-blue", "17.1.1.1", "discard"}, // the VRF's route, whatever the parent has
		{"lab-blue", "8.8.8.8", "no route"},
		{"lab-blue", "10.1.2.3", "ce-blue 10.0.0.2"},
		{"uplink", "203.0.113.1", "to-red 10.0.0.2"},
		{"uplink", "203.0.113.129", "to-blue 10.0.0.2"},
	},
	"global-import-map": {
		{"ce-red", "17.1.1.1", "uplink 192.0.2.2"},
		{"ce-red", "8.8.8.8", "uplink 192.0.2.2"}, // by 8.8.0.0/16: 8.8.8.0/24 is not imported
		{"ce-red", "9.9.9.9", "no route"},
		{"ce-red", "151.101.64.1", "no route"},
		{"uplink", "203.0.113.7", "to-red 10.0.0.2"},
	},
	"full-copy": {
		{"ce-red", "8.8.8.8", "uplink 192.0.2.3"},
		{"ce-red", "151.101.64.1", "uplink 192.0.2.2"},
		{"ce-red", "192.0.2.1", "no route"},
		{"ce-red", "203.0.113.7", "ce-red 10.0.0.2"}, // the VRF's own before the copy
		{"uplink", "203.0.113.7", "to-red 10.0.0.2"},
	},
	"static-route-to-share": {
		{"uplink", "203.0.113.7", "to-red 10.0.0.2"},
		{"uplink", "198.18.7.7", "to-blue 10.0.0.2"},
		{"ce-red", "198.18.7.7", "to-blue 10.0.0.2"},
		{"ce-red", "8.8.8.8", "uplink 192.0.2.2"},
		{"ce-blue", "10.9.9.9", "ce-blue 10.0.0.2"},
	},
	"global-export-map": {
		{"uplink", "203.0.113.7", "ce-red 10.0.0.2"},
		{"uplink", "10.1.2.3", "uplink 192.0.2.2"}, // not exported: the parent's default route
		{"ce-red", "8.8.8.8", "uplink 192.0.2.2"},
	},
	"bgp-session": {
		{"ce-red", "198.18.0.1", "local"},
		{"uplink", "198.18.0.1", "local"},
		{"uplink", "198.18.1.1", "to-red 10.0.0.2"},
		{"uplink", "203.0.113.7", "no route"}, // before the session brings it
		{"ce-red", "8.8.8.8", "no route"},
	},
	"vpn": {
		{"ce-red", "198.18.0.1", "local"},
		{"uplink1", "198.18.1.1", "to-red 10.0.0.2"},
		{"uplink2", "203.0.113.10", "no route"}, // before the session brings it
		{"ce-red", "192.0.2.1", "no route"},
	},
	"full": {
		{"ce-red", "10.1.2.3", "ce-red 10.0.0.2"},
		{"ce-red", "198.18.0.1", "local"},
		{"ce-red", "198.51.100.7", "uplink2 192.0.2.10"}, // translated
		{"ce-green", "9.9.9.9", "green-out 192.0.2.10"},
		{"uplink", "203.0.113.7", "to-red 10.0.0.2"},
		{"uplink2", "198.18.4.7", "ce-blue 10.0.0.2"},
		{"uplink2", "198.18.5.7", "uplink 192.0.2.2"},
		{"uplink", "198.18.9.7", "uplink2 192.0.2.10"},
		{"uplink", "198.18.10.7", "uplink2 192.0.2.10"},
		{"uplink", "172.16.1.1", "reject"},
		{"uplink", "10.9.9.9", "discard"},
		{"uplink", "8.8.1.1", "uplink 192.0.2.2"},
		{"uplink", "198.18.11.7", "uplink 192.0.2.2 or uplink2 192.0.2.10"},
	},
}

// TestExamples: each example loads without a warning, stands for its method, and is spared by a diff to itself.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(lookups) {
		t.Errorf("%d examples, %d have lookups", len(files), len(lookups))
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(name, func(t *testing.T) {
			c, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.Warnings() {
				t.Error(w)
			}
			tab := newTableFor(t, c)
			load(t, tab, c)
			for _, l := range lookups[name] {
				if got := journey(tab, l.from, l.to); got != l.want {
					t.Errorf("from %s to %s: %s, want %s", l.from, l.to, got, l.want)
				}
			}
			if len(lookups[name]) == 0 {
				t.Error("no lookups")
			}
		})
	}
}

// journey tells what a worker does with a packet.
func journey(tab *vrftable.Table, from, to string) string {
	view := tab.View()
	all := tab.Interfaces()
	i := all[slices.IndexFunc(all, func(i vrftable.InterfaceInfo) bool { return i.Name == from })]
	in := view.Ports[i.PortNumber][i.VLAN]
	if in.Iface != i.Index {
		return "no ingress"
	}
	switch a := view.Lookup(in.Table, in.Flags, number4(netip.MustParseAddr(to))); a.Kind {
	case vrftable.Group:
		var members []string
		for b := range uint32(vrftable.GroupBuckets) {
			m := view.Member(a, b<<24)
			members = append(members, fmt.Sprintf("%s %v", tab.InterfaceName(m.Iface), addr4(m.Gateway)))
		}
		slices.Sort(members)
		return strings.Join(slices.Compact(members), " or ")
	case vrftable.NoRoute:
		return "no route"
	case vrftable.Discard:
		return "discard"
	case vrftable.Reject:
		return "reject"
	case vrftable.Local:
		return "local"
	default:
		return fmt.Sprintf("%s %v", tab.InterfaceName(a.Iface), addr4(a.Gateway))
	}
}

// TestFullExample: full.yaml has every key that there is.
func TestFullExample(t *testing.T) {
	text, err := os.ReadFile("../examples/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		object, _ := v.(map[string]any)
		properties, _ := object["properties"].(map[string]any)
		for key := range properties {
			if !strings.Contains(string(text), key+":") {
				t.Errorf("%s is missing", key)
			}
		}
		for _, inner := range object {
			walk(inner)
		}
	}
	var root any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	walk(root)
}
