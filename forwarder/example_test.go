package forwarder_test

import (
	"fmt"
	"net/netip"

	"vrfwd/forwarder"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// A worker forwards one packet from a customer's VLAN to the uplink, by fallback to the parent's table.
func ExampleWorker() {
	table, err := vrftable.New(vrftable.Config{VRFs: 1, Ports: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer table.Close()
	err = table.Apply([]vrftable.Change{
		vrftable.AddPort{Name: "up", Number: 0, MAC: vrftable.MAC{2, 0, 0, 0, 0, 1}},
		vrftable.AddPort{Name: "ce", Number: 1, MAC: vrftable.MAC{2, 0, 0, 0, 0, 2}},
		vrftable.AddLayer2{Name: "core", Port: "up"},
		vrftable.AddLayer2{Name: "ce-a", Port: "ce", VLAN: 10},
		vrftable.AddVRF{Name: "a"},
		vrftable.AddInterface{Name: "uplink", Layer2: "core", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/30")}},
		vrftable.AddInterface{Name: "a", VR: "a", Layer2: "ce-a", FallbackGlobal: true},
		vrftable.AddNeighbor{Interface: "uplink", Addr: netip.MustParseAddr("192.0.2.2"), MAC: vrftable.MAC{2, 0, 0, 0, 1, 1}},
		vrftable.AddRoute{Route: vrftable.Route{Prefix: netip.MustParsePrefix("8.0.0.0/8"), Source: vrftable.Static,
			NextHop: vrftable.Via{Gateway: netip.MustParseAddr("192.0.2.2")}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	// Ports that share an arena hand frames over without copying them.
	arena, err := packet.NewArena(64, 2048)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer arena.Close()
	up, _ := forwarder.NewMemPort(arena, 64)
	ce, _ := forwarder.NewMemPort(arena, 64)
	worker, err := forwarder.NewWorker(forwarder.Config{
		Ports:   []forwarder.Port{up, ce},
		View:    table.View,
		Readers: table.Domain(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer worker.Close()

	d := []packet.Desc{arena.Desc(0)}
	d[0].Len = uint16(copy(arena.Bytes()[d[0].Off:], []byte{
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 2, 1, 0x81, 0, 0, 10, 8, 0, // to the PE, from the CE, VLAN 10, IPv4
		0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0x5e, 0xc6, 10, 1, 2, 3, 8, 8, 8, 8, // TTL 64, 10.1.2.3 to 8.8.8.8
	}))
	ce.Inject(d)
	worker.Poll() // in its own thread: Run
	up.Collect(d)
	fmt.Printf("% x\n", arena.Frame(d[0])[:34])
	fmt.Println(forwarder.Sum(worker))
	fmt.Println("uplink:", forwarder.SumIface(table.InterfaceIndex("uplink"), worker).Tx)
	// Output:
	// 02 00 00 00 01 01 02 00 00 00 00 01 08 00 45 00 00 14 00 00 00 00 3f 11 5f c6 0a 01 02 03 08 08 08 08
	// received 1 forwarded 1 punted 0 dropped 0
	// uplink: {1 20}
}
