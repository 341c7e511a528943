package vrftable_test

import (
	"fmt"
	"net/netip"

	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// A VPN site without a route of its own reaches the Internet by the parent's table.
func Example() {
	t, err := vrftable.New(vrftable.Config{VRFs: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	isp := netip.MustParseAddr("192.0.2.2")
	err = t.Apply([]vrftable.Change{
		vrftable.AddPort{Name: "core", Number: 0, MAC: vrftable.MAC{2, 0, 0, 0, 0, 1}},
		vrftable.AddPort{Name: "access", Number: 1, MAC: vrftable.MAC{2, 0, 0, 0, 0, 2}},
		vrftable.AddLayer2{Name: "core", Port: "core"},
		vrftable.AddLayer2{Name: "red", Port: "access", VLAN: 10},
		vrftable.AddVRF{Name: "red"},
		vrftable.AddInterface{Name: "uplink", Layer2: "core", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/30")}},
		vrftable.AddInterface{Name: "ce", VR: "red", Layer2: "red", FallbackGlobal: true,
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/30")}},
		vrftable.AddNeighbor{Interface: "uplink", Addr: isp, MAC: vrftable.MAC{2, 0, 0, 0, 0, 9}},
		vrftable.AddRoute{Route: vrftable.Route{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Source: vrftable.Static,
			NextHop: vrftable.Via{Gateway: isp}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	// What a worker does with a packet to 8.8.8.8 that came in on VLAN 10 of port 1:
	view := t.View()
	in := view.Ports[1][10]
	var hop [1]lpm.Hop
	view.VRFs.LookupDual([]lpm.Key{{Addr: 0x08080808, Table: in.Table, Flags: in.Flags}}, hop[:])
	out := view.Adj[hop[0]]
	fmt.Printf("in %s, out %s, port %d, header % x\n", t.InterfaceName(in.Iface), t.InterfaceName(out.Iface), out.Port,
		out.Header[:out.HdrLen])

	// A refused batch names what to do, and nothing of it is applied.
	fmt.Println(t.Apply([]vrftable.Change{
		vrftable.DeleteNeighbor{Interface: "uplink", Addr: isp},
		vrftable.DeletePort{Name: "core"},
	}))
	// Output:
	// in ce, out uplink, port 0, header 02 00 00 00 00 09 02 00 00 00 00 01 08 00
	// vrftable: change 1 (vrftable.DeletePort): port core: in use: layer 2 interface core stands on it: delete that first
}
