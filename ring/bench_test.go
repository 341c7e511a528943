package ring

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkRing moves elements of a descriptor's size through a ring and through a Go channel. One op is one element
// pushed and popped. Mode same-core pushes and pops one burst after the other in one goroutine; cross-core runs
// producer and consumer on OS threads of their own, pinned to two CPUs where the system allows it.
func BenchmarkRing(b *testing.B) {
	for _, size := range []int{512, 2048} {
		for _, burst := range []int{1, 32, 256} {
			for _, mode := range []struct {
				name string
				run  func(b *testing.B, push, pop func([]element) int, burst int)
			}{{"same-core", sameCore}, {"cross-core", crossCore}} {
				name := fmt.Sprintf("size=%d/burst=%d/mode=%s/engine=", size, burst, mode.name)
				b.Run(name+"ring", func(b *testing.B) {
					r := mustNew[element](b, size)
					mode.run(b, r.Push, r.Pop, burst)
				})
				b.Run(name+"channel", func(b *testing.B) {
					c := make(chan element, size)
					mode.run(b, pushChannel(c), popChannel(c), burst)
				})
			}
		}
	}
}

// pushChannel gives a channel the contract of Push.
func pushChannel(c chan element) func([]element) int {
	return func(v []element) int {
		for i, e := range v {
			select {
			case c <- e:
			default:
				return i
			}
		}
		return len(v)
	}
}

// popChannel gives a channel the contract of Pop.
func popChannel(c chan element) func([]element) int {
	return func(v []element) int {
		for i := range v {
			select {
			case v[i] = <-c:
			default:
				return i
			}
		}
		return len(v)
	}
}

func reportRate(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Melem/s")
}

func sameCore(b *testing.B, push, pop func([]element) int, burst int) {
	v := make([]element, burst)
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= burst {
		n := min(left, burst)
		if push(v[:n]) != n || pop(v[:n]) != n {
			b.Fatal("a burst did not fit")
		}
	}
	reportRate(b)
}

func crossCore(b *testing.B, push, pop func([]element) int, burst int) {
	if runtime.GOMAXPROCS(0) < 2 || runtime.NumCPU() < 2 {
		b.Skip("cross-core needs two CPUs and GOMAXPROCS of 2 or more")
	}
	start, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer pin(b, 1)()
		v := make([]element, burst)
		<-start
		poll(b.N, burst, func(n int) int { return push(v[:n]) })
	}()
	defer pin(b, 0)()
	v := make([]element, burst)
	b.ReportAllocs()
	b.ResetTimer()
	close(start)
	poll(b.N, burst, func(n int) int { return pop(v[:n]) })
	b.StopTimer()
	<-done
	reportRate(b)
}

// poll calls move until it has moved total elements. It spins, and yields after long waits so that the benchmark also
// ends on a machine that has other work.
func poll(total, burst int, move func(int) int) {
	idle := 0
	for total > 0 {
		n := move(min(total, burst))
		total -= n
		if n > 0 {
			idle = 0
		} else if idle++; idle%10000 == 0 {
			runtime.Gosched()
		}
	}
}
