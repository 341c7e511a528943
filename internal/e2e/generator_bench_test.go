//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrfwd/gen"
	"vrfwd/internal/testnet"
	"vrfwd/lpm"
	"vrfwd/packet"
)

// BenchmarkTrafgen sends 64-byte frames into a veth as fast as one CPU can: engine=vrfwd, our trafgen, 1,024 flows, every frame with
// a sequence number and the time that it left; engine=netsniff-ng, that project's trafgen (Debian's package), one frame over
// and over, by its ring and past the queueing discipline, as ours. All of either process is on one CPU, which also runs
// the receiving half of the veth: its kernel counts the frames, which are for nobody. An op is one such window of time, after
// the process has come to speed.
func BenchmarkTrafgen(b *testing.B) {
	testnet.Need(b, "root", "taskset")
	ours, theirs := programs.File(b, "trafgen"), netsniff(b)
	n := testnet.New(b)
	near, far := n.NS("near"), n.NS("far")
	n.Veth(near, "out", far, "in")
	const nobody = "02:00:00:00:ff:01"
	file := filepath.Join(b.TempDir(), "frame.cfg")
	if err := os.WriteFile(file, []byte(netsniffFrame(b, packet.MAC(near.MAC("out")))), 0o600); err != nil {
		b.Fatal(err)
	}
	warm, window := 300*time.Millisecond, 700*time.Millisecond
	if testing.Short() {
		warm, window = 100*time.Millisecond, 50*time.Millisecond
	}
	cpu := fmt.Sprint(runtime.NumCPU() - 1)
	for _, e := range []struct {
		name    string
		command []string
	}{
		{"vrfwd", []string{ours, "send", "--port", "out", "--tx-only", "--rate", "max", "--duration", "1h", "--dst-mac", nobody, "--quiet"}},
		{"netsniff-ng", []string{theirs, "--dev", "out", "--conf", file, "--cpus", "1", "--no-sock-mem", "--num", "0"}},
	} {
		b.Run("engine="+e.name, func(b *testing.B) {
			arrived := func() uint64 { return statistics(b, far, "in").RxPackets }
			frames, elapsed := uint64(0), time.Duration(0)
			for range b.N {
				ctx, stop := context.WithCancel(b.Context())
				cmd := near.Command(ctx, "taskset", append([]string{"-c", cpu}, e.command...)...)
				var said strings.Builder
				cmd.Stdout, cmd.Stderr = &said, &said
				cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
				cmd.WaitDelay = 5 * time.Second
				if err := cmd.Start(); err != nil {
					b.Fatal(err)
				}
				before := arrived()
				eventually(b, "frames arrive: "+e.name, func() bool { return arrived() > before+1000 })
				time.Sleep(warm)
				from, began := arrived(), time.Now()
				time.Sleep(window)
				got, took := arrived()-from, time.Since(began)
				stop()
				_ = cmd.Wait() // it was told to stop
				if got == 0 {
					b.Fatalf("%s sends nothing: %s", e.name, said.String())
				}
				frames, elapsed = frames+got, elapsed+took
			}
			b.ReportMetric(float64(frames)/elapsed.Seconds()/1e6, "Mpps")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// netsniff finds netsniff-ng's trafgen, which has our program's name.
func netsniff(b *testing.B) string {
	b.Helper()
	testnet.Need(b, "trafgen")
	file, err := exec.LookPath("trafgen")
	if err != nil {
		b.Fatal(err)
	}
	if out, _ := exec.Command(file, "--version").CombinedOutput(); !strings.Contains(string(out), "netsniff-ng") {
		b.Skipf("%s is not netsniff-ng's: apt-get install netsniff-ng", file)
	}
	return file
}

// netsniffFrame is a frame as our trafgen sends it, in that program's language.
func netsniffFrame(b *testing.B, from packet.MAC) string {
	b.Helper()
	t, err := gen.New(gen.Config{
		VPN: []gen.Ingress{{SrcMAC: from, DstMAC: packet.MAC{2, 0, 0, 0, 0xff, 1}, Hosts: []lpm.Route{{Addr: 10 << 24, Len: 8}}}}, Fallback: 1,
		Global: []lpm.Route{{Addr: 198<<24 | 18<<16, Len: 15, Hop: 1}}, Unsigned: true, Flows: 1, Seed: 1,
	})
	if err != nil {
		b.Fatal(err)
	}
	a, err := packet.NewArena(1, 256)
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	d := []packet.Desc{a.Desc(0)}
	t.Fill(a, d)
	text := new(strings.Builder)
	for i, octet := range a.Frame(d[0]) {
		if i > 0 {
			text.WriteString(", ")
		}
		fmt.Fprintf(text, "0x%02x", octet)
	}
	return "{ " + text.String() + " }\n"
}
