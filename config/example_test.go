package config_test

import (
	"fmt"

	"vrfwd/config"
	"vrfwd/vrftable"
)

const before = `
ports: {core: {device: eth0}, access: {device: eth1}}
vr:
  interfaces: {uplink: {layer2: core, addresses: [192.0.2.1/30]}}
  routes: [{prefix: 0.0.0.0/0, gateway: 192.0.2.2}]
vrfs:
  red:
    interfaces: {ce: {layer2: access.10, addresses: [10.0.0.1/30], fallback-global: true}}
`

// With a way back from the Internet.
const after = before + `    routes: [{prefix: 203.0.113.0/24, gateway: 10.0.0.2}]
    global-export-map: {route-map: public}
route-maps: {public: [{permit: {prefix-list: public}}]}
prefix-lists: {public: [permit 203.0.113.0/24]}
`

// A table gets one configuration, and then the next one by what differs.
func Example() {
	old, err := config.Parse("pe.yaml", []byte(before))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range old.Warnings() {
		fmt.Println(w)
	}
	table, err := vrftable.New(vrftable.Config{VRFs: old.MaxVRFs})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer table.Close()
	plan, err := old.Changes(nil) // a router gives what it knows of the devices
	if err == nil {
		err = plan.Apply(table)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	new, err := config.Parse("pe.yaml", []byte(after))
	if err != nil {
		fmt.Println(err)
		return
	}
	if plan, err = config.Diff(old, new, nil); err == nil {
		err = plan.Apply(table)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range plan.Changes() {
		fmt.Printf("%T\n", c)
	}
	_, err = config.Parse("pe.yaml", []byte(before+"    route: []\n"))
	fmt.Println(err)
	// Output:
	// pe.yaml:8:85: ce falls back to the parent's table, but no route there leads back to VRF red: add one by a share of the parent on layer 2 interface access.10, or a global-export-map
	// vrftable.SetPrefixList
	// vrftable.SetRouteMap
	// vrftable.SetExportMap
	// vrftable.AddRoute
	// pe.yaml:9:5: unknown key "route": allowed here: interfaces, loopbacks, shares, maximum-paths, routes, tables, host, bgp, global-import-map, global-export-map; did you mean routes?
}
