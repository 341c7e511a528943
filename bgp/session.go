package bgp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

const (
	handshakeTime = 30 * time.Second // for each of OPEN and the first KEEPALIVE
	lastWords     = time.Second      // for a NOTIFICATION to arrive
)

// sendHold is how long a neighbour may take nothing of what it is sent before it counts as gone (RFC 9687 4.4).
func sendHold(hold time.Duration) time.Duration { return max(8*time.Minute, 2*hold) }

// session is one connection with a neighbour, from TCP's connection on.
type session struct {
	conn     *net.TCPConn
	in       *bufio.Reader
	outgoing bool // this router has connected
	buf      [maxLen]byte

	open    *peerOpen
	local   netip.Addr
	hold    time.Duration // agreed; 0: no timers
	restart time.Duration // how long the neighbour's routes are kept if it goes away; 0: they are not
	send    time.Duration // bounds a write
	peer    *peer

	writing sync.Mutex // one message at a time
	ended   chan struct{}
	end     sync.Once
}

func newSession(p *peer, conn *net.TCPConn, outgoing bool) *session {
	s := &session{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), outgoing: outgoing, send: handshakeTime, peer: p,
		ended: make(chan struct{})}
	if a, ok := netip.AddrFromSlice(conn.LocalAddr().(*net.TCPAddr).IP); ok {
		s.local = a.Unmap()
	}
	return s
}

// close ends the connection, after what the neighbour is to be told. It returns at once for all but the first caller.
func (s *session) close(why error) {
	s.end.Do(func() {
		close(s.ended)
		if f := (*fault)(nil); errors.As(why, &f) {
			// A writer that waits for the neighbour has the connection: a little more for what it has begun.
			s.conn.SetWriteDeadline(time.Now().Add(lastWords))
			if s.write(notification(f)) == nil {
				s.peer.count(func(c *counters) { c.sent.Notifications++ })
				s.drain()
			}
		}
		s.conn.Close()
	})
}

// drain reads until the neighbour has closed the connection: the kernel resets one that is closed with something unread,
// and with it what was said last.
func (s *session) drain() {
	s.conn.CloseWrite()
	s.conn.SetReadDeadline(time.Now().Add(lastWords))
	io.Copy(io.Discard, struct{ io.Reader }{s.conn})
}

func notification(f *fault) []byte {
	b := appendHeader(nil, wire.BGP_MSG_NOTIFICATION, 2+len(f.data))
	return append(append(b, f.code, f.subcode), f.data...)
}

func keepalive() []byte { return appendHeader(nil, wire.BGP_MSG_KEEPALIVE, 0) }

// write sends whole messages.
func (s *session) write(b []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(s.send))
	select {
	case <-s.ended:
		s.conn.SetWriteDeadline(time.Now().Add(lastWords))
	default:
	}
	_, err := s.conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the neighbour reads nothing")
	}
	return err
}

func deadline(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

// read reads the next message, within a time; 0: without limit.
func (s *session) read(within time.Duration) (kind uint8, body []byte, err error) {
	s.conn.SetReadDeadline(deadline(within))
	select {
	case <-s.ended:
		s.conn.SetReadDeadline(time.Now().Add(lastWords)) // drain's
		return 0, nil, net.ErrClosed
	default:
	}
	kind, body, err = readMessage(s.in, s.buf[:])
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, nil, faultf(wire.BGP_ERROR_HOLD_TIMER_EXPIRED, 0, "nothing was received for %v", within)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, nil, errors.New("the neighbour has closed the connection")
	case err != nil:
		return 0, nil, err
	}
	if kind == wire.BGP_MSG_NOTIFICATION {
		return 0, nil, &notified{body[0], body[1], append([]byte(nil), body[2:]...)}
	}
	return kind, body, nil
}

// greet exchanges OPENs: afterwards the session is in OpenConfirm.
func (s *session) greet(c *Config, n *Neighbor) error {
	m, err := openMessage(c, n)
	if err != nil {
		return err
	}
	if err := s.write(m); err != nil {
		return err
	}
	s.peer.count(func(c *counters) { c.sent.Opens++ })
	kind, body, err := s.read(handshakeTime)
	if err != nil {
		return err
	}
	if kind != wire.BGP_MSG_OPEN {
		return faultf(wire.BGP_ERROR_FSM_ERROR, wire.BGP_ERROR_SUB_RECEIVE_UNEXPECTED_MESSAGE_IN_OPENSENT_STATE,
			"message of type %d in place of an OPEN", kind)
	}
	s.peer.count(func(c *counters) { c.received.Opens++ })
	if s.open, err = parseOpen(body, c, n); err != nil {
		return err
	}
	s.hold = min(n.hold(), s.open.hold)
	if t, ok := s.open.keeps(); ok && n.GracefulRestart > 0 {
		s.restart = min(t, n.GracefulRestart)
	}
	return nil
}

// confirm exchanges the first KEEPALIVEs: afterwards the session is established.
func (s *session) confirm() error {
	if err := s.write(keepalive()); err != nil {
		return err
	}
	s.peer.count(func(c *counters) { c.sent.Keepalives++ })
	kind, _, err := s.read(handshakeTime)
	if err != nil {
		return err
	}
	if kind != wire.BGP_MSG_KEEPALIVE {
		return faultf(wire.BGP_ERROR_FSM_ERROR, wire.BGP_ERROR_SUB_RECEIVE_UNEXPECTED_MESSAGE_IN_OPENCONFIRM_STATE,
			"message of type %d in place of a KEEPALIVE", kind)
	}
	s.peer.count(func(c *counters) { c.received.Keepalives++ })
	s.writing.Lock() // the session may be ending, with a NOTIFICATION
	s.send = sendHold(s.hold)
	s.writing.Unlock()
	return nil
}

// keepAlive sends KEEPALIVEs, and ROUTE-REFRESHes when they are asked for, until the session ends.
func (s *session) keepAlive(ctx context.Context, refreshes <-chan struct{}) error {
	var tick <-chan time.Time
	if s.hold > 0 {
		t := time.NewTicker(s.hold / 3)
		defer t.Stop()
		tick = t.C
	}
	for {
		m := keepalive()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick:
			s.peer.count(func(c *counters) { c.sent.Keepalives++ })
		case <-refreshes:
			m = refresh()
			s.peer.count(func(c *counters) { c.sent.Refreshes++ })
		}
		if err := s.write(m); err != nil {
			return err
		}
	}
}

// capabilities lists what both have offered.
func (s *session) capabilities() []string {
	all := []string{"IPv4 unicast"}
	if s.open.fourAS {
		all = append(all, "4-octet AS")
	}
	if s.open.refresh {
		all = append(all, "route refresh")
	}
	if s.restart > 0 {
		all = append(all, "graceful restart")
	}
	return all
}
