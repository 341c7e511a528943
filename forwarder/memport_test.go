package forwarder

import (
	"bytes"
	"slices"
	"testing"

	"vrfwd/packet"
)

func frames(a *packet.Arena, first, n int, lens ...int) []packet.Desc {
	d := make([]packet.Desc, n)
	for i := range d {
		d[i] = a.Desc(first + i)
		d[i].Mark = uint32(first + i)
		d[i].Len = uint16(lens[i%len(lens)])
		for j := range a.Frame(d[i]) {
			a.Frame(d[i])[j] = byte(first + i + 1)
		}
	}
	return d
}

func TestMemPortHandsOver(t *testing.T) {
	a := newArena(t, 16, 128)
	p := newMemPort(t, a, 4)
	d := frames(a, 0, 6, 100, 42)
	if n := p.Inject(d); n != 4 {
		t.Fatalf("Inject took %d of 6 into a ring of 4", n)
	}
	if n := p.Room(2); n != 0 {
		t.Errorf("room for %d beside 4 in a ring of 4", n)
	}
	got := make([]packet.Desc, 6)
	if n := p.RxBurst(got); n != 4 || got[3] != d[3] {
		t.Fatalf("RxBurst gave %d: %v", n, got)
	}
	if n := p.Room(6); n != 4 {
		t.Errorf("room for %d in an empty ring of 4", n)
	}
	if n := p.TxBurst(a, got[:3]); n != 3 {
		t.Fatalf("TxBurst took %d of 3", n)
	}
	if n := p.TxBurst(a, d[3:6]); n != 1 {
		t.Fatalf("TxBurst took %d of 3 with room for 1", n)
	}
	if d[5].Len != 42 {
		t.Error("a frame that was not taken has been padded")
	}
	out := make([]packet.Desc, 8)
	if n := p.Collect(out); n != 4 || out[0].Off != d[0].Off || out[0].Mark != 0 {
		t.Fatalf("Collect gave %d: %v", n, out)
	}
	if want := append(bytes.Repeat([]byte{2}, 42), make([]byte, 18)...); !bytes.Equal(a.Frame(out[1]), want) {
		t.Errorf("a frame of 42 bytes was sent as %x", a.Frame(out[1]))
	}
	p.Free(d[4:6])
	if n := p.Freed(out); n != 2 || out[1] != d[5] {
		t.Errorf("Freed gave %d: %v", n, out[:n])
	}
}

func TestMemPortCopies(t *testing.T) {
	from, a := newArena(t, 8, 1600), newArena(t, 8, 128)
	p := newMemPort(t, a, 8)
	d := frames(from, 0, 4, 100, 42)
	if n := p.TxBurst(from, d); n != 0 {
		t.Fatalf("TxBurst took %d frames to copy, but has no memory for them", n)
	}
	lent := frames(a, 0, 3, 0)
	lent[1].Off += 7 // as a frame that was collected may be
	if n := p.Lend(append(lent, packet.Desc{Off: 1 << 30})); n != 3 {
		t.Fatalf("Lend took %d, the fourth is outside the arena", n)
	}
	if n := p.TxBurst(from, d); n != 3 {
		t.Fatalf("TxBurst took %d, lent are 3", n)
	}
	for i := range d {
		clear(from.Frame(d[i]))
	}
	out := make([]packet.Desc, 8)
	if n := p.Collect(out); n != 3 {
		t.Fatalf("Collect gave %d", n)
	}
	for i, want := range [][]byte{
		bytes.Repeat([]byte{1}, 100),
		append(bytes.Repeat([]byte{2}, 42), make([]byte, 18)...),
		bytes.Repeat([]byte{3}, 100),
	} {
		if !bytes.Equal(a.Frame(out[i]), want) || out[i].Mark != uint32(i) || a.Slot(out[i]) != i {
			t.Errorf("frame %d: %+v %x, want %x", i, out[i], a.Frame(out[i]), want)
		}
	}
	p.Lend(out[:3])
	d[1].Len = 1000
	if n := p.TxBurst(from, d); n != 1 {
		t.Errorf("TxBurst took %d; the second is larger than the arena's frames", n)
	}
}

func TestMemPortRefuses(t *testing.T) {
	if _, err := NewMemPort(newArena(t, 1, 128), 3); err == nil {
		t.Error("a ring of 3 was made")
	}
	if _, err := NewMemPort(newArena(t, 1, 64), 4); err == nil {
		t.Error("frames without room for padding were accepted")
	}
	a := newArena(t, 2, 128)
	p := newMemPort(t, a, 2)
	defer func() {
		if recover() == nil {
			t.Error("frames freed twice were accepted")
		}
	}()
	p.Free(frames(a, 0, 2, 60))
	p.Free(frames(a, 0, 2, 60))
}

func TestFuncPortZero(t *testing.T) {
	p := &FuncPort{}
	if p.Arena() != nil || p.RxBurst(make([]packet.Desc, 1)) != 0 || p.TxBurst(nil, make([]packet.Desc, 1)) != 0 {
		t.Error("a FuncPort without functions moves frames")
	}
	p.Free(make([]packet.Desc, 1))
}

// TestPad: a short frame is lengthened by zeros, and no byte before or behind these changes.
func TestPad(t *testing.T) {
	a := newArena(t, 3, 128)
	for length := range 70 {
		mem := a.Bytes()
		for i := range mem {
			mem[i] = 0xa5
		}
		want := slices.Clone(mem)
		d := a.Desc(1)
		d.Len, d.TCI, d.Port, d.Flags, d.Mark = uint16(length), 1, 2, packet.FlagTCI, 3
		padded := d
		padded.Len = uint16(max(length, MinFrame))
		clear(want[int(d.Off)+length:][:int(padded.Len)-length])
		got := []packet.Desc{d}
		Pad(a, got)
		if got[0] != padded || !bytes.Equal(mem, want) {
			t.Errorf("%d bytes: %+v, %x", length, got[0], a.Frame(packet.Desc{Off: d.Off, Len: 80}))
		}
	}
}
