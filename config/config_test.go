package config

import "testing"

const small = `
ports: {core: {device: eth0}, access: {device: eth1}}
vr:
  interfaces:
    uplink: {layer2: core, addresses: [192.0.2.1/30], neighbors: {192.0.2.2: 02:00:00:00:00:09}}
  shares:
    to-red: {layer2: access.10}
  routes:
    - {prefix: 203.0.113.0/24, gateway: 10.0.0.2, share: to-red}
  tables:
    - {synthetic: {routes: 1000, seed: 1}, next-hops: [192.0.2.2]}
vrfs:
  red:
    interfaces:
      ce: {layer2: access.10, addresses: [10.0.0.1/30], fallback-global: true}
    routes:
      - {prefix: 203.0.113.0/24, gateway: 10.0.0.2}
`

func TestSmall(t *testing.T) {
	c, err := Parse("x.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range c.Warnings() {
		t.Error(w)
	}
	p, err := c.Changes(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.steps {
		t.Logf("%T %+v", s.change, s)
	}
}
