package packet

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"vrfwd/internal/offheap"
)

func mustArena(t testing.TB, frames, frameSize int) *Arena {
	t.Helper()
	a, err := NewArena(frames, frameSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestArenaGeometry(t *testing.T) {
	for _, c := range []struct{ frameSize, stride int }{
		{1, 3 * 64}, {64, 3 * 64}, {128, 3 * 64}, {129, 5 * 64}, {1518, 25 * 64}, {1536, 25 * 64}, {1537, 27 * 64},
		{2048, 33 * 64}, {9216, 145 * 64}, {MaxFrameSize, 1025 * 64},
	} {
		a := mustArena(t, 7, c.frameSize)
		if a.Stride() != c.stride {
			t.Errorf("frame size %d: stride %d, want %d", c.frameSize, a.Stride(), c.stride)
		}
		if a.Frames() != 7 || a.FrameSize() != c.frameSize || len(a.Bytes()) != 7*c.stride {
			t.Errorf("frame size %d: %d frames of %d, %d bytes", c.frameSize, a.Frames(), a.FrameSize(), len(a.Bytes()))
		}
		if reflect.ValueOf(a.Bytes()).Pointer()%CacheLine != 0 {
			t.Errorf("frame size %d: not aligned to a cache line", c.frameSize)
		}
		for i := range a.Frames() {
			d := a.Desc(i)
			if d != (Desc{Off: uint32(i*c.stride + Headroom)}) {
				t.Errorf("Desc(%d) = %+v", i, d)
			}
			if a.HeadroomOf(d) != Headroom {
				t.Errorf("HeadroomOf(Desc(%d)) = %d", i, a.HeadroomOf(d))
			}
			d.Len = uint16(c.frameSize)
			if f := a.Frame(d); len(f) != c.frameSize || cap(f) != c.frameSize {
				t.Errorf("Frame(%+v): len %d cap %d", d, len(f), cap(f))
			}
			last := d
			last.Off += uint32(c.frameSize) - 1
			if a.Slot(last) != i {
				t.Errorf("frame size %d: the last byte of frame %d is in slot %d", c.frameSize, i, a.Slot(last))
			}
		}
	}
}

// TestArenaSets counts the L1 sets (64 of 64-byte lines) that the headers of 64 consecutive frames fall into.
func TestArenaSets(t *testing.T) {
	for frameSize := 1; frameSize <= 4096; frameSize += 61 {
		a := mustArena(t, 64, frameSize)
		sets := map[uint32]bool{}
		for i := range 64 {
			sets[a.Desc(i).Off/CacheLine%64] = true
		}
		if len(sets) != 64 {
			t.Errorf("frame size %d: 64 headers in %d sets", frameSize, len(sets))
		}
	}
}

func TestArenaFrameSharesMemory(t *testing.T) {
	a := mustArena(t, 3, 100)
	d := a.Desc(1)
	d.Len = 4
	copy(a.Frame(d), "abcd")
	grown := d
	grown.Off -= 2
	grown.Len += 2
	copy(a.Frame(grown), "xy")
	if got := string(a.Frame(grown)); got != "xyabcd" {
		t.Errorf("grown frame holds %q", got)
	}
	if got := string(a.Bytes()[d.Off-2 : d.Off+4]); got != "xyabcd" {
		t.Errorf("arena holds %q", got)
	}
	if a.Slot(grown) != 1 || a.HeadroomOf(grown) != Headroom-2 {
		t.Errorf("grown frame: slot %d, headroom %d", a.Slot(grown), a.HeadroomOf(grown))
	}
}

// TestArenaOver: an arena of foreign memory reads frames and knows no slots.
func TestArenaOver(t *testing.T) {
	b := []byte("..frame..")
	a := ArenaOver(b)
	d := Desc{Off: 2, Len: 5}
	if got := string(a.Frame(d)); got != "frame" {
		t.Errorf("Frame is %q", got)
	}
	a.Frame(d)[0] = 'F'
	if b[2] != 'F' {
		t.Error("the frame is a copy")
	}
	if a.Frame(Desc{Off: 8, Len: 2}) != nil || a.Frame(Desc{Off: 1<<32 - 1, Len: 1}) != nil {
		t.Error("a frame outside the memory")
	}
	if a.Slot(d) != -1 || a.HeadroomOf(d) != 0 || a.Frames() != 0 || a.FrameSize() != 0 || a.Stride() != 0 || a.Huge() {
		t.Error("foreign memory has no slots")
	}
	if err := a.Close(); err != nil || a.Frame(d) != nil || len(a.Bytes()) != 0 || b[2] != 'F' {
		t.Errorf("after Close: %v", err)
	}
}

func TestArenaOutOfRange(t *testing.T) {
	a := mustArena(t, 2, 64)
	size := uint32(len(a.Bytes()))
	for _, d := range []Desc{
		{Off: size, Len: 1}, {Off: size - 1, Len: 2}, {Off: size + 1}, {Off: 1<<32 - 1, Len: 1},
		{Off: 1<<32 - 1, Len: MaxFrameSize}, {Off: 0, Len: MaxFrameSize},
	} {
		if f := a.Frame(d); f != nil {
			t.Errorf("Frame(%+v) has %d bytes, want nil", d, len(f))
		}
	}
	if f := a.Frame(Desc{Off: size - 1, Len: 1}); len(f) != 1 {
		t.Error("the last byte is out of reach")
	}
	if s := a.Slot(Desc{Off: size}); s != -1 {
		t.Errorf("Slot behind the arena = %d", s)
	}
	if h := a.HeadroomOf(Desc{Off: size}); h != 0 {
		t.Errorf("HeadroomOf behind the arena = %d", h)
	}
}

// TestArenaPrefetch: what is asked for does no harm, wherever it is.
func TestArenaPrefetch(t *testing.T) {
	a := mustArena(t, 2, 64)
	for i := range a.Bytes() {
		a.Bytes()[i] = byte(i)
	}
	d := []Desc{a.Desc(1), a.Desc(0), {Off: uint32(len(a.Bytes()))}, {Off: 1<<32 - 1}, {Off: 63}}
	want := slices.Clone(d)
	for n := range len(d) + 1 {
		a.Prefetch(d[:n])
	}
	if !slices.Equal(d, want) {
		t.Errorf("descriptors have changed: %v", d)
	}
	for i, b := range a.Bytes() {
		if b != byte(i) {
			t.Fatalf("byte %d has changed", i)
		}
	}
	new(Arena).Prefetch(d)
}

func TestArenaRefuses(t *testing.T) {
	for _, c := range []struct{ frames, frameSize int }{
		{0, 64}, {-1, 64}, {1, 0}, {1, -1}, {1, MaxFrameSize + 1}, {1<<32/(33*64) + 1, 2048}, {1 << 40, 64},
	} {
		if a, err := NewArena(c.frames, c.frameSize); err == nil || a != nil {
			t.Errorf("NewArena(%d, %d) = %v, %v; want an error", c.frames, c.frameSize, a, err)
		} else if errors.Is(err, offheap.ErrNoMemory) {
			t.Errorf("NewArena(%d, %d) asked for the memory: %v", c.frames, c.frameSize, err)
		}
	}
}

func TestArenaClose(t *testing.T) {
	a, err := NewArena(4, 64)
	if err != nil {
		t.Fatal(err)
	}
	d := a.Desc(1)
	d.Len = 1
	for range 2 {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	if a.Frame(d) != nil || a.Slot(d) != -1 || len(a.Bytes()) != 0 {
		t.Error("a closed arena still gives out memory")
	}
	var zero Arena
	if zero.Frames() != 0 || zero.Frame(d) != nil || zero.Slot(d) != -1 || zero.Huge() || zero.Close() != nil {
		t.Error("the zero Arena is not empty")
	}
}

// TestSlotDivision compares the multiplication in Slot with a division: at every slot border of the largest arena
// of each stride, where an inexact inverse would show first. No memory is mapped.
func TestSlotDivision(t *testing.T) {
	slot := func(line, lines uint64) uint64 {
		return line * ((1<<inverseShift + lines - 1) / lines) >> inverseShift
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for lines := uint64(3); lines <= 1025; lines += 2 {
		const all = 1 << 26 // cache lines in 4 GiB
		check := func(line uint64) {
			if got := slot(line, lines); got != line/lines {
				t.Fatalf("line %d of %d per slot: slot %d, want %d", line, lines, got, line/lines)
			}
		}
		step := lines * (1 + rng.Uint64N(64))
		for border := uint64(0); border < all; border += step {
			if border > 0 {
				check(border - 1)
			}
			check(border)
		}
		last := (all - 1) / lines * lines
		check(last - 1)
		check(last)
		check(all - 1)
	}
}

// TestArenasApart: wherever the system puts arenas, none begins within a page of another's last slot.
func TestArenasApart(t *testing.T) {
	type span struct{ first, end uintptr }
	var all []span
	for range 50 {
		b := mustArena(t, 64, 3*CacheLine-Headroom).Bytes() // 64 slots of 3 lines: whole pages
		first := reflect.ValueOf(b).Pointer()
		all = append(all, span{first, first + uintptr(len(b))})
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	for i, a := range all[1:] {
		if before := all[i]; a.first < before.end+4096 {
			t.Errorf("an arena begins %d bytes behind the end of another", a.first-before.end)
		}
	}
}
