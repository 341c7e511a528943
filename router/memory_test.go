package router

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vrfwd/afpacket"
	"vrfwd/config"
	"vrfwd/forwarder"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// memory is a Driver of devices in memory. Workers' queues share an arena, so that frames are handed over from port to
// port; what the slow path sends is copied.
type memory struct {
	t     testing.TB
	arena *packet.Arena

	mu      sync.Mutex
	changed chan struct{}
	devices map[string]*device
	groups  uint16
	spare   []packet.Desc // the outside's frames

	sessions func(*vrftable.Table, *slog.Logger) sessions // nil: the router's own
}

// device is a network device in memory.
type device struct {
	name    string
	mac     [6]byte
	mtu     int
	state   error
	queues  []*queue // workers'
	slow    []*queue
	opened  int
	options []afpacket.Options
	sent    [][]byte // by the slow path
}

// queue is a Queue in memory.
type queue struct {
	*forwarder.MemPort // workers'
	forwarder.FuncPort // the slow path's
	m                  *memory
	d                  *device
	closed             bool
	own                error // this queue's device was removed, whatever is there now
}

func newMemory(t testing.TB, devices ...string) *memory {
	t.Helper()
	a, err := packet.NewArena(8192, 2048)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	m := &memory{t: t, arena: a, devices: map[string]*device{}, changed: make(chan struct{}, 1)}
	for i := range a.Frames() {
		m.spare = append(m.spare, a.Desc(i))
	}
	for _, name := range devices {
		m.add(name)
	}
	return m
}

func (m *memory) add(name string, with ...func(*device)) *device {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := &device{name: name, mac: [6]byte{2, 0, 0, 0, 0, byte(1 + len(m.devices))}, mtu: 1500}
	for _, f := range with {
		f(d)
	}
	m.devices[name] = d
	m.news()
	return d
}

// remove deletes a device: its queues stay removed, also when another takes its name.
func (m *memory) remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.devices[name]
	for _, q := range append(d.queues, d.slow...) {
		q.own = fmt.Errorf("%s: %w", name, afpacket.ErrRemoved)
	}
	delete(m.devices, name)
	m.news()
}

func (m *memory) setState(name string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.devices[name].state = err
	m.news()
}

func (m *memory) Open(o afpacket.Options) (Queue, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.devices[o.Interface]
	if d == nil {
		return nil, fmt.Errorf("interface %s: no such interface", o.Interface)
	}
	q := &queue{m: m, d: d}
	d.options = append(d.options, o)
	d.opened++
	if o.TxOnly {
		q.FuncPort = forwarder.FuncPort{Memory: m.arena, Tx: q.copyOut}
		d.slow = append(d.slow, q)
		return q, nil
	}
	var err error
	if q.MemPort, err = forwarder.NewMemPort(m.arena, m.arena.Frames()); err != nil {
		return nil, err
	}
	d.queues = append(d.queues, q)
	return q, nil
}

func (m *memory) FanoutGroup() (uint16, error) {
	m.groups++
	return m.groups, nil
}

func (m *memory) WatchLinks() (Links, error) { return m, nil }

func (m *memory) news() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *memory) Changed() <-chan struct{} { return m.changed }

func (m *memory) Close() error { return nil }

func (m *memory) NewWaiter() (Waiter, error) { return &memWaiter{wake: make(chan struct{}, 1)}, nil }

// memWaiter sleeps for a moment.
type memWaiter struct{ wake chan struct{} }

func (w *memWaiter) Watch([]Queue) {}
func (w *memWaiter) Wait(timeout time.Duration) {
	select {
	case <-w.wake:
	case <-time.After(min(timeout, 100*time.Microsecond)):
	}
}
func (w *memWaiter) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
func (w *memWaiter) Close() error { return nil }

func (q *queue) port() forwarder.Port {
	if q.MemPort != nil {
		return q.MemPort
	}
	return &q.FuncPort
}

func (q *queue) Arena() *packet.Arena        { return q.port().Arena() }
func (q *queue) RxBurst(d []packet.Desc) int { return q.port().RxBurst(d) }
func (q *queue) Free(d []packet.Desc)        { q.port().Free(d) }
func (q *queue) Warnings() []string          { return nil }
func (q *queue) Stats() afpacket.Stats       { return afpacket.Stats{} }
func (q *queue) MAC() [6]byte                { return q.d.mac }
func (q *queue) MTU() int                    { return q.d.mtu }

func (q *queue) TxBurst(from *packet.Arena, d []packet.Desc) int { return q.port().TxBurst(from, d) }

func (q *queue) Close() error {
	q.m.mu.Lock()
	defer q.m.mu.Unlock()
	if q.closed {
		q.m.t.Errorf("a queue of %s was closed twice", q.d.name)
	}
	q.closed = true
	return nil
}

func (q *queue) State() error {
	q.m.mu.Lock()
	defer q.m.mu.Unlock()
	if q.own != nil {
		return q.own
	}
	return q.d.state
}

func (q *queue) copyOut(from *packet.Arena, d []packet.Desc) int {
	q.m.mu.Lock()
	defer q.m.mu.Unlock()
	for _, one := range d {
		q.d.sent = append(q.d.sent, bytes.Clone(from.Frame(one)))
	}
	return len(d)
}

// inject puts frames into a worker's queue; it returns how many there was room for.
func (m *memory) inject(name string, worker int, frames ...[]byte) int {
	m.mu.Lock()
	d := m.devices[name]
	q := d.queues[len(d.queues)-1-worker] // the newest
	m.reclaim()
	var batch []packet.Desc
	for _, f := range frames[:min(len(frames), len(m.spare))] {
		s := m.arena.Desc(m.arena.Slot(m.spare[len(m.spare)-1]))
		m.spare = m.spare[:len(m.spare)-1]
		s.Len = uint16(len(f))
		copy(m.arena.Frame(s), f)
		batch = append(batch, s)
	}
	n := q.Inject(batch)
	m.spare = append(m.spare, batch[n:]...)
	m.mu.Unlock()
	return n
}

// reclaim takes freed frames back.
func (m *memory) reclaim() {
	var d [256]packet.Desc
	for _, dev := range m.devices {
		for _, q := range dev.queues {
			for n := q.Freed(d[:]); n > 0; n = q.Freed(d[:]) {
				m.spare = append(m.spare, d[:n]...)
			}
		}
	}
}

// collect takes what a device's queues have been given to send.
func (m *memory) collect(name string) (frames [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dev := m.devices[name]
	if dev == nil {
		return nil
	}
	var d [256]packet.Desc
	for _, q := range dev.queues {
		for n := q.Collect(d[:]); n > 0; n = q.Collect(d[:]) {
			for _, one := range d[:n] {
				frames = append(frames, bytes.Clone(m.arena.Frame(one)))
			}
			m.spare = append(m.spare, d[:n]...)
		}
	}
	return frames
}

// slowSent takes what the slow path has sent by a device.
func (m *memory) slowSent(name string) [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.devices[name]
	out := d.sent
	d.sent = nil
	return out
}

// running is a router that runs in memory.
type running struct {
	*Router
	t      testing.TB
	m      *memory
	file   string
	cancel context.CancelFunc
	done   chan error
	log    *safeBuffer
	last   forwarder.Totals // in the end
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// twoPorts is a VRF red with fallback on VLAN 10 of access, and the parent's uplink on core. All neighbours are known.
const twoPorts = `
ports:
  access: {}
  core: {}
vr:
  interfaces:
    uplink: {layer2: core, addresses: [192.0.2.1/24], neighbors: {192.0.2.2: "02:00:00:00:02:02", 192.0.2.3: "02:00:00:00:02:03"}}
  loopbacks:
    lo0: {addresses: [203.0.113.1/32]}
  shares:
    to-red: {layer2: access.10}
  routes:
    - {prefix: 0.0.0.0/0, gateway: 192.0.2.2}
    - {prefix: 10.0.0.0/24, share: to-red, gateway: 10.0.0.2}
    - {prefix: 198.51.100.0/24, discard: true}
    - {prefix: 198.51.101.0/24, reject: true}
vrfs:
  red:
    interfaces:
      ce: {layer2: access.10, addresses: [10.0.0.1/24], fallback-global: true, neighbors: {10.0.0.2: "02:00:00:00:01:02"}}
    routes:
      - {prefix: 172.16.0.0/12, gateway: 10.0.0.2}
    global-import-map: {route-map: defaults, max-routes: 5}
    global-export-map: {route-map: defaults}
  blue:
    interfaces:
      blue-ce: {layer2: access.20, addresses: [10.0.0.1/24]}
prefix-lists:
  default: [permit 198.51.100.0/24]
route-maps:
  defaults: [{permit: {prefix-list: default}}]
`

// start runs a configuration in memory. What is missing of the process is added by more.
func start(t testing.TB, m *memory, text string, more ...string) *running {
	t.Helper()
	r := &running{t: t, m: m, file: filepath.Join(t.TempDir(), "fwd.yaml"), done: make(chan error, 1), log: &safeBuffer{}}
	r.write(text + strings.Join(more, "\n"))
	c, err := config.Load(r.file)
	if err != nil {
		t.Fatal(err)
	}
	if r.Router, err = New(c, Options{Driver: m, Log: slog.New(slog.NewTextHandler(r.log, nil)), sessions: m.sessions}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.done <- r.Run(ctx) }()
	t.Cleanup(r.stop)
	return r
}

func (r *running) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// handled waits until so many frames have been received since start, and have gone all their way.
func (r *running) handled(n uint64) {
	r.t.Helper()
	eventually(r.t, fmt.Sprint(n, " frames are handled"), func() bool {
		t := r.totals()
		return t.Received == n && t.Forwarded+t.Punted+t.Dropped == n
	})
}

// stop ends the router, and checks its account and that all queues are closed.
func (r *running) stop() {
	if r.Router == nil {
		return
	}
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Error(err)
	}
	r.last = r.totals()
	if n := r.last; n.Received != n.Forwarded+n.Punted+n.Dropped {
		r.t.Errorf("the account does not balance: %v", n)
	}
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
	for _, d := range r.m.devices {
		for _, q := range append(d.queues, d.slow...) {
			if !q.closed {
				r.t.Errorf("a queue of %s was not closed", d.name)
			}
		}
	}
	r.Router = nil
}

// eventually waits for something that other goroutines do.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happened: %s", what)
		}
	}
}

// udp makes a frame of a UDP packet, tagged where vlan is not 0.
func udp(vlan uint16, src, dst string, ttl uint8) []byte {
	f := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 9, 9}
	if vlan != 0 {
		f = append(f, 0x81, 0, byte(vlan>>8), byte(vlan))
	}
	f = append(f, 8, 0)
	p := packet.IPv4(make([]byte, 46))
	p.SetHeaderLen(packet.IPv4HeaderLen)
	p.SetTotalLen(len(p))
	p.SetTTL(ttl)
	p.SetProtocol(packet.ProtoUDP)
	p.SetSrc(addr4(src))
	p.SetDst(addr4(dst))
	p.SetChecksum()
	return append(f, p...)
}

func addr4(s string) uint32 {
	b := netip.MustParseAddr(s).As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// destination is the MAC address that a frame goes to.
func destination(f []byte) string { return vrftable.MAC(f[:6]).String() }

func count(frames [][]byte, name func([]byte) string) map[string]int {
	n := map[string]int{}
	for _, f := range frames {
		n[name(f)]++
	}
	return n
}

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
