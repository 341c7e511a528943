package router

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/afpacket"
	"vrfwd/vrftable"
)

// TestForward: a packet of a VPN goes to the Internet by fallback, what cannot is counted, and the slow path answers.
func TestForward(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	m.inject("access", 0, udp(10, "10.0.0.2", "8.8.8.8", 64), udp(10, "10.0.0.2", "198.51.100.1", 64),
		udp(20, "10.0.0.2", "8.8.8.8", 64), udp(30, "10.0.0.2", "8.8.8.8", 64), udp(10, "10.0.0.2", "8.8.4.4", 1))
	var core [][]byte
	eventually(t, "one frame to the core", func() bool { core = append(core, m.collect("core")...); return len(core) == 1 })
	if got := destination(core[0]); got != "02:00:00:00:02:02" {
		t.Error(got)
	}
	eventually(t, "an answer to the expired packet", func() bool { return len(m.slowSent("access")) > 0 })
	r.handled(5)
	c := r.Counters()
	if c.Received != 5 || c.Forwarded != 1 || c.Drops["discard"] != 1 || c.Drops["no primary"] != 1 ||
		c.Punts["no route"] != 1 || c.Punts["ttl expired"] != 1 {
		t.Errorf("%+v", c)
	}
	r.stop()
	if s := r.log.String(); !strings.Contains(s, "forwarding") {
		t.Error(s)
	}
}

// TestWorkers: each worker has queues of its own, in one fanout group by port; the slow path's only send.
func TestWorkers(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts, "workers: 2", "fanout: cpu", "rings: {blocks: 16, receive: v2}")
	for worker := range 2 {
		m.inject("access", worker, udp(10, "10.0.0.2", "8.8.8.8", 64))
	}
	eventually(t, "both forward", func() bool { return r.totals().Forwarded == 2 })
	for _, w := range r.Workers().Workers {
		if w.Forwarded != 1 || w.CPU != -1 {
			t.Errorf("%+v", w)
		}
	}
	groups := map[uint16]bool{}
	for _, d := range m.devices {
		for i, o := range d.options {
			slow := i == 0 // it is opened first
			if o.TxOnly != slow || slow != (o.Fanout == afpacket.Fanout{}) || o.Blocks != 16 || o.Rx != afpacket.V2 ||
				!slow && o.Fanout.Mode != afpacket.FanoutCPU {
				t.Errorf("%s %d: %+v", d.name, i, o)
			}
			if !slow {
				groups[o.Fanout.Group] = true
			}
		}
	}
	if len(groups) != 2 {
		t.Errorf("groups %v: one a port", groups)
	}
	r.stop()
}

// TestDrain: what has been received when the end comes is forwarded.
func TestDrain(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	frame := udp(10, "10.0.0.2", "8.8.8.8", 64)
	sent := 0
	for range 3000 {
		sent += m.inject("access", 0, frame)
	}
	r.stop()
	if n := len(m.collect("core")); n != sent {
		t.Errorf("%d of %d", n, sent)
	}
}

// TestLinkToldAgain: what the table could not take when a port went down, it is told again.
func TestLinkToldAgain(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	up := func() bool {
		return slices.ContainsFunc(r.table.Interfaces(), func(i vrftable.InterfaceInfo) bool { return i.Port == "core" && i.Up })
	}
	if !up() {
		t.Fatal("no interface of core is up")
	}
	reader := r.table.Domain().Register()
	defer reader.Close()
	reader.Online()
	var err error
	for n := byte(0); err == nil && n < 255; n++ { // new adjacencies, where the reader may hold the old ones
		var batch []vrftable.Change
		for host := byte(4); host < 254; host++ {
			batch = append(batch, vrftable.AddNeighbor{Interface: "uplink", Addr: netip.AddrFrom4([4]byte{192, 0, 2, host}), MAC: vrftable.MAC{2, 0, 0, 0, n, host}})
		}
		err = r.table.Apply(batch)
	}
	if !errors.Is(err, vrftable.ErrBusy) {
		t.Fatal(err)
	}
	m.setState("core", afpacket.ErrDown)
	eventually(t, "the table is busy", func() bool { return strings.Contains(r.log.String(), "told again") })
	if !up() {
		t.Error("the table took it")
	}
	reader.Offline()
	eventually(t, "the table knows", func() bool { return !up() })
	r.stop()
}

// TestLinks: a port that goes down takes its routes with it, one that is deleted is opened again under its name, and
// workers and slow path go on with the new queues.
func TestLinks(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts)
	frame := udp(10, "10.0.0.2", "8.8.8.8", 64)
	forwards := func(to string) {
		t.Helper()
		eventually(t, "forwarded to "+to, func() bool { // a port is up a moment before its routes are back
			m.inject("access", 0, frame)
			for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
				if len(m.collect(to)) > 0 {
					return true
				}
			}
			return false
		})
	}
	noRoute := func() {
		t.Helper()
		eventually(t, "its routes are withdrawn", func() bool {
			before := r.Counters()
			m.inject("access", 0, frame)
			r.handled(before.Received + 1)
			return r.Counters().Punts["no route"] > before.Punts["no route"]
		})
	}
	up := func(name string) bool {
		for _, p := range r.Interfaces().Ports {
			if p.Name == name {
				return p.Up
			}
		}
		return false
	}
	forwards("core")
	m.setState("core", afpacket.ErrDown)
	eventually(t, "core is down", func() bool { return !up("core") })
	noRoute()
	m.setState("core", nil)
	eventually(t, "core is up", func() bool { return up("core") })
	forwards("core")

	m.remove("core")
	eventually(t, "core is gone", func() bool { return !up("core") })
	noRoute()
	d := m.add("core", func(d *device) { d.mac, d.mtu = [6]byte{2, 0, 0, 0, 7, 7}, 1400 })
	eventually(t, "core is back", func() bool { return up("core") })
	var core [][]byte
	eventually(t, "forwarded again", func() bool {
		m.inject("access", 0, frame)
		time.Sleep(time.Millisecond)
		core = append(core, m.collect("core")...)
		return len(core) > 0
	})
	if mac := [6]byte(core[0][6:12]); mac != d.mac {
		t.Errorf("from % x, not the new device's address", mac)
	}
	for _, i := range r.Interfaces().Interfaces {
		if i.Name == "uplink" && i.MTU != 1400 {
			t.Errorf("%+v", i)
		}
	}

	m.remove("access")
	eventually(t, "access is gone", func() bool { return !up("access") })
	m.add("access")
	eventually(t, "access is back", func() bool { return up("access") })
	forwards("core")
	m.inject("access", 0, udp(10, "10.0.0.2", "8.8.8.8", 1))
	eventually(t, "the slow path answers by the new queue", func() bool { return len(m.slowSent("access")) > 0 })
	r.stop()
	for _, want := range []string{"port is down", afpacket.ErrRemoved.Error(), "port is up"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, r.log)
		}
	}
}

// TestLimits: the configuration's limits of ICMP messages are the slow path's.
func TestLimits(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts, "icmp-errors: {rate: 0, burst: 1}")
	m.inject("access", 0, udp(10, "10.0.0.2", "8.8.8.8", 1))
	eventually(t, "limited", func() bool { return r.Counters().SlowPath["icmp time exceeded limited"] == 1 })
	r.stop()
}

// TestNewFails: an error leaves nothing open.
func TestNewFails(t *testing.T) {
	m := newMemory(t, "access") // no core
	r := &running{t: t, file: t.TempDir() + "/fwd.yaml"}
	r.write(twoPorts)
	c := loadFile(t, r.file)
	if _, err := New(c, Options{Driver: m}); err == nil || !strings.Contains(err.Error(), "core") {
		t.Error(err)
	}
	for d := range maps.Values(m.devices) {
		for _, q := range append(d.queues, d.slow...) {
			if !q.closed {
				t.Error("a queue was left open")
			}
		}
	}
}

// TestBusyPoll: a worker that never sleeps forwards, and stops.
func TestBusyPoll(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts, "busy-poll: true")
	if o := m.devices["core"].options[1]; o.Rx != afpacket.V2 {
		t.Errorf("%+v: frames would wait for their block", o)
	}
	m.inject("access", 0, udp(10, "10.0.0.2", "8.8.8.8", 64))
	eventually(t, "forwarded", func() bool { return r.totals().Forwarded == 1 })
	eventually(t, "it polls all the time", func() bool { return r.totals().Idle > 1000 })
	r.stop()
}

// TestLoad: the load is of the last second, and the cost by frame of all time.
func TestLoad(t *testing.T) {
	m := newMemory(t, "access", "core")
	r := start(t, m, twoPorts, "busy-poll: true")
	eventually(t, "a load", func() bool { return r.Workers().Workers[0].Load > 0 })
	m.inject("access", 0, udp(10, "10.0.0.2", "8.8.8.8", 64))
	eventually(t, "a cost", func() bool { return r.Workers().Workers[0].Cost > 0 })
	r.stop()
}
