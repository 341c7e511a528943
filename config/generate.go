package config

import (
	"bytes"
	_ "embed"
	"fmt"
)

//go:embed example.yaml
var example []byte

// Example returns a small configuration with comments, to start from.
func Example() []byte { return bytes.Clone(example) }

// Bounds of Generate.
const (
	MaxGenerated = 8192 // VRFs
	trunkVLANs   = 4094
)

// Generate returns a configuration of some VRFs (1 to MaxGenerated) that reach the Internet by fallback global: each on
// a VLAN of its own of a trunk, with the same private addresses as all others, and a public prefix that a global export
// map gives to the parent, out of 198.18.0.0/15 (RFC 2544). The parent has an uplink and a synthetic table of that many
// routes; 0: a default route.
func Generate(vrfs, routes int) ([]byte, error) {
	if vrfs < 1 || vrfs > MaxGenerated {
		return nil, fmt.Errorf("%d VRFs: 1 to %d are possible", vrfs, MaxGenerated)
	}
	if routes < 0 || routes > 2_000_000 {
		return nil, fmt.Errorf("%d routes: 0 to 2000000 are possible", routes)
	}
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %d VRFs, VPN n on VLAN n: CE 10.0.0.2, PE 10.0.0.1 in each.", vrfs)
	line("#")
	line("#   CE n --- VLAN n --- trunk1 [ PE ] core --- 192.0.2.2, the Internet")
	line("")
	line("ports:")
	line("  core: {device: core}")
	trunks := (vrfs + trunkVLANs - 1) / trunkVLANs
	for t := range trunks {
		line("  trunk%d: {device: trunk%d}", t+1, t+1)
	}
	line("\nmax-vrfs: %d", max(DefaultMaxVRFs, vrfs+vrfs/4))
	line("\nprefix-lists:\n  public: [permit 198.18.0.0/15 le 32]")
	line("\nroute-maps:\n  public:\n    - permit: {prefix-list: public}")
	line("\nvr:\n  interfaces:\n    uplink: {layer2: core, addresses: [192.0.2.1/24]}")
	if routes > 0 {
		line("  tables:\n    - {synthetic: {routes: %d, seed: 1}, next-hops: [192.0.2.2]}", routes)
	} else {
		line("  routes:\n    - {prefix: 0.0.0.0/0, gateway: 192.0.2.2}")
	}
	line("\nvrfs:")
	for n := range vrfs {
		line("  vpn%d:", n+1)
		line("    interfaces:")
		line("      ce%d: {layer2: trunk%d.%d, addresses: [10.0.0.1/30], fallback-global: true}",
			n+1, n/trunkVLANs+1, n%trunkVLANs+1)
		line("    routes:")
		line("      - {prefix: 10.1.0.0/16, gateway: 10.0.0.2}")
		line("      - {prefix: %v/28, gateway: 10.0.0.2}", addr4(198<<24|18<<16|uint32(n)<<4))
		line("    global-export-map: {route-map: public}")
	}
	return b.Bytes(), nil
}
