package ring

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

func mustNew[T any](t testing.TB, size int) *SPSC[T] {
	t.Helper()
	r, err := New[T](size)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		size int
		want string
	}{
		{-1, "power of two from 1"}, {0, "power of two from 1"}, {3, "use 2 or 4"}, {1000, "use 512 or 1024"},
		{MaxSize + 1, "too large"}, {2 * MaxSize, "too large"},
	} {
		r, err := New[uint64](c.size)
		if err == nil || r != nil {
			t.Errorf("New(%d) = %v, %v; want an error", c.size, r, err)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%d): error %q does not say %q", c.size, err, c.want)
		}
	}
	for name, err := range map[string]error{
		"pointer": errOf[*int](), "string": errOf[string](), "slice": errOf[[]byte](), "interface": errOf[any](),
		"nested struct": errOf[struct{ In [1]struct{ P *int } }](), "func": errOf[func()](), "map": errOf[map[int]int](), "chan": errOf[chan int](),
	} {
		if err == nil || !strings.Contains(err.Error(), "pointers") {
			t.Errorf("%s: error %v; want a refusal of pointers", name, err)
		}
	}
	for name, err := range map[string]error{
		"int": errOf[int](), "empty struct": errOf[struct{}](), "array of none": errOf[[0]*int](),
		"complex": errOf[complex128](), "uintptr": errOf[uintptr](), "struct": errOf[element](),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func errOf[T any]() error { _, err := New[T](2); return err }

// element is as large as a packet descriptor.
type element struct {
	seq  uint64
	rest [2]uint32
}

func TestFullAndEmpty(t *testing.T) {
	r := mustNew[uint64](t, 4)
	buf := make([]uint64, 8)
	if n := r.Pop(buf); n != 0 {
		t.Errorf("Pop of an empty ring = %d", n)
	}
	if n := r.Push(nil); n != 0 {
		t.Errorf("Push(nil) = %d", n)
	}
	if n := r.Push([]uint64{1, 2, 3}); n != 3 || r.Len() != 3 {
		t.Errorf("Push of 3 = %d, Len %d", n, r.Len())
	}
	if n := r.Push([]uint64{4, 5, 6}); n != 1 || r.Len() != 4 {
		t.Errorf("Push of 3 into 1 free slot = %d, Len %d", n, r.Len())
	}
	if n := r.Push([]uint64{5}); n != 0 {
		t.Errorf("Push into a full ring = %d", n)
	}
	if n := r.Pop(nil); n != 0 || r.Len() != 4 {
		t.Errorf("Pop(nil) = %d, Len %d", n, r.Len())
	}
	if n := r.Pop(buf[:1]); n != 1 || buf[0] != 1 {
		t.Errorf("Pop of 1 = %d, %d", n, buf[0])
	}
	if n := r.Pop(buf); n != 3 || buf[0] != 2 || buf[1] != 3 || buf[2] != 4 || r.Len() != 0 {
		t.Errorf("Pop of 8 out of 3 = %d, %v, Len %d", n, buf[:n], r.Len())
	}
	if r.Cap() != 4 {
		t.Errorf("Cap = %d", r.Cap())
	}
}

// TestAgainstSlice drives rings of every small size beside a plain slice, across the wrap of the indices.
func TestAgainstSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for size := 1; size <= 64; size *= 2 {
		r := mustNew[uint64](t, size)
		start := -uint32(3*size + 1) // the indices wrap after a few turns
		r.head.Store(start)
		r.tail.Store(start)
		r.headSeen, r.tailSeen = start, start
		var queue []uint64 // the naive twin
		var next uint64
		in, out := make([]uint64, 2*size), make([]uint64, 2*size)
		for range 2000 {
			v := in[:rng.IntN(len(in)+1)]
			for i := range v {
				v[i] = next + uint64(i)
			}
			want := min(len(v), size-len(queue))
			if n := r.Room(len(v)); n != want {
				t.Fatalf("size %d: Room of %d beside %d = %d, want %d", size, len(v), len(queue), n, want)
			}
			if n := r.Push(v); n != want {
				t.Fatalf("size %d: Push of %d onto %d = %d, want %d", size, len(v), len(queue), n, want)
			}
			queue = append(queue, v[:want]...)
			next += uint64(want)
			if r.Len() != len(queue) {
				t.Fatalf("size %d: Len = %d, want %d", size, r.Len(), len(queue))
			}
			w := out[:rng.IntN(len(out)+1)]
			want = min(len(w), len(queue))
			if n := r.Pop(w); n != want {
				t.Fatalf("size %d: Pop of %d from %d = %d, want %d", size, len(w), len(queue), n, want)
			}
			for i := range want {
				if w[i] != queue[i] {
					t.Fatalf("size %d: popped %d, want %d", size, w[i], queue[i])
				}
			}
			queue = queue[want:]
		}
		if tail := r.tail.Load(); tail > 1<<31 {
			t.Errorf("size %d: indices have not wrapped: tail %d", size, tail)
		}
	}
}

// TestTwoGoroutines passes numbered elements in bursts of random size: each arrives once, in order and whole.
func TestTwoGoroutines(t *testing.T) {
	const lasts = 200 * time.Millisecond
	for _, size := range []int{1, 8, 512} {
		r := mustNew[element](t, size)
		done := make(chan uint64, 1)
		go func() {
			rng := rand.New(rand.NewPCG(3, uint64(size)))
			burst := make([]element, 64)
			var seq uint64
			for stop := time.Now().Add(lasts); time.Now().Before(stop); {
				v := burst[:1+rng.IntN(len(burst))]
				for i := range v {
					s := seq + uint64(i)
					v[i] = element{seq: s, rest: [2]uint32{uint32(s), ^uint32(s)}}
				}
				seq += uint64(len(v))
				for len(v) > 0 {
					n := r.Push(v)
					v = v[n:]
					if n == 0 {
						runtime.Gosched()
					}
				}
			}
			done <- seq
		}()
		rng := rand.New(rand.NewPCG(5, uint64(size)))
		burst := make([]element, 64)
		var received uint64
		pop := func() int {
			n := r.Pop(burst[:1+rng.IntN(len(burst))])
			for _, e := range burst[:n] {
				if e.seq != received || e.rest != [2]uint32{uint32(received), ^uint32(received)} {
					t.Fatalf("size %d: got %v, want sequence %d", size, e, received)
				}
				received++
			}
			return n
		}
		for len(done) == 0 {
			if pop() == 0 {
				runtime.Gosched()
			}
			if n := r.Len(); n < 0 || n > size {
				t.Fatalf("size %d: Len = %d", size, n)
			}
		}
		for pop() > 0 {
		}
		if sent := <-done; received != sent || sent == 0 {
			t.Errorf("size %d: received %d of %d", size, received, sent)
		}
	}
}

// TestOwnership circulates frame numbers over a ring and a return ring. Both ends write the frames that they own
// without further synchronisation: under the race detector this proves that Push and Pop hand them over.
func TestOwnership(t *testing.T) {
	const frames, rounds = 64, 20000
	full, free := mustNew[uint32](t, 32), mustNew[uint32](t, frames)
	memory := make([]uint64, frames)
	for i := range uint32(frames) {
		free.Push([]uint32{i})
	}
	go func() {
		burst := make([]uint32, 16)
		for sent := uint64(0); sent < rounds; {
			v := burst[:free.Pop(burst[:min(len(burst), int(rounds-sent))])]
			for _, f := range v {
				memory[f] = sent
				sent++
			}
			for len(v) > 0 {
				n := full.Push(v)
				v = v[n:]
				if n == 0 {
					runtime.Gosched()
				}
			}
			runtime.Gosched()
		}
	}()
	burst := make([]uint32, 24)
	for received := uint64(0); received < rounds; {
		n := full.Pop(burst)
		for _, f := range burst[:n] {
			if memory[f] != received {
				t.Fatalf("frame %d holds %d, want %d", f, memory[f], received)
			}
			memory[f] = ^uint64(0)
			received++
		}
		if m := free.Push(burst[:n]); m != n {
			t.Fatalf("return ring took %d of %d frames", m, n)
		}
		if n == 0 {
			runtime.Gosched()
		}
	}
}

func TestAllocations(t *testing.T) {
	r := mustNew[element](t, 64)
	burst := make([]element, 48)
	if n := testing.AllocsPerRun(1000, func() {
		r.Push(burst)
		r.Pop(burst)
		r.Len()
	}); n != 0 {
		t.Errorf("%v allocations per burst, want 0", n)
	}
}
