package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"vrfwd/internal/testnet"
	fwd "vrfwd/router"
)

// conversation is a TCP connection on which one host sends to another for as long as the test likes.
type conversation struct {
	t          *testing.T
	client     *net.TCPConn
	stop       atomic.Bool
	received   atomic.Int64
	sent, came hash.Hash
	done       chan error // of sender and receiver
}

// converse opens one from an address of a host to an address of another. It ends with whole.
func converse(t *testing.T, from *testnet.NS, source string, to *testnet.NS, address string) *conversation {
	t.Helper()
	c := &conversation{t: t, sent: sha256.New(), came: sha256.New(), done: make(chan error, 2)}
	var listener *net.TCPListener
	var err error
	to.Do(func() { listener, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(address)}) })
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	from.Do(func() {
		c.client, err = net.DialTCP("tcp", &net.TCPAddr{IP: net.ParseIP(source)}, listener.Addr().(*net.TCPAddr))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.client.Close() })
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		_, err := io.Copy(io.MultiWriter(c.came, counter{&c.received}), server)
		c.done <- err
	}()
	go func() { c.done <- c.send() }()
	return c
}

// counter counts the bytes written to it.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// send writes, at a pace that leaves the machine to others, until it is told to stop.
func (c *conversation) send() error {
	block := make([]byte, 64<<10)
	for !c.stop.Load() {
		_, _ = rand.Read(block[:1024])
		if _, err := c.client.Write(block); err != nil {
			return err
		}
		c.sent.Write(block)
		time.Sleep(2 * time.Millisecond)
	}
	return c.client.CloseWrite()
}

// goesOn waits until what is sent now arrives.
func (c *conversation) goesOn(after string) {
	c.t.Helper()
	from, began := c.received.Load(), time.Now()
	eventually(c.t, "TCP goes on after "+after, func() bool { return c.received.Load() > from+1<<20 })
	c.t.Logf("%s: another MiB after %v", after, time.Since(began).Round(time.Millisecond))
}

// whole ends the conversation: what arrived must be what was sent.
func (c *conversation) whole() {
	c.t.Helper()
	c.stop.Store(true)
	for range 2 {
		select {
		case err := <-c.done:
			if err != nil {
				c.t.Errorf("TCP: %v", err)
			}
		case <-time.After(within):
			c.t.Fatal("TCP does not end")
		}
	}
	if sent, came := c.sent.Sum(nil), c.came.Sum(nil); string(sent) != string(came) {
		c.t.Errorf("what was sent has hash %x, what arrived %x", sent, came)
	}
}

// TestSiteLinks: a TCP connection outlives links that go down, vanish and come back as other devices, and new addresses.
func TestSiteLinks(t *testing.T) {
	p := newPlace(t)
	r := start(t, p.pe, config(byShares, byFallback))
	reaches(t, p.red, ispLoopback)
	c := converse(t, p.red, redPublic, p.isp, ispLoopback)
	c.goesOn("the start")

	p.pe.SetDown("red")
	eventually(t, "the port is shown down", func() bool { return !portUp(r, "red") })
	if !portUp(r, "core") || !pings(t, p.blue, ispLoopback) {
		t.Error("another customer's link does not go on")
	}
	p.pe.SetUp("red")
	c.goesOn("its own end of the site's link was down")

	p.red.SetDown("eth0") // the router's end has no carrier
	eventually(t, "the port is shown down", func() bool { return !portUp(r, "red") })
	p.red.SetUp("eth0")
	p.red.Run(t, "ip", "route", "add", "default", "via", "10.0.0.1", "src", redPublic)
	c.goesOn("the site's end was down")

	before := p.pe.MAC("red").String()
	p.pe.Delete("red")
	eventually(t, "the port is shown down", func() bool { return !portUp(r, "red") })
	p.links.Veth(p.pe, "red", p.red, "eth0")
	p.red.Addr("eth0", "10.0.0.2/24")
	p.red.Run(t, "ip", "route", "add", "default", "via", "10.0.0.1", "src", redPublic)
	if p.pe.MAC("red").String() == before {
		t.Fatal("the new device has the old one's address")
	}
	c.goesOn("the site's link was made anew")

	p.pe.SetMAC("core", net.HardwareAddr{2, 7, 7, 7, 7, 7})
	c.goesOn("the uplink got another address")
	c.whole()
	reaches(t, p.isp, redPublic)
	reaches(t, p.isp, bluePublic)
	r.counters()
}

// portUp tells what `fwd show interfaces` says of a port.
func portUp(r *router, name string) bool {
	r.t.Helper()
	for _, port := range asJSON[fwd.Interfaces](r, "interfaces").Ports {
		if port.Name == name {
			return port.Up
		}
	}
	r.t.Fatalf("no port %s", name)
	return false
}
