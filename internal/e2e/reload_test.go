package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// TestReload: routes, shares, VRFs and maps change under traffic, which loses nothing, and what is new is in force at once.
func TestReload(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	first := config(byShares, byFallback)
	r := start(t, p.pe, first)
	reaches(t, p.red, ispLoopback)
	reaches(t, p.isp, bluePublic)
	// The gateway's other address is known too, so that no packet waits for it.
	other := strings.Replace(first, "gateway: 192.0.2.2}", "gateway: 192.0.2.3}", 1)
	r.reload(other)
	reaches(t, p.red, ispLoopback)
	r.reload(first)

	out, in := newStream(t, p.red, redPublic, p.isp, ispLoopback), newStream(t, p.isp, ispLoopback, p.blue, bluePublic)
	for i := range 20 {
		switch i % 4 {
		case 0:
			r.reload(other)
		case 1: // many routes, one more VRF, and a way to blue that the parent gets by an export map
			var more strings.Builder
			more.WriteString(strings.Replace(byShares, "  - {prefix: 203.0.113.128/25, gateway: 10.0.0.2, share: to-blue}\n", "", 1))
			for k := range 500 {
				fmt.Fprintf(&more, "  - {prefix: 198.18.%d.%d/31, gateway: 192.0.2.3}\n", k/128, k%128*2)
			}
			r.reload(config(more.String(), byExport) + policy)
		case 2:
			r.reload(config(byShares, byImport) + policy)
		case 3:
			r.reload(first)
		}
	}
	out.lossless()
	in.lossless()

	// A share moves to another customer's circuit: the Internet's packets for red's public addresses follow.
	p.blue.Addr("lo", redPublic+"/32")
	w := p.blue.Wire("eth0")
	moved := strings.Replace(first, "to-red: {layer2: red}", "to-red: {layer2: blue}", 1)
	r.reload(moved)
	eventually(t, "the packets follow the share", func() bool {
		_ = pings(t, p.isp, redPublic)
		for {
			frame, ok := w.Recv(0)
			if !ok {
				return false
			}
			if len(frame) >= 34 && string(frame[30:34]) == "\xcb\x00\x71\x01" {
				return true
			}
		}
	})
	r.reload(first)
	reaches(t, p.isp, redPublic)
	r.counters()
}

// TestBadReload: a bad file changes nothing, and says where it is wrong.
func TestBadReload(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	good := config(byShares, byFallback)
	r := start(t, p.pe, good)
	reaches(t, p.red, ispLoopback)
	routes := r.show("routes")
	s := newStream(t, p.red, redPublic, p.isp, ispLoopback)
	for _, c := range []struct{ name, from, to, says string }{
		{"not YAML", "ports:", "ports: [", "fwd.yaml:"},
		{"unknown key", "  interfaces:", "  interfacez:", "interfacez"},
		{"bad prefix", "0.0.0.0/0", "0.0.0.0/33", "0.0.0.0/33"},
		{"unknown share", "share: to-red", "share: to-rad", "to-rad"},
		{"another port", "green: {}}", "green: {}, gold: {}}", "restart"},
	} {
		r.write(strings.Replace(good, c.from, c.to, 1))
		out, err := r.ask("reload")
		if err == nil || !strings.Contains(out, c.says) {
			t.Errorf("%s: fwd reload should fail and say %q: %v, %s", c.name, c.says, err, out)
		}
	}
	s.lossless()
	if got := r.show("routes"); got != routes {
		t.Errorf("a refused file has changed the routes:\n%s", got)
	}
	// By signal the answer is in the log.
	r.write(strings.Replace(good, "  interfaces:", "  interfacez:", 1))
	if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log says what is wrong", func() bool { return strings.Contains(r.log.String(), "interfacez") })
	if !pings(t, p.red, ispLoopback) {
		t.Error("after a refused file fwd does not forward")
	}
}

// reload gives fwd another configuration, which it must take.
func (r *router) reload(configuration string) {
	r.t.Helper()
	r.write(configuration)
	if out, err := r.ask("reload"); err != nil {
		r.t.Fatalf("fwd reload: %v\n%s", err, out)
	}
}

// TestStop: SIGTERM under load ends fwd with a balanced account and code 0, and leaves the interfaces as they were.
func TestStop(t *testing.T) {
	testnet.Need(t, "ping")
	p := newPlace(t)
	before := p.pe.Run(t, "ip", "-o", "link")
	r := start(t, p.pe, config(byShares, byFallback))
	reaches(t, p.red, ispLoopback)
	w := p.red.Wire("eth0")
	header := ipHeader{from: netip.MustParseAddr(redPublic), to: netip.MustParseAddr(ispLoopback), ttl: 9, protocol: 17, payload: make([]byte, 100)}
	frame := frameOf(p.pe.MAC("red"), p.red.MAC("eth0"), 0x0800, header.packet())
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				w.Send(frame)
			}
		}
	}()
	time.Sleep(200 * time.Millisecond) // of load
	said, code := r.stop()
	close(stop)
	<-stopped
	if code != 0 {
		t.Errorf("fwd ended with %d", code)
	}
	var received, forwarded, punted, dropped int
	at := strings.LastIndex(said, "received ")
	if at < 0 {
		t.Fatalf("no account:\n%s", said)
	}
	if _, err := fmt.Sscanf(said[at:], "received %d forwarded %d punted %d dropped %d", &received, &forwarded, &punted, &dropped); err != nil {
		t.Fatalf("%v:\n%s", err, said)
	}
	if received != forwarded+punted+dropped || forwarded < 100 {
		t.Errorf("the account does not balance: %s", said[at:])
	}
	if after := p.pe.Run(t, "ip", "-o", "link"); after != before {
		t.Errorf("interfaces were\n%s\nand are\n%s", before, after)
	}
}
