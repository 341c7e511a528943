package afpacket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"vrfwd/packet"
)

// These tests play the kernel's part: what net/packet/af_packet.c writes into rings, and what it never would.

func put16(b []byte, v uint32) { binary.NativeEndian.PutUint16(b, uint16(v)) }

// filler writes receive rings, in order.
type filler struct {
	mem    []byte
	at     []uint32 // where each block or slot begins
	size   uint32   // of each
	status uint32   // offset of its status word
	next   int
}

// block hands the next block over with the first of the frames, as many as it has room for, and returns how many; 0
// when the block has not been given back.
func (f *filler) block(frames [][]byte) (n int) {
	if len(frames) == 0 || f.taken(f.next) {
		return 0
	}
	b := f.mem[f.at[f.next]:][:f.size]
	at, last := uint32(blockHeader), uint32(0)
	for ; n < len(frames); n++ {
		length := uint32(len(frames[n]))
		size := (92 + length + 7) &^ 7
		if at+size > uint32(len(b)) {
			break
		}
		h := b[at:]
		clear(h[:92])
		store32(h[v3Next:], size)
		store32(h[v3Seconds:], 5)
		store32(h[v3Nanos:], length)
		store32(h[v3Stored:], length)
		store32(h[v3Length:], length)
		store32(h[v3Status:], statusUser|statusTag|statusTPID)
		put16(h[v3Mac:], 92)
		store32(h[v3TCI:], length)
		put16(h[v3TPID:], tpid8021Q)
		copy(h[92:], frames[n])
		last, at = at, at+size
	}
	store32(b[last+v3Next:], 0)
	store32(b[blockFrames:], uint32(n))
	store32(b[blockFirst:], blockHeader)
	f.hand()
	return n
}

// slot hands the next slot over with the first of the frames.
func (f *filler) slot(frames [][]byte) (n int) {
	if len(frames) == 0 || f.taken(f.next) {
		return 0
	}
	h, length := f.mem[f.at[f.next]:], uint32(len(frames[0]))
	store32(h[v2Length:], length)
	store32(h[v2Stored:], length)
	store32(h[v2Seconds:], 5)
	store32(h[v2Nanos:], length)
	put16(h[v2Mac:], 76)
	put16(h[v2TCI:], length)
	put16(h[v2TPID:], tpid8021Q)
	copy(h[76:], frames[0])
	f.hand()
	return 1
}

// hand passes the next block or slot on.
func (f *filler) hand() {
	storeWord(f.mem, f.at[f.next]+f.status, statusUser|statusTag|statusTPID)
	f.next = (f.next + 1) % len(f.at)
}

// taken reports whether a block or slot has been passed on and not been given back.
func (f *filler) taken(i int) bool { return loadWord(f.mem, f.at[i]+f.status) != statusKernel }

func randomFrames(rng *rand.Rand, n, size int) [][]byte {
	frames := make([][]byte, n)
	for i := range frames {
		frames[i] = make([]byte, packet.EthernetLen+rng.IntN(size-packet.EthernetLen))
		for k := range frames[i] {
			frames[i][k] = byte(rng.Uint32())
		}
	}
	return frames
}

// walker is what blocks and slots have in common.
type walker interface {
	burst(d []packet.Desc) int
	free(d []packet.Desc)
}

// walkers makes both walkers: over 4 blocks of 4 KiB, and 8 slots of 1600 bytes in as many.
func walkers(limit uint32, run func(name string, w walker, f *filler, fill func([][]byte) int, count *counters)) {
	for _, v := range []Version{V3, V2} {
		mem, count := make([]byte, 4<<12), &counters{}
		j := judge{limit: limit, stamps: ^uint32(0), count: count}
		if v == V3 {
			f := &filler{mem: mem, at: []uint32{0, 1 << 12, 2 << 12, 3 << 12}, size: 1 << 12, status: blockStatus}
			run("v3", newBlocks(mem, 12, j), f, f.block, count)
		} else {
			s := rxShape(1<<12, 4, 1514)
			f := &filler{mem: mem, at: s.offsets(), size: s.slot, status: v2Status}
			run("v2", newSlots(mem, s, j), f, f.slot, count)
		}
	}
}

// TestWalk receives in bursts of random size and frees in random order, many times around the ring.
func TestWalk(t *testing.T) {
	walkers(1514, func(name string, w walker, f *filler, fill func([][]byte) int, count *counters) {
		rng := rand.New(rand.NewPCG(1, 2))
		frames := randomFrames(rng, 3000, 1514)
		arena, held, d := packet.ArenaOver(f.mem), []packet.Desc{}, make([]packet.Desc, 16)
		for filled, seen, rounds := 0, 0, 0; seen < len(frames); rounds++ {
			if rounds > 100*len(frames) {
				t.Fatalf("%s: stuck after %d frames", name, seen)
			}
			filled += fill(frames[filled:min(len(frames), filled+rng.IntN(20))])
			n := w.burst(d[:rng.IntN(len(d))])
			for _, got := range d[:n] {
				want, length := frames[seen], uint32(len(frames[seen]))
				if !bytes.Equal(arena.Frame(got), want) || got.TCI != uint16(length) || got.Flags != packet.FlagTCI ||
					got.Mark != 5_000_000_000%(1<<32)+length || got.Off < reserve {
					t.Fatalf("%s: frame %d of %d bytes: %+v", name, seen, length, got)
				}
				seen++
			}
			held = append(held, d[:n]...)
			rng.Shuffle(len(held), func(i, k int) { held[i], held[k] = held[k], held[i] })
			n = rng.IntN(len(held) + 1)
			w.free(held[:n])
			held = held[n:]
		}
		w.free(held)
		for i := range f.at {
			if f.taken(i) {
				t.Errorf("%s: block %d was not given back", name, i)
			}
		}
		if s := count.stats(); s != (Stats{}) {
			t.Errorf("%s: %+v", name, s)
		}
	})
}

// TestWalkHeld: a block of which one frame is out is not given back, nor read again when its turn comes.
func TestWalkHeld(t *testing.T) {
	walkers(1514, func(name string, w walker, f *filler, fill func([][]byte) int, count *counters) {
		frames := randomFrames(rand.New(rand.NewPCG(3, 4)), 1, 100)
		d := make([]packet.Desc, 2)
		for range f.at {
			if fill(frames) != 1 || w.burst(d[:1]) != 1 {
				t.Fatalf("%s: no frame", name)
			}
			if d[0].Off >= f.size {
				w.free(d[:1])
			} else {
				d[1] = d[0]
			}
		}
		if fill(frames) != 0 || w.burst(d[:1]) != 0 {
			t.Errorf("%s: the frame that is held was overwritten or came again", name)
		}
		w.free(d[1:])
		if fill(frames) != 1 || w.burst(d[:1]) != 1 {
			t.Errorf("%s: nothing comes after the frame was freed", name)
		}
		w.free(d[:1])
		defer func() {
			if recover() == nil {
				t.Errorf("%s: a frame freed twice went unnoticed", name)
			}
		}()
		w.free(d[:1])
	})
}

// FuzzWalk walks rings that hold anything: it must come to an end, hand out only what lies inside one block or slot with
// its reserve, and give every block back.
func FuzzWalk(f *testing.F) {
	frames := randomFrames(rand.New(rand.NewPCG(5, 6)), 3, 40)
	block, slot := make([]byte, 1<<12), make([]byte, 1<<12)
	(&filler{mem: block, at: []uint32{0}, size: 1 << 12, status: blockStatus}).block(frames)
	(&filler{mem: slot, at: []uint32{0}, size: 1 << 12, status: v2Status}).slot(frames)
	f.Add(block[:480]) // short ones, for the fuzzer spends its time on making them shorter
	f.Add(slot[:120])
	f.Fuzz(func(t *testing.T, b []byte) {
		walkers(1514, func(name string, w walker, f *filler, fill func([][]byte) int, count *counters) {
			rest := b
			for _, at := range f.at {
				if n := copy(f.mem[at:][:f.size], rest); n < len(rest) {
					rest = rest[n:] // the last of it is repeated
				}
				storeWord(f.mem, at+f.status, loadWord(f.mem, at+f.status)|statusUser)
			}
			d, arena, idle := make([]packet.Desc, 7), packet.ArenaOver(f.mem), 0
			for idle <= len(f.at) { // a block without frames takes a burst of its own
				n := w.burst(d)
				if idle++; n > 0 {
					idle = 0
				}
				for _, got := range d[:n] {
					inside := func(at uint32) bool { return got.Off >= at+reserve && got.Off+uint32(got.Len) <= at+f.size }
					if !slices.ContainsFunc(f.at, inside) || got.Len == 0 || got.Len > 1514 {
						t.Fatalf("%s: %+v", name, got)
					}
					clear(arena.Frame(got))
				}
				w.free(d[:n])
			}
			for i := range f.at {
				if f.taken(i) {
					t.Fatalf("%s: block %d was not given back", name, i)
				}
			}
		})
	})
}

// FuzzChecksum completes partial checksums beside a naive sum.
func FuzzChecksum(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 14, 0, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < vnetLen {
			return
		}
		v, frame := parseVnet(b), bytes.Clone(b[vnetLen:])
		before := bytes.Clone(frame)
		start, field := int(v.csumStart), int(v.csumStart)+int(v.csumAdds)
		if !v.complete(frame) {
			if b[0]&1 != 0 && field+2 <= len(frame) || !bytes.Equal(frame, before) {
				t.Errorf("refused %+v of %d bytes", v, len(frame))
			}
			return
		}
		sum := uint32(0)
		for i := start; i < len(before); i++ {
			sum += uint32(before[i]) << (8 * (1 - (i-start)%2))
		}
		for sum>>16 != 0 {
			sum = sum&0xffff + sum>>16
		}
		want := ^uint16(sum)
		if want == 0 {
			want = 0xffff
		}
		binary.BigEndian.PutUint16(before[field:], want)
		if !bytes.Equal(frame, before) {
			t.Errorf("%+v: % x, want % x", v, frame, before)
		}
	})
}

var errBusy = errors.New("busy")

// sink takes what a transmit ring has to send, as tpacket_snd does: in order, until there is nothing or something is
// wrong.
type sink struct {
	r     *txRing
	next  int
	rng   *rand.Rand
	async bool     // slots become free by and by
	out   []uint32 // slots sent and not yet free
	got   [][]byte
}

func (s *sink) kick() error {
	for {
		slot := s.r.mem[s.r.at[s.next]:]
		if load32(slot[s.r.layout.status:]) != statusSendRequest {
			return nil
		}
		switch n := s.rng.IntN(100); {
		case n < 5:
			return errBusy
		case n < 8:
			store32(slot[s.r.layout.status:], statusWrongFormat)
			return errBusy
		}
		data := slot[s.r.layout.data:]
		n := int(load32(slot[s.r.layout.length:])) - vnetLen
		if linear := load16(data[2:]); int(linear) != min(n, 2048) {
			panic("the header length is not the frame's")
		}
		s.got = append(s.got, bytes.Clone(data[vnetLen:][:n]))
		store32(slot[s.r.layout.status:], statusAvailable)
		if s.async {
			store32(slot[s.r.layout.status:], 2) // TP_STATUS_SENDING
			s.out = append(s.out, s.r.at[s.next])
		}
		s.next = (s.next + 1) % len(s.r.at)
	}
}

// finish frees n of the slots that are being sent.
func (s *sink) finish(n int) {
	for _, at := range s.out[:n] {
		storeWord(s.r.mem, at+s.r.layout.status, statusAvailable)
	}
	s.out = s.out[n:]
}

// TestTransmit: whatever the kernel refuses, frames go out in order and once, the counters tell what became of each, and
// nothing stays in the ring.
func TestTransmit(t *testing.T) {
	for _, layout := range []slotLayout{v2Slot, v3Slot} {
		for _, async := range []bool{false, true} {
			rng, count, mtu := rand.New(rand.NewPCG(9, 10)), &counters{}, &atomic.Int32{}
			mtu.Store(1500)
			shape := txShape(20, 1600)
			mem := make([]byte, shape.block*shape.blocks)
			k := &sink{rng: rng, async: async}
			r := newTxRing(mem, shape, layout, sizes{room: 1600, mtu: mtu}, k.kick, count)
			k.r = r
			frames := randomFrames(rng, 64, 1600)
			arena, err := packet.NewArena(len(frames), 2048)
			if err != nil {
				t.Fatal(err)
			}
			defer arena.Close()
			d := make([]packet.Desc, len(frames))
			for i, f := range frames {
				binary.BigEndian.PutUint16(f, uint16(i))
				d[i] = arena.Desc(i)
				d[i].Len = uint16(len(f))
				copy(arena.Frame(d[i]), f)
			}
			offered, done := 0, 0
			for range 2000 {
				from := rng.IntN(len(d))
				burst := d[from:][:rng.IntN(len(d)-from+1)]
				k.got = k.got[:0]
				before := count.stats()
				n := r.burst(arena, burst)
				offered, done = offered+len(burst), done+n
				after := count.stats()
				sent, long, wrong := after.TxFrames-before.TxFrames, after.TxTooLong-before.TxTooLong, after.TxWrong-before.TxWrong
				if int(sent) != len(k.got) || sent+long+wrong != uint64(n) {
					t.Fatalf("took %d: sent %d (the kernel has %d), too long %d, wrong %d", n, sent, len(k.got), long, wrong)
				}
				at := 0
				for _, got := range k.got {
					for ; at < n; at++ {
						if f := arena.Frame(burst[at]); bytes.Equal(got[:min(len(f), len(got))], f) {
							break
						}
					}
					if at++; at > n {
						t.Fatalf("a frame out of order, or none of the first %d", n)
					}
				}
				for _, at := range r.at {
					if s := load32(mem[at+layout.status:]); s != statusAvailable && (!async || s != 2) {
						t.Fatalf("a slot was left with status %d", s)
					}
				}
				k.finish(rng.IntN(len(k.out) + 1))
			}
			s := count.stats()
			if s.TxFull+s.TxRefused != uint64(offered-done) || s.TxRefused == 0 || s.TxWrong == 0 || s.TxTooLong == 0 ||
				async != (s.TxFull > 0) {
				t.Errorf("offered %d, done %d: %+v", offered, done, s)
			}
		}
	}
}

// TestShape: slots are odd numbers of cache lines, do not overlap, and blocks hold whole ones.
func TestShape(t *testing.T) {
	for _, c := range []struct{ frames, size int }{{2, 60}, {512, 1522}, {100, 9022}, {16, maxFrame}} {
		s := txShape(c.frames, c.size)
		if s.slot/64%2 != 1 || s.slot%64 != 0 || int(s.slot) < c.size+v3Header+vnetLen || int(s.slots) < c.frames ||
			s.block/s.slot*s.blocks != s.slots || s.block&(s.block-1) != 0 || s.block%pageSize != 0 {
			t.Errorf("%+v: %+v", c, s)
		}
		for i, at := range s.offsets() {
			if s.slotOf(at) != uint32(i) || s.slotOf(at+s.slot-1) != uint32(i) || at/s.block != (at+s.slot-1)/s.block {
				t.Errorf("%+v: slot %d at %d", s, i, at)
			}
		}
	}
}
