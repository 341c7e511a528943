package afpacket_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"vrfwd/afpacket"
	"vrfwd/internal/testnet"
	"vrfwd/packet"
)

// bridge is two hosts, veths to a namespace between them, and two ports there that hand each other all frames. The
// hosts' offloads are on, but for what is switched off.
type bridge struct {
	a, b  *testnet.NS // "host", 10.9.0.1 and 10.9.0.2
	ports [2]*afpacket.Port
}

func newBridge(t *testing.T, v afpacket.Version, off ...string) *bridge {
	t.Helper()
	testnet.Need(t, "net_raw", "ethtool")
	n := testnet.New(t)
	br := &bridge{a: n.NS("a"), b: n.NS("b")}
	middle := n.NS("middle")
	for i, host := range []*testnet.NS{br.a, br.b} {
		name := []string{"left", "right"}[i]
		n.Veth(middle, name, host, "host", testnet.Offloads())
		host.Addr("host", []string{"10.9.0.1/24", "10.9.0.2/24"}[i])
		for _, ns := range []struct {
			ns   *testnet.NS
			name string
		}{{middle, name}, {host, "host"}} {
			if len(off) > 0 {
				ns.ns.Run(t, "ethtool", append([]string{"-K", ns.name}, off...)...)
			}
		}
		br.ports[i] = open(t, middle, afpacket.Options{Interface: name, Rx: v, Promiscuous: true})
	}
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		d := make([]packet.Desc, 256)
		for ctx.Err() == nil {
			_ = afpacket.Wait(br.ports[:], 10*time.Millisecond)
			for i, in := range br.ports {
				n := in.RxBurst(d)
				br.ports[1-i].TxBurst(in.Arena(), d[:n])
				in.Free(d[:n])
			}
		}
	})
	t.Cleanup(func() { stop(); done.Wait() })
	return br
}

// transfer sends bytes by TCP from a to b and compares their hashes, within the time.
func (br *bridge) transfer(t *testing.T, bytes int, within time.Duration) {
	t.Helper()
	var l net.Listener
	var err error
	br.b.Do(func() { l, err = net.Listen("tcp4", "10.9.0.2:0") })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	received := make(chan [32]byte, 1)
	go func() {
		h := sha256.New()
		if c, err := l.Accept(); err == nil {
			_, _ = io.Copy(h, c)
			c.Close()
		}
		received <- [32]byte(h.Sum(nil))
	}()
	var c net.Conn
	br.a.Do(func() { c, err = net.DialTimeout("tcp4", l.Addr().String(), within) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(within))
	data := make([]byte, bytes)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(data)
	if _, err := c.Write(data); err != nil {
		t.Fatalf("%v; %+v %+v", err, br.ports[0].Stats(), br.ports[1].Stats())
	}
	_ = c.(*net.TCPConn).CloseWrite()
	select {
	case got := <-received:
		if got != sha256.Sum256(data) {
			t.Error("what arrived differs")
		}
	case <-time.After(within):
		t.Fatalf("not all arrived; %+v %+v", br.ports[0].Stats(), br.ports[1].Stats())
	}
}

// TestPartialChecksum: hosts that leave checksums to a veth, which never makes them, talk through two ports.
func TestPartialChecksum(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		br := newBridge(t, v, "tso", "off", "tx-udp-segmentation", "off")
		br.transfer(t, 4<<20, 20*time.Second)
		for _, p := range br.ports {
			if s := p.Stats(); s.RxChecksum == 0 || s.RxSuper != 0 || s.RxTooLong != 0 {
				t.Errorf("%+v", s)
			}
			if w := p.Warnings(); len(w) != 0 {
				t.Errorf("warnings: %q", w)
			}
		}
	})
}

// TestSuperFrames: with segmentation offload a veth carries frames far beyond the MTU. They are counted, the port warns
// of them at the start, and the cure that it names is one.
func TestSuperFrames(t *testing.T) {
	br := newBridge(t, afpacket.V3)
	w := br.ports[0].Warnings()
	if len(w) != 1 || !strings.Contains(w[0], "ethtool -K left tso off tx-udp-segmentation off") {
		t.Fatalf("warnings: %q", w)
	}
	var c net.Conn
	var err error
	var l net.Listener
	br.b.Do(func() { l, err = net.Listen("tcp4", "10.9.0.2:0") })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	br.a.Do(func() { c, err = net.DialTimeout("tcp4", l.Addr().String(), 10*time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	go c.Write(make([]byte, 1<<20))
	for end := time.Now().Add(10 * time.Second); br.ports[0].Stats().RxSuper == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no super-frame counted: %+v", br.ports[0].Stats())
		}
	}
}

// TestUDPChecksum: the completed checksum is right, through a tag as well, and what needs none is left alone.
func TestUDPChecksum(t *testing.T) {
	versions(t, func(t *testing.T, v afpacket.Version) {
		p := newPair(t, afpacket.Options{Rx: v}, testnet.Offloads())
		p.far.Addr("wire", "10.9.0.2/24")
		mac := p.port.MAC()
		p.far.Neigh("wire", "10.9.0.1", mac[:])
		var c net.Conn
		var err error
		p.far.Do(func() { c, err = net.Dial("udp4", "10.9.0.1:9") })
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for size := range 50 {
			if _, err := c.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			var f []byte
			for f == nil { // the device has things of its own to say
				d := p.receive(t, 1)
				if g := p.port.Arena().Frame(d[0]); binary.BigEndian.Uint16(g[12:]) == packet.EtherTypeIPv4 && g[23] == 17 {
					f = append(f, g...)
				}
				p.port.Free(d)
			}
			ip, err := packet.ParseIPv4(f[14:])
			if err != nil || len(ip) != 28+size || !ip.ChecksumOK() {
				t.Fatalf("%v: % x", err, f)
			}
			if sum := packet.ChecksumPseudo(ip.Src(), ip.Dst(), 17, ip[20:]); sum != 0 {
				t.Errorf("%d bytes: the checksum is off by %#x: % x", size, sum, f)
			}
		}
		if s := p.port.Stats(); s.RxChecksum != 50 {
			t.Errorf("%+v", s)
		}
	})
}
