package bench

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"vrfwd/packet"
)

// TestTallyTwin counts bursts, of which a part is wrong in each way that there is, as a trial does and frame by frame.
func TestTallyTwin(t *testing.T) {
	const frames, flows, base = 64, 50, 1000
	arena, err := packet.NewArena(frames, 256)
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	twins := [2]*sink{}
	for i := range twins {
		twins[i] = &sink{arena: arena, base: base}
		for f := range uint16(flows) {
			twins[i].flows = append(twins[i].flows, tally{port: f % 4, next: f})
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	seen := [4]int{}
	for range 2000 {
		d := make([]packet.Desc, 1+r.IntN(frames))
		for i := range d {
			flow := r.Uint32N(flows)
			d[i] = arena.Desc(i)
			d[i].Mark, d[i].Port, d[i].Len = base+flow, uint16(flow%4), uint16(30+r.IntN(60))
			binary.LittleEndian.PutUint16(arena.Bytes()[d[i].Off+packet.EthernetLen:], uint16(flow))
			if r.IntN(20) > 0 {
				continue
			}
			switch how := r.IntN(len(seen)); how {
			case 0:
				d[i].Port ^= 4
				seen[how]++
			case 1:
				arena.Bytes()[d[i].Off+packet.EthernetLen+uint32(r.IntN(2))] ^= 0x80
				seen[how]++
			case 2:
				d[i].Mark = [...]uint32{0, base - 1, base + flows, 1<<32 - 1}[r.IntN(4)]
				seen[how]++
			case 3: // two bytes are there, or one, or none
				at := uint32(len(arena.Bytes())) - uint32(packet.EthernetLen) - uint32(r.IntN(3))
				copy(arena.Bytes()[min(int(at)+packet.EthernetLen, len(arena.Bytes())):], arena.Bytes()[d[i].Off+packet.EthernetLen:][:2])
				d[i].Off = at
				seen[how]++
			}
		}
		twins[0].count(d)
		twins[1].frames += uint64(len(d))
		twins[1].countEach(d)
		a, b := twins[0], twins[1]
		if a.frames != b.frames || a.bytes != b.bytes || a.wrong != b.wrong || a.strange != b.strange {
			t.Fatalf("%d frames, %d bytes, %d wrong, %d strange; one by one %d, %d, %d, %d",
				a.frames, a.bytes, a.wrong, a.strange, b.frames, b.bytes, b.wrong, b.strange)
		}
		for f := range a.flows {
			if a.flows[f] != b.flows[f] {
				t.Fatalf("flow %d: %v, one by one %v", f, a.flows[f], b.flows[f])
			}
		}
	}
	if slices.Contains(seen[:], 0) {
		t.Errorf("kinds of wrong frames: %v", seen)
	}
	if s := twins[0]; s.wrong < 1000 || s.strange < 1000 || s.frames-s.wrong-s.strange < 10000 {
		t.Errorf("%d frames, %d wrong, %d strange: too few of one", s.frames, s.wrong, s.strange)
	}
}
