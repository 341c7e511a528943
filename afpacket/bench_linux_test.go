package afpacket

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vrfwd/internal/testnet"
	"vrfwd/packet"
)

// The benchmarks send 60-byte frames over a veth pair in bursts of 256, on one thread; with no RPS the kernel receives
// each frame within the system call that sends it, so cpu-ns/pkt is all that it costs. engine=c is testdata/ring.c: the
// same rings, used by the least that can be written in C; engine=c-novnet its transmit ring without virtio-net
// headers. Where a C compiler lacks they are left out by name.
const benchBurst = 256

// bench is the veth pair, and the minimal C program.
type bench struct {
	near, far *testnet.NS
	program   string
}

func newBench(b *testing.B) *bench {
	testnet.Need(b, "net_raw")
	n := testnet.New(b)
	e := &bench{near: n.NS("near"), far: n.NS("far")}
	n.Veth(e.near, "near", e.far, "far")
	if gcc, err := exec.LookPath("gcc"); err != nil {
		b.Log("gcc is not in PATH: engine=c is left out")
	} else {
		e.program = filepath.Join(b.TempDir(), "ring")
		if out, err := exec.Command(gcc, "-O2", "-Wall", "-o", e.program, filepath.Join("testdata", "ring.c")).CombinedOutput(); err != nil {
			b.Fatalf("gcc: %v\n%s", err, out)
		}
	}
	return e
}

func (e *bench) open(b *testing.B, ns *testnet.NS, o Options) *Port {
	var p *Port
	var err error
	ns.Do(func() { p, err = Open(o) })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Close(); err != nil {
			b.Error(err)
		}
	})
	return p
}

// report gives the figures of n packets.
func report(b *testing.B, n int, elapsed, cpu, drain time.Duration) {
	b.ReportMetric(float64(n)/elapsed.Seconds()/1e6, "Mpps")
	b.ReportMetric(float64(elapsed.Nanoseconds())/float64(n), "ns/pkt")
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(n), "cpu-ns/pkt")
	if drain > 0 {
		b.ReportMetric(float64(drain.Nanoseconds())/float64(n), "rx-ns/pkt")
	}
	b.ReportMetric(0, "ns/op")
}

// c runs the C program for b.N packets.
func (e *bench) c(b *testing.B, direction string, v Version, vnet int) {
	if e.program == "" {
		b.Skip("gcc is not in PATH")
	}
	o, err := Options{Rx: v}.withDefaults(1500)
	if err != nil {
		b.Fatal(err)
	}
	shape := txShape(o.TxFrames, o.FrameSize+packet.TagLen)
	n := (b.N + benchBurst - 1) / benchBurst * benchBurst
	args := []string{direction, v.String(), strconv.Itoa(vnet), e.near.Path(), "near", e.far.Path(), "far"}
	in := pageSize
	if v == V2 {
		in = int(rxShape(o.BlockSize, o.Blocks, o.FrameSize).slot)
	}
	for _, i := range []int{n, benchBurst, int(shape.slot), int(shape.slots), int(shape.block), o.BlockSize, o.Blocks, in} {
		args = append(args, strconv.Itoa(i))
	}
	var said strings.Builder
	cmd := exec.Command(e.program, args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%v: %v\n%s", args, err, said.String())
	}
	var elapsed, cpu, drain time.Duration
	if _, err := fmt.Sscan(string(out), (*int64)(&elapsed), (*int64)(&cpu), (*int64)(&drain)); err != nil {
		b.Fatalf("%q: %v", out, err)
	}
	report(b, n, elapsed, cpu, drain)
}

// used returns the thread's CPU time, user and system.
func used(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// frames makes a burst of frames to everyone, of an EtherType that the far end's kernel does not know.
func frames(b *testing.B) (*packet.Arena, []packet.Desc) {
	a, err := packet.NewArena(benchBurst, 128)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = a.Close() })
	d := make([]packet.Desc, benchBurst)
	for i := range d {
		d[i] = a.Desc(i)
		d[i].Len = minFrame
		copy(a.Frame(d[i]), "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x00\x88\xb5")
	}
	return a, d
}

// send sends the whole burst: again what a receiver with a full backlog has refused.
func send(b *testing.B, p *Port, a *packet.Arena, d []packet.Desc) {
	const tries = 1000 // as ring.c's
	for range tries {
		if d = d[p.TxBurst(a, d):]; len(d) == 0 {
			return
		}
	}
	b.Fatalf("%d frames refused %d times: %+v", len(d), tries, p.Stats())
}

func BenchmarkTx(b *testing.B) {
	e := newBench(b)
	for _, v := range []Version{V3, V2, Msg} {
		b.Run(fmt.Sprintf("version=%v/engine=go", v), func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			p := e.open(b, e.near, Options{Interface: "near", Tx: v, TxOnly: true})
			a, d := frames(b)
			send(b, p, a, d)
			cpu, start, n := used(b), time.Now(), 0
			for ; n < b.N; n += len(d) {
				send(b, p, a, d)
			}
			report(b, n, time.Since(start), used(b)-cpu, 0)
		})
		b.Run(fmt.Sprintf("version=%v/engine=c", v), func(b *testing.B) { e.c(b, "tx", v, 1) })
		if v != Msg {
			b.Run(fmt.Sprintf("version=%v/engine=c-novnet", v), func(b *testing.B) { e.c(b, "tx", v, 0) })
		}
	}
}

func BenchmarkRx(b *testing.B) {
	e := newBench(b)
	for _, v := range []Version{V3, V2, Msg} {
		b.Run(fmt.Sprintf("version=%v/engine=go", v), func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			tx := e.open(b, e.near, Options{Interface: "near", Tx: V2, TxOnly: true})
			rx := e.open(b, e.far, Options{Interface: "far", Rx: v, RxOnly: true})
			a, d := frames(b)
			got := make([]packet.Desc, benchBurst)
			received, sum := 0, byte(0)
			drain := func() {
				for n := len(got); n == len(got); {
					n = rx.RxBurst(got)
					for i := range got[:n] {
						f := rx.Arena().Frame(got[i])
						sum += f[0] + f[12]
					}
					rx.Free(got[:n])
					received += n
				}
			}
			cpu, start, spent, n := used(b), time.Now(), time.Duration(0), 0
			for ; n < b.N; n += len(d) {
				send(b, tx, a, d)
				before := time.Now()
				drain()
				spent += time.Since(before)
			}
			report(b, n, time.Since(start), used(b)-cpu, spent)
			runtime.KeepAlive(sum)
			if s := rx.Stats(); s.RxDrops > 0 || b.N > 100_000 && received < n/2 {
				b.Fatalf("received %d of %d: %+v", received, n, s)
			}
		})
		b.Run(fmt.Sprintf("version=%v/engine=c", v), func(b *testing.B) { e.c(b, "rx", v, 1) })
	}
}
