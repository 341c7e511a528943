//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vrfwd/afpacket"
	"vrfwd/gen"
	"vrfwd/internal/testnet"
	"vrfwd/lpm"
	"vrfwd/packet"
)

// BenchmarkLive forwards 64-byte packets from one veth pair to another: engine=fwd as a provider edge (1,000 VRFs, a
// VLAN each, 1,000,000 routes in the parent, every packet by fallback global), beside what forwards without a lookup
// (engine=c, testdata/forward.c with the same rings; engine=testpmd, DPDK's io mode on net_af_packet) and the kernel's own
// forwarding with the same routes, on the generator's CPU (engine=kernel) and by RPS on the other (engine=kernel-rps),
// untagged as it has no VLAN devices here.
//
// The engine has CPU 0, the generator CPU 1; the frames that arrive are counted by the last veth. offered=max sends as
// fast as the generator can, the others at that rate. A generator's send also runs the receiving half of the first veth,
// so its CPU sets the limit; offered=backlog does without it: frames are sent while the engine stands still, and counted
// from when it goes on. Metrics: Mpps, the frames that arrived over the time from the first sent until the last arrived;
// sent-Mpps; loss in percent; cpu-ns/pkt, the engine's CPU time, user and system, for each frame that arrived.
func BenchmarkLive(b *testing.B) {
	table := liveTable(b)
	for _, e := range []engine{
		{"fwd", true, true, startFwd}, {"c", true, true, startC}, {"testpmd", true, false, startTestpmd},
		{"kernel", false, false, startKernel}, {"kernel-rps", false, false, startKernelRPS},
	} {
		b.Run("engine="+e.name, func(b *testing.B) {
			l := newLive(b, table)
			pid := e.start(b, l)
			l.open(b, e.tagged)
			for _, offered := range []int{0, 50_000, 100_000, 200_000} {
				name := "offered=max"
				if offered > 0 {
					name = fmt.Sprintf("offered=%dkpps", offered/1000)
				}
				b.Run(name, func(b *testing.B) { l.measure(b, offered, pid) })
			}
			if e.rings {
				b.Run("offered=backlog", func(b *testing.B) { l.drain(b, pid) })
			}
		})
	}
}

// gatewayMAC is not the last veth's: its kernel counts the frame and drops it at once, whichever engine sent it.
const gatewayMAC = "02:00:00:00:ff:01"

const (
	liveRoutes = 1_000_000
	liveVRFs   = 1000
	liveHops   = 16
	// The rings of afpacket's defaults, for the C program.
	liveBlock, liveBlocks, liveSlot, liveSlots = 64 << 10, 128, 2048, 512
	engineCPU, generatorCPU                    = 0, 1
)

// engine is what forwards from trunk to uplink in a live's router. start waits until it does, and returns its process,
// 0: the kernel.
type engine struct {
	name   string
	tagged bool // takes VLANs
	rings  bool // receives by rings of afpacket's defaults
	start  func(b *testing.B, l *live) (pid int)
}

// live is the two veth pairs, and the generator.
type live struct {
	router, stations *testnet.NS
	routes           []lpm.Route

	traffic *gen.Traffic
	arena   *packet.Arena
	port    *afpacket.Port

	counters *os.File // /proc/net/dev of stations: to read it costs little while the engine works, and no memory
	text     [4096]byte
}

// liveTable makes the parent's table, where there are CPUs enough.
func liveTable(b *testing.B) []lpm.Route {
	testnet.Need(b, "root")
	if runtime.NumCPU() < 2 {
		b.Skip("needs two CPUs: one for the engine, one for the generator")
	}
	routes := liveRoutes
	if testing.Short() {
		routes = 20_000
	}
	table, err := gen.Synthetic(gen.TableConfig{Routes: routes, NextHops: liveHops, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	return table
}

func newLive(b *testing.B, table []lpm.Route) *live {
	n := testnet.New(b)
	l := &live{router: n.NS("router"), stations: n.NS("stations"), routes: table}
	n.Veth(l.router, "trunk", l.stations, "sites")
	n.Veth(l.router, "uplink", l.stations, "internet")
	return l
}

// open makes the generator.
func (l *live) open(b *testing.B, tagged bool) {
	c := gen.Config{Global: l.routes, Fallback: 1, Unsigned: true, Seed: 1}
	for v := range uint16(liveVRFs) {
		in := gen.Ingress{SrcMAC: packet.MAC(l.stations.MAC("sites")), DstMAC: packet.MAC(l.router.MAC("trunk")),
			Hosts: []lpm.Route{{Addr: 10<<24 | 1<<16, Len: 16}}}
		if tagged {
			in.VLAN, in.Table = v+1, v+1
		}
		c.VPN = append(c.VPN, in)
		if !tagged {
			break
		}
	}
	var err error
	if l.traffic, err = gen.New(c); err != nil {
		b.Fatal(err)
	}
	if l.arena, err = packet.NewArena(liveBurst, 256); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.arena.Close() })
	l.stations.Do(func() { l.port, err = afpacket.Open(afpacket.Options{Interface: "sites", TxOnly: true}) })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.port.Close() })
	l.stations.Do(func() { l.counters, err = os.Open("/proc/thread-self/net/dev") })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.counters.Close() })
}

const liveBurst = 64

// measure sends b.N frames, in whole bursts, and reports what arrived.
func (l *live) measure(b *testing.B, offered, pid int) {
	pinned(b, generatorCPU)
	n, cpu := max(b.N, liveBurst)/liveBurst*liveBurst, cpuTime(b, pid)
	got, sent, arrived := l.send(b, float64(offered), n)
	b.ReportMetric(float64(got)/arrived.Seconds()/1e6, "Mpps")
	b.ReportMetric(float64(n)/sent.Seconds()/1e6, "sent-Mpps")
	b.ReportMetric(100*(1-float64(got)/float64(n)), "loss-%")
	if pid != 0 {
		b.ReportMetric(float64((cpuTime(b, pid)-cpu).Nanoseconds())/float64(got), "cpu-ns/pkt")
	}
	b.ReportMetric(0, "ns/op")
}

// send sends n frames as transmit does, waits for them, and returns how many arrived, how long it sent, and how long it took until
// the last had arrived. The two differ: an engine that is behind has tens of thousands of frames in its rings.
func (l *live) send(b *testing.B, rate float64, n int) (got uint64, sent, arrived time.Duration) {
	before, start := l.arrived(b), time.Now()
	sent = l.transmit(b, rate, n)
	eventually(b, "frames arrive", func() bool { return l.arrived(b) > before })
	for last := start; got < uint64(n); {
		at := time.Now()
		if now := l.arrived(b) - before; now != got {
			got, last = now, time.Now()
			arrived = last.Sub(start)
		} else if at.Sub(last) > 50*time.Millisecond {
			break
		}
	}
	return got, sent, arrived
}

// transmit sends n frames, in whole bursts, at a rate in frames a second, 0: as fast as it can, and returns how long it took.
func (l *live) transmit(b *testing.B, rate float64, n int) (elapsed time.Duration) {
	pacer, err := gen.NewPacer(rate, liveBurst)
	if err != nil {
		b.Fatal(err)
	}
	d := l.frames()
	clock := time.Now()
	now := func() int64 { return int64(time.Since(clock)) }
	pacer.Start(0, 0, uint64(n))
	for sent := 0; sent < n; {
		if pacer.Due(now()) < liveBurst {
			continue
		}
		l.traffic.Fill(l.arena, d)
		for left := d; len(left) > 0; { // a full ring is waited for
			left = left[l.port.TxBurst(l.arena, left):]
		}
		pacer.Sent(liveBurst, now())
		sent += liveBurst
	}
	return time.Since(clock)
}

// backlog is a number of frames that takes half of a ring of afpacket's defaults. Past three quarters the kernel drops a frame
// that comes while a block is exchanged for the next: __packet_rcv_has_room in net/packet/af_packet.c looks without the lock.
const backlog = 16_000

// drain has the engine catch up with b.N frames, in whole backlogs, and reports its rate, from when the first have arrived:
// what the kernel takes to wake a process is left out.
func (l *live) drain(b *testing.B, pid int) {
	pinned(b, generatorCPU)
	signal := func(s unix.Signal) {
		if err := unix.Kill(pid, s); err != nil {
			b.Fatal(err)
		}
	}
	defer signal(unix.SIGCONT)
	var timed uint64
	var elapsed time.Duration
	n, cpu := 0, cpuTime(b, pid)
	for ; n < max(b.N, 1); n += backlog {
		signal(unix.SIGSTOP)
		time.Sleep(10 * time.Millisecond) // what is under way
		before := l.arrived(b)
		l.transmit(b, 0, backlog)
		signal(unix.SIGCONT)
		resumed := time.Now()
		await := func(frames uint64) (got uint64, at time.Time) {
			for got < frames {
				if got, at = l.arrived(b)-before, time.Now(); at.Sub(resumed) > 10*time.Second {
					b.Fatalf("%d of %d frames have arrived", got, backlog)
				}
			}
			return got, at
		}
		first, start := await(1)
		all, end := await(backlog)
		timed, elapsed = timed+all-first, elapsed+end.Sub(start)
	}
	b.ReportMetric(float64(timed)/elapsed.Seconds()/1e6, "Mpps")
	b.ReportMetric(float64((cpuTime(b, pid)-cpu).Nanoseconds())/float64(n), "cpu-ns/pkt")
	b.ReportMetric(0, "ns/op")
}

// frames are a burst's descriptors.
func (l *live) frames() []packet.Desc {
	d := make([]packet.Desc, liveBurst)
	for i := range d {
		d[i] = l.arena.Desc(i)
	}
	return d
}

// arrived is what the last veth has received, by the kernel's count: frames of 60 bytes and more from the uplink.
func (l *live) arrived(b *testing.B) (frames uint64) {
	n, err := l.counters.ReadAt(l.text[:], 0)
	if err != nil && err != io.EOF {
		b.Fatal(err)
	}
	_, line, _ := bytes.Cut(l.text[:n], []byte("internet:"))
	field := 0
	for f := range bytes.FieldsSeq(line) {
		if field++; field == 2 { // bytes, frames, ...
			if frames, err = strconv.ParseUint(string(f), 10, 64); err == nil {
				return frames
			}
		}
	}
	b.Fatalf("/proc/net/dev has no count of internet:\n%s", l.text[:n])
	return 0
}

// statistics are a device's, by the kernel's count.
func statistics(t testing.TB, ns *testnet.NS, device string) *netlink.LinkStatistics {
	t.Helper()
	var link netlink.Link
	var err error
	ns.Do(func() { link, err = netlink.LinkByName(device) })
	if err != nil {
		t.Fatal(err)
	}
	return link.Attrs().Statistics
}

// pinned binds the benchmark's goroutine to one CPU.
func pinned(b *testing.B, cpu int) {
	runtime.LockOSThread()
	var old, one unix.CPUSet
	one.Set(cpu)
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		b.Fatal(err)
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		b.Fatalf("CPU %d: %v", cpu, err)
	}
	b.Cleanup(func() {
		_ = unix.SchedSetaffinity(0, &old)
		runtime.UnlockOSThread()
	})
}

// cpuTime is the CPU time that the threads of a process have used (proc_pid_schedstat: the first number, in ns).
func cpuTime(b *testing.B, pid int) (sum time.Duration) {
	if pid == 0 {
		return 0
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		b.Fatalf("process %d: no threads: %v", pid, err)
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that has just ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

func startFwd(b *testing.B, l *live) int {
	return start(b, l.router, l.configuration()).cmd.Process.Pid
}

// configuration is fwd's, without a control socket.
func (l *live) configuration() string {
	var c strings.Builder
	fmt.Fprintf(&c, "workers: 1\ncpus: [%d]\nports: {trunk: {}, uplink: {}}\nlayer2:\n", engineCPU)
	for v := 1; v <= liveVRFs; v++ {
		fmt.Fprintf(&c, "  trunk.%d: {port: trunk, vlan: %d}\n", v, v)
	}
	fmt.Fprintf(&c, "vr:\n  interfaces:\n    up:\n      layer2: uplink\n      addresses: [192.0.2.1/24]\n      neighbors:\n")
	var hops []string
	for i := range liveHops {
		hop := fmt.Sprintf("192.0.2.%d", 10+i)
		hops = append(hops, hop)
		fmt.Fprintf(&c, "        %s: %s\n", hop, gatewayMAC)
	}
	fmt.Fprintf(&c, "  tables:\n    - {synthetic: {routes: %d, seed: 1}, source: ebgp, next-hops: [%s]}\nvrfs:\n", len(l.routes), strings.Join(hops, ", "))
	for v := 1; v <= liveVRFs; v++ {
		fmt.Fprintf(&c, "  vpn%d: {interfaces: {site%d: {layer2: trunk.%d, addresses: [10.0.0.1/24], fallback-global: true}}}\n", v, v, v)
	}
	return c.String()
}

// run starts a comparator on the engine's CPU, with a standard input that stays open, and waits until it says ready.
func run(b *testing.B, l *live, ready string, command ...string) int {
	cmd := l.router.Command(b.Context(), command[0], command[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), ready) {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return cmd.Process.Pid
		}
	}
	b.Fatalf("%v ended:\n%s", command, said.String())
	return 0
}

func startC(b *testing.B, l *live) int {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		b.Skip("gcc is not in PATH")
	}
	name := filepath.Join(b.TempDir(), "forward")
	if out, err := exec.Command(gcc, "-O2", "-Wall", "-o", name, filepath.Join("testdata", "forward.c")).CombinedOutput(); err != nil {
		b.Fatalf("gcc: %v\n%s", err, out)
	}
	return run(b, l, "ready", "taskset", "-c", fmt.Sprint(engineCPU), name, "trunk", "uplink",
		fmt.Sprint(liveBlock), fmt.Sprint(liveBlocks), fmt.Sprint(liveSlot), fmt.Sprint(liveSlots))
}

func startTestpmd(b *testing.B, l *live) int {
	name, err := exec.LookPath("dpdk-testpmd")
	if err != nil {
		b.Skip("dpdk-testpmd (package dpdk-dev) is not in PATH")
	}
	return run(b, l, "nb forwarding cores", "stdbuf", "-oL", name, "--no-huge", "-m", "256", "--no-pci", "--no-shconf", "--no-telemetry",
		fmt.Sprintf("--lcores=0@%d,1@%d", generatorCPU, engineCPU), // lcore 0 is the console's
		"--vdev=net_af_packet0,iface=trunk,qdisc_bypass=1", "--vdev=net_af_packet1,iface=uplink,qdisc_bypass=1",
		"--", "--forward-mode=io", "--total-num-mbufs=16384", "--no-lsc-interrupt", "--no-mlockall", "--stats-period=0")
}

func startKernel(b *testing.B, l *live) int {
	r := l.router
	r.Addr("trunk", "10.0.0.1/24")
	r.Addr("uplink", "192.0.2.1/24")
	r.Sysctl("net/ipv4/ip_forward", "1")
	r.Sysctl("net/ipv4/conf/all/rp_filter", "0")
	r.Sysctl("net/ipv4/conf/trunk/rp_filter", "0")
	var c strings.Builder
	for i := range liveHops {
		fmt.Fprintf(&c, "neighbour replace 192.0.2.%d lladdr %s dev uplink nud permanent\n", 10+i, gatewayMAC)
	}
	for _, route := range l.routes {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], route.Addr)
		fmt.Fprintf(&c, "route replace %d.%d.%d.%d/%d via 192.0.2.%d\n", a[0], a[1], a[2], a[3], route.Len, 9+route.Hop)
	}
	batch(b, r, c.String(), "ip", "-batch", "-")
	return 0
}

func startKernelRPS(b *testing.B, l *live) int {
	startKernel(b, l)
	// Of a namespace's devices sysfs shows those of who mounted it: ip netns exec mounts it anew.
	out, err := exec.Command("ip", "netns", "exec", l.router.Name(), "sh", "-c",
		fmt.Sprintf("echo %x > /sys/class/net/trunk/queues/rx-0/rps_cpus", 1<<engineCPU)).CombinedOutput()
	if err != nil {
		b.Fatalf("RPS: %v\n%s", err, out)
	}
	return 0
}
