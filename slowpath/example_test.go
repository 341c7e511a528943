package slowpath_test

import (
	"fmt"
	"net/netip"

	"vrfwd/forwarder"
	"vrfwd/packet"
	"vrfwd/slowpath"
	"vrfwd/vrftable"
)

// A station asks for the router's address: the worker punts the frame, the slow path answers and learns.
func Example() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	table, err := vrftable.New(vrftable.Config{VRFs: 1})
	check(err)
	defer table.Close()
	check(table.Apply([]vrftable.Change{
		vrftable.AddPort{Name: "eth0", MAC: vrftable.MAC{2, 0, 0, 0, 0, 1}},
		vrftable.AddLayer2{Name: "lan", Port: "eth0"},
		vrftable.AddInterface{Name: "lan", Layer2: "lan", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}},
	}))
	arena, err := packet.NewArena(4, 2048)
	check(err)
	defer arena.Close()
	punted, err := forwarder.NewSlowPath(4, 2048)
	check(err)
	defer punted.Close()

	question := arena.Desc(0)
	question.Len = packet.EthernetLen + packet.ARPLen
	frame := packet.Ethernet(arena.Frame(question))
	frame.SetDst(packet.Broadcast())
	frame.SetSrc(packet.MAC{2, 0, 0, 0, 0, 9})
	frame.SetEtherType(packet.EtherTypeARP)
	packet.ARP(frame.Payload()).Set(packet.ARPRequest, frame.Src(), 0xc0000209, packet.MAC{}, 0xc0000201)
	received := false
	port := &forwarder.FuncPort{
		Memory: arena,
		Rx: func(d []packet.Desc) int {
			if received {
				return 0
			}
			d[0], received = question, true
			return 1
		},
		Tx: func(from *packet.Arena, d []packet.Desc) int {
			for _, one := range d {
				a, err := packet.ParseARP(packet.Ethernet(from.Frame(one)).Payload())
				check(err)
				fmt.Printf("sent: ARP operation %d, %v is at %v\n", a.Op(), netip.AddrFrom4([4]byte(a[14:18])), a.SenderMAC())
			}
			return len(d)
		},
	}
	worker, err := forwarder.NewWorker(forwarder.Config{
		Ports: []forwarder.Port{port}, View: table.View, Readers: table.Domain(), Slow: punted,
	})
	check(err)
	defer worker.Close()
	slow, err := slowpath.New(slowpath.Config{
		Table: table, Sources: []*forwarder.SlowPath{punted}, Ports: []forwarder.Port{port},
	})
	check(err)
	defer slow.Close()

	slow.Poll() // says hello
	worker.Poll()
	slow.Poll()
	for _, n := range slow.Neighbors() {
		fmt.Println("neighbour:", n.Interface, n.Addr, n.MAC, n.State)
	}
	fmt.Println(slow.Counters())
	// Output:
	// sent: ARP operation 1, 192.0.2.1 is at 02:00:00:00:00:01
	// sent: ARP operation 2, 192.0.2.1 is at 02:00:00:00:00:01
	// neighbour: lan 192.0.2.9 02:00:00:00:00:09 reachable
	// in 1, arp answered 1
}
