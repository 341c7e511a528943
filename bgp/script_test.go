package bgp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// script is a neighbour that does what a test has it do, on a TCP connection of its own.
type script struct {
	t    testing.TB
	addr netip.Addr
	conn *net.TCPConn
	buf  [maxLen]byte
}

// dial connects from an address of the peer's, AS 64501, to the router under test.
func (b *bed) dial(from netip.Addr) *script {
	b.t.Helper()
	s := &script{t: b.t, addr: from}
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 5 * time.Second}
	wait(b.t, "a connection", func() bool {
		var err error
		b.ns.Do(func() {
			var c net.Conn
			if c, err = d.DialContext(b.t.Context(), "tcp4", "10.9.0.1:179"); err == nil {
				s.conn = c.(*net.TCPConn)
			}
		})
		return err == nil
	})
	b.t.Cleanup(func() { s.conn.Close() })
	return s
}

// listen accepts connections of the router under test.
func (b *bed) listen(at netip.Addr) func() *script {
	b.t.Helper()
	var l net.Listener
	var err error
	b.ns.Do(func() { l, err = net.Listen("tcp4", netip.AddrPortFrom(at, 179).String()) })
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { l.Close() })
	return func() *script {
		b.t.Helper()
		l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
		c, err := l.Accept()
		if err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(func() { c.Close() })
		return &script{t: b.t, addr: at, conn: c.(*net.TCPConn)}
	}
}

// write sends bytes; a connection that the router has closed takes none.
func (s *script) write(b []byte) error {
	s.conn.SetWriteDeadline(time.Now().Add(20 * time.Second))
	_, err := s.conn.Write(b)
	return err
}

func (s *script) send(kind uint8, body ...byte) {
	s.t.Helper()
	if err := s.write(withHeader(kind, body...)); err != nil {
		s.t.Fatal(err)
	}
}

// read returns the next message; kind 0: the router has closed the connection.
func (s *script) read() (kind uint8, body []byte) {
	s.t.Helper()
	s.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	kind, body, err := readMessage(s.conn, s.buf[:])
	if f := (*fault)(nil); errors.As(err, &f) || errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatal(err)
	}
	if err != nil {
		return 0, nil
	}
	return kind, body
}

// until reads until a message of a type comes.
func (s *script) until(want uint8) []byte {
	s.t.Helper()
	for {
		switch kind, body := s.read(); kind {
		case want:
			return slices.Clone(body)
		case 0, wire.BGP_MSG_NOTIFICATION:
			s.t.Fatalf("message of type %d, % x, before one of type %d", kind, body, want)
		}
	}
}

// ended reads until the connection ends and returns the NOTIFICATION before that, {0, 0}: there was none.
func (s *script) ended() (code, subcode uint8, data []byte) {
	s.t.Helper()
	for {
		switch kind, body := s.read(); kind {
		case 0:
			s.conn.Close()
			return code, subcode, data
		case wire.BGP_MSG_NOTIFICATION:
			code, subcode, data = body[0], body[1], slices.Clone(body[2:])
		}
	}
}

// fourAS is the capability of an AS of 4 octets.
func fourAS(as uint32) []byte { return binary.BigEndian.AppendUint32([]byte{65, 4}, as) }

// scriptCaps are a neighbour's in AS 64501: IPv4 unicast, route refresh and 4-octet AS.
var scriptCaps = slices.Concat([]byte{1, 4, 0, 1, 0, 1, 2, 0}, fourAS(64501))

// establish brings a session up.
func (s *script) establish() *script {
	s.t.Helper()
	s.send(wire.BGP_MSG_OPEN, openBody(4, 64501, 90, s.addr, scriptCaps...)...)
	return s.confirm()
}

// confirm goes on after an OPEN was sent.
func (s *script) confirm() *script {
	s.t.Helper()
	s.until(wire.BGP_MSG_OPEN)
	s.send(wire.BGP_MSG_KEEPALIVE)
	s.until(wire.BGP_MSG_KEEPALIVE)
	return s
}

// announce tells a prefix with attributes besides those that are mandatory.
func (s *script) announce(prefix string, more ...byte) {
	s.t.Helper()
	b, _ := appendUpdate(nil, string(slices.Concat(mandatory, more)), []netip.Prefix{netip.MustParsePrefix(prefix)})
	if err := s.write(b); err != nil {
		s.t.Fatal(err)
	}
}
