package e2e

import (
	"fmt"
	"testing"

	"vrfwd/internal/testnet"
)

// TestBGPTransport: a customer's router and a program on the parent's loopback speak TCP *through the VRF's interface*
// (DESIGN 1): the parent has a static route to the customer's loopback over a share, the VRF the parent's loopback by an
// import map. Two customers with overlapping addresses do so at once.
func TestBGPTransport(t *testing.T) {
	testnet.Need(t, "tun")
	p := newPlace(t)
	const loopback = "198.18.0.1"
	parent := `
loopbacks:
  rr: {addresses: [198.18.0.1/32]}
shares:
  to-red: {layer2: red}
  to-blue: {layer2: blue}
routes:
  - {prefix: 203.0.113.1/32, gateway: 10.0.0.2, share: to-red}
  - {prefix: 203.0.113.129/32, gateway: 10.0.0.2, share: to-blue}
host: {device: bgp0}
`
	vrf := func(name string) string {
		return fmt.Sprintf(`
interfaces:
  ce-%s: {layer2: %[1]s, addresses: [10.0.0.1/24]}
routes:
  - {prefix: %[2]s, gateway: 10.0.0.2}
global-import-map: {route-map: loopback, max-routes: 10}
`, name, home(name))
	}
	start(t, p.pe, config(parent, vrf)+"prefix-lists:\n  loopback: [permit 198.18.0.1/32]\nroute-maps:\n  loopback:\n    - permit: {prefix-list: loopback}\n")
	reaches(t, p.red, loopback)
	reaches(t, p.blue, loopback)
	transfer(t, p.red, p.pe, redPublic, loopback, 1<<20)
	transfer(t, p.blue, p.pe, bluePublic, loopback, 1<<20)
	// And the other way round: the program calls the customer.
	transfer(t, p.pe, p.red, loopback, redPublic, 1<<20)
	if pings(t, p.green, loopback) {
		t.Error("a VRF without the import reaches the parent's loopback")
	}
}
