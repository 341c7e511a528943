package e2e

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// TestHostilePeer: whatever a neighbour sends, a stream through the router loses nothing, the session with another neighbour goes
// on, and its routes stay.
func TestHostilePeer(t *testing.T) {
	p := newPeering(t)
	p.bird2.Kill()
	p.ce.Run(t, "ip", "route", "add", "default", "via", "10.0.0.1", "src", redPublic)
	text := strings.Replace(peConfig(toRed, homeStatic, ceRedFallback+redHome, ""), "192.0.2.6: {as: 64502,",
		"192.0.2.6: {as: 64502, max-prefixes: {limit: 50000, restart: 1m},", 1)
	r := start(t, p.pe, text)
	eventually(t, "isp1's routes are there", func() bool { return r.session("192.0.2.2").Accepted == 2 })
	reaches(t, p.ce, isp1Loopback)
	eventually(t, "isp1 reaches the site", func() bool { return pings(t, p.isp1, redPublic, "-I", isp1Loopback) })
	s := newStream(t, p.ce, redPublic, p.isp1, isp1Loopback)

	h := &hostile{t: t, p: p}
	for _, m := range []struct {
		name string
		said []byte
		why  string
	}{
		{"no marker", make([]byte, 200), "marker is not all ones"},
		{"length 0", message(0, wire.BGP_MSG_OPEN, 29), "0 bytes for a message of type 1"},
		{"length 18", message(18, wire.BGP_MSG_OPEN, 29), "18 bytes for a message of type 1"},
		{"length 65535", message(65535, wire.BGP_MSG_OPEN, 29), "65535 bytes for a message of type 1"},
		{"type 99", message(19, 99, 19), "message of type 99"},
		{"UPDATE first", message(23, wire.BGP_MSG_UPDATE, 23), "type 2 in place of an OPEN"},
		{"half a message", message(4096, wire.BGP_MSG_OPEN, 100), ""}, // it goes as it came: no session has failed
		{"wrong AS", h.open(64999), "received 64999"},
	} {
		if out, err := r.ask("clear", "bgp", "192.0.2.6"); err != nil { // else it waits for its penalty to be over
			t.Fatalf("%v: %s", err, out)
		}
		before := len(r.log.String()) // the last error may soon be that of the router's own attempt to connect
		eventually(t, m.name+" is listened to", func() bool { return h.says(m.said) })
		eventually(t, m.name+" is why", func() bool { return strings.Contains(r.log.String()[before:], m.why) })
	}
	for range 30 { // a neighbour that comes and goes every 100 ms
		h.says(h.open(64502))
		time.Sleep(100 * time.Millisecond)
	}
	h.floods(5_000_000)
	eventually(t, "the flood is over", func() bool {
		n := r.session("192.0.2.6")
		return n.State != "Established" && n.Accepted == 0 && strings.Contains(n.LastError, "at most 50000")
	})

	if n := r.session("192.0.2.2"); n.State != "Established" || n.Flaps != 0 || n.Accepted != 2 {
		t.Errorf("the other neighbour: %+v", n)
	}
	if own, _ := r.memory(); own > 300 {
		t.Errorf("fwd has %d MiB", own)
	}
	s.lossless()
	if _, code := r.stop(); code != 0 {
		t.Errorf("fwd ended with %d", code)
	}
}

// hostile speaks from the address of isp2.
type hostile struct {
	t *testing.T
	p *peering
}

func (h *hostile) dial() (c net.Conn) {
	h.p.isp2.Do(func() { c, _ = net.DialTimeout("tcp", "192.0.2.5:179", time.Second) })
	return c
}

// says connects, sends and goes; false: nobody took the connection.
func (h *hostile) says(b []byte) bool {
	c := h.dial()
	if c == nil {
		return false
	}
	defer c.Close()
	_, err := c.Write(b)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, _ = c.Read(make([]byte, 4096))
	return err == nil
}

// message is the head of a message that claims a length, and zeros up to another.
func message(claims, kind, bytes int) []byte {
	b := make([]byte, bytes)
	for i := range 16 {
		b[i] = 0xff
	}
	binary.BigEndian.PutUint16(b[16:], uint16(claims))
	b[18] = byte(kind)
	return b
}

// open is an OPEN of an AS.
func (h *hostile) open(as uint16) []byte {
	m, err := wire.NewBGPOpenMessage(as, 90, netip.MustParseAddr("192.0.2.6"), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := m.Serialize()
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// floods announces prefixes until the router ends the session. It is let in again when the penalties of its sessions that did not
// last are over.
func (h *hostile) floods(prefixes int) {
	var c net.Conn
	for end := time.Now().Add(2 * time.Minute); c == nil; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatal("the router takes no session")
		}
		if c = h.dial(); c == nil {
			continue
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, err := c.Write(append(h.open(64502), message(19, wire.BGP_MSG_KEEPALIVE, 19)...))
		b := make([]byte, 4096)
		n, got := 0, 0
		for err == nil && n < 19+29 { // its OPEN and KEEPALIVE
			if got, err = c.Read(b[n:]); got == 0 {
				break
			}
			n += got
		}
		if err != nil || n < 19+29 || b[18] != wire.BGP_MSG_OPEN {
			c.Close()
			c = nil
		}
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	attrs := []byte{0x40, 1, 1, 0, 0x40, 2, 4, 2, 1, 0xfb, 0xf6, 0x40, 3, 4, 192, 0, 2, 6} // path 64502 in 2 octets
	told := 0
	for addr := uint32(20 << 24); told < prefixes; {
		u := message(0, wire.BGP_MSG_UPDATE, 19)
		u = append(u, 0, 0, 0, byte(len(attrs)))
		u = append(u, attrs...)
		for ; len(u) < 4090; told++ {
			u = append(u, 32)
			u = binary.BigEndian.AppendUint32(u, addr)
			addr++
		}
		binary.BigEndian.PutUint16(u[16:], uint16(len(u)))
		if _, err := c.Write(u); err != nil {
			break // the router has ended it
		}
	}
	h.t.Logf("announced %d prefixes", told)
}
