package gen_test

import (
	"fmt"
	"log"

	"vrfwd/gen"
	"vrfwd/packet"
)

// One VRF and a parent VR; a router that loses every hundredth frame.
func Example() {
	global, err := gen.Synthetic(gen.TableConfig{Routes: 10_000, NextHops: 4, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	vrfs, err := gen.VRFs(gen.ProfileConfig{Profile: gen.Tiny, VRFs: 1, Seed: 1, Public: global})
	if err != nil {
		log.Fatal(err)
	}
	traffic, err := gen.New(gen.Config{
		VPN:      []gen.Ingress{{Port: 1, VLAN: 100, Table: 1, Routes: vrfs[0]}},
		Global:   global,
		Fallback: 0.5,
		Flows:    4096,
		Seed:     1,
		Expect:   func(in *gen.Ingress, dst uint32) (egress, context uint16) { return 7, 0 },
	})
	if err != nil {
		log.Fatal(err)
	}
	checker, err := gen.NewChecker(traffic)
	if err != nil {
		log.Fatal(err)
	}

	arena, err := packet.NewArena(100, 1518)
	if err != nil {
		log.Fatal(err)
	}
	defer arena.Close()
	burst := make([]packet.Desc, arena.Frames())
	for i := range burst {
		burst[i] = arena.Desc(i)
	}
	for range 10 {
		traffic.Fill(arena, burst)
		for _, d := range burst[1:] {
			checker.Check(arena.Frame(d), 7, 0)
		}
	}
	s := checker.Summary()
	fmt.Println(s.Sent, "sent,", s.Received, "received,", s.Lost, "lost")
	// Output: 1000 sent, 990 received, 10 lost
}
