package e2e

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/internal/testnet"
)

// speaker is a BGP neighbour of the router's that says what a test tells it to, as fast as it is told: nothing but a
// connection, with gobgp's codec.
type speaker struct {
	t    testing.TB
	as   uint32
	conn net.Conn
	mu   sync.Mutex // of writing
}

// speak connects from an address to the router's and brings a session up. What the router tells is read and forgotten.
func speak(t testing.TB, ns *testnet.NS, own, router string, as uint32) *speaker {
	t.Helper()
	s := &speaker{t: t, as: as}
	eventually(t, "the router takes a session", func() bool {
		ns.Do(func() {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(own)}, Timeout: time.Second}
			s.conn, _ = d.Dial("tcp", net.JoinHostPort(router, "179"))
		})
		return s.conn != nil && s.greets(own)
	})
	t.Cleanup(func() { s.conn.Close() })
	go func() { _, _ = io.Copy(io.Discard, s.conn) }()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Second):
				s.send(wire.NewBGPKeepAliveMessage())
			}
		}
	}()
	return s
}

// greets exchanges OPENs and KEEPALIVEs.
func (s *speaker) greets(id string) bool {
	open, err := wire.NewBGPOpenMessage(uint16(s.as), 90, netip.MustParseAddr(id), []wire.OptionParameterInterface{
		wire.NewOptionParameterCapability([]wire.ParameterCapabilityInterface{
			wire.NewCapMultiProtocol(wire.RF_IPv4_UC), wire.NewCapFourOctetASNumber(s.as)})})
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(open)
	s.send(wire.NewBGPKeepAliveMessage())
	header := make([]byte, wire.BGP_HEADER_LENGTH)
	for range 2 {
		_ = s.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.ReadFull(s.conn, header); err != nil {
			s.conn.Close()
			return false
		}
		if _, err := io.CopyN(io.Discard, s.conn, int64(header[16])<<8+int64(header[17])-int64(len(header))); err != nil {
			return false
		}
	}
	_ = s.conn.SetReadDeadline(time.Time{})
	return true
}

func (s *speaker) send(m *wire.BGPMessage) {
	b, err := m.Serialize()
	if err != nil {
		s.t.Errorf("speaker: %v", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.conn.Write(b) // a session that has ended is the test's matter
}

// announce announces prefixes with a path behind the own AS, by as few messages as hold them.
func (s *speaker) announce(hop string, path []uint32, prefixes ...netip.Prefix) {
	nh, err := wire.NewPathAttributeNextHop(netip.MustParseAddr(hop))
	if err != nil {
		s.t.Fatal(err)
	}
	attrs := []wire.PathAttributeInterface{
		wire.NewPathAttributeOrigin(0), nh,
		wire.NewPathAttributeAsPath([]wire.AsPathParamInterface{
			wire.NewAs4PathParam(wire.BGP_ASPATH_ATTR_TYPE_SEQ, append([]uint32{s.as}, path...))}),
	}
	for len(prefixes) > 0 {
		n := min(700, len(prefixes))
		s.send(wire.NewBGPUpdateMessage(nil, attrs, nlri(s.t, prefixes[:n])))
		prefixes = prefixes[n:]
	}
}

func nlri(t testing.TB, prefixes []netip.Prefix) (all []wire.PathNLRI) {
	for _, p := range prefixes {
		n, err := wire.NewIPAddrPrefix(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, wire.PathNLRI{NLRI: n})
	}
	return all
}
