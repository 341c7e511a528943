package bgp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// Bytes of a message (RFC 4271 4.1). Extended messages (RFC 8654) are not offered.
const (
	headerLen = wire.BGP_HEADER_LENGTH
	maxLen    = wire.BGP_MAX_MESSAGE_LENGTH
)

// minLen is the least length of a message by its type (RFC 4271 6.1).
var minLen = [...]int{
	wire.BGP_MSG_OPEN:          29,
	wire.BGP_MSG_UPDATE:        23,
	wire.BGP_MSG_NOTIFICATION:  21,
	wire.BGP_MSG_KEEPALIVE:     headerLen,
	wire.BGP_MSG_ROUTE_REFRESH: 23,
}

// fault is what ends a session: what the neighbour is told by a NOTIFICATION, and why.
type fault struct {
	code, subcode uint8
	data          []byte
	reason        string
}

func (f *fault) Error() string { return f.reason }

func faultf(code, subcode uint8, format string, args ...any) *fault {
	return &fault{code: code, subcode: subcode, reason: fmt.Sprintf(format, args...)}
}

// faultOf makes a fault of what the codec complains of in an OPEN.
func faultOf(err error) *fault {
	var m *wire.MessageError
	if !errors.As(err, &m) {
		return faultf(wire.BGP_ERROR_OPEN_MESSAGE_ERROR, 0, "OPEN: %v", err)
	}
	return &fault{m.TypeCode, m.SubTypeCode, m.Data, m.Message}
}

// notified is the NOTIFICATION of a neighbour: it has ended the session.
type notified struct {
	code, subcode uint8
	data          []byte
}

func (n *notified) Error() string {
	reason := "received NOTIFICATION: " + wire.NewNotificationErrorCode(n.code, n.subcode).String()
	if n.code == wire.BGP_ERROR_CEASE && len(n.data) > 1 && int(n.data[0]) < len(n.data) &&
		(n.subcode == wire.BGP_ERROR_SUB_ADMINISTRATIVE_SHUTDOWN || n.subcode == wire.BGP_ERROR_SUB_ADMINISTRATIVE_RESET) {
		reason += fmt.Sprintf(": %q", n.data[1:1+n.data[0]]) // RFC 9003
	}
	return reason
}

// readMessage reads one message into buf, at least maxLen long, and returns its type and body. Errors: a *fault, or the
// connection's.
func readMessage(r io.Reader, buf []byte) (kind uint8, body []byte, err error) {
	if _, err := io.ReadFull(r, buf[:headerLen]); err != nil {
		return 0, nil, err
	}
	for _, b := range buf[:16] {
		if b != 0xff {
			return 0, nil, faultf(wire.BGP_ERROR_MESSAGE_HEADER_ERROR, wire.BGP_ERROR_SUB_CONNECTION_NOT_SYNCHRONIZED,
				"a message's marker is not all ones")
		}
	}
	n, kind := int(binary.BigEndian.Uint16(buf[16:])), buf[18]
	if int(kind) >= len(minLen) || minLen[kind] == 0 {
		return 0, nil, &fault{wire.BGP_ERROR_MESSAGE_HEADER_ERROR, wire.BGP_ERROR_SUB_BAD_MESSAGE_TYPE, []byte{kind},
			fmt.Sprintf("message of type %d: 1 to 5 are known", kind)}
	}
	if n < minLen[kind] || n > maxLen || kind == wire.BGP_MSG_KEEPALIVE && n != headerLen {
		return 0, nil, &fault{wire.BGP_ERROR_MESSAGE_HEADER_ERROR, wire.BGP_ERROR_SUB_BAD_MESSAGE_LENGTH,
			slices.Clone(buf[16:18]), fmt.Sprintf("%d bytes for a message of type %d", n, kind)}
	}
	if _, err := io.ReadFull(r, buf[headerLen:n]); err != nil {
		return 0, nil, err
	}
	return kind, buf[headerLen:n], nil
}

// appendHeader appends a message's header; bytes counts the body.
func appendHeader(b []byte, kind uint8, bytes int) []byte {
	for range 16 {
		b = append(b, 0xff)
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(headerLen+bytes)), kind)
}

// peerOpen is what a neighbour has said in its OPEN.
type peerOpen struct {
	as      uint32
	id      netip.Addr
	hold    time.Duration
	fourAS  bool
	ipv4    bool // multiprotocol capability for IPv4 unicast, or none at all
	refresh bool
	restart *wire.CapGracefulRestart
}

// as2 is what stands for an AS that has no 2-octet number (RFC 6793).
const as2 = wire.AS_TRANS

// openMessage is the OPEN that a neighbour is sent.
func openMessage(c *Config, n *Neighbor) ([]byte, error) {
	family := wire.RF_IPv4_UC
	caps := []wire.ParameterCapabilityInterface{
		wire.NewCapMultiProtocol(family), wire.NewCapRouteRefresh(), wire.NewCapFourOctetASNumber(c.AS),
	}
	if n.GracefulRestart > 0 {
		// Forwarding does not outlive the process, so that no family is named: a neighbour is to keep nothing of this
		// router's. What the capability brings is that this router keeps the neighbour's (RFC 4724 3, 4.2).
		caps = append(caps, wire.NewCapGracefulRestart(false, false, uint16(n.GracefulRestart/time.Second), nil))
	}
	as := c.AS
	if as > 0xffff {
		as = as2
	}
	m, err := wire.NewBGPOpenMessage(uint16(as), uint16(n.hold()/time.Second), c.RouterID,
		[]wire.OptionParameterInterface{wire.NewOptionParameterCapability(caps)})
	if err != nil {
		return nil, err
	}
	return m.Serialize()
}

// parseOpen decodes and checks a neighbour's OPEN. A panic of the codec's is a malformed message.
func parseOpen(body []byte, c *Config, n *Neighbor) (o *peerOpen, err error) {
	defer func() {
		if p := recover(); p != nil {
			o, err = nil, faultf(wire.BGP_ERROR_OPEN_MESSAGE_ERROR, 0, "OPEN cannot be decoded: %v", p)
		}
	}()
	var m wire.BGPOpen
	if err := m.DecodeFromBytes(body); err != nil {
		return nil, faultOf(err)
	}
	as, err := wire.ValidateOpenMsg(&m, n.AS, c.AS, c.RouterID)
	if err != nil {
		f := faultOf(err)
		if f.subcode == wire.BGP_ERROR_SUB_UNSUPPORTED_VERSION_NUMBER {
			f.data = []byte{0, 4}
		}
		return nil, f
	}
	o = &peerOpen{as: as, id: m.ID, hold: time.Duration(m.HoldTime) * time.Second}
	families := 0
	for _, p := range m.OptParams {
		caps, ok := p.(*wire.OptionParameterCapability)
		if !ok {
			return nil, faultf(wire.BGP_ERROR_OPEN_MESSAGE_ERROR, wire.BGP_ERROR_SUB_UNSUPPORTED_OPTIONAL_PARAMETER,
				"OPEN has an optional parameter other than capabilities")
		}
		for _, c := range caps.Capability {
			switch c := c.(type) {
			case *wire.CapMultiProtocol:
				families++
				o.ipv4 = o.ipv4 || c.CapValue == wire.RF_IPv4_UC
			case *wire.CapRouteRefresh:
				o.refresh = true
			case *wire.CapFourOctetASNumber:
				o.fourAS = true
			case *wire.CapGracefulRestart:
				o.restart = c
			}
		}
	}
	o.ipv4 = o.ipv4 || families == 0
	if !o.ipv4 {
		return nil, &fault{wire.BGP_ERROR_OPEN_MESSAGE_ERROR, wire.BGP_ERROR_SUB_UNSUPPORTED_CAPABILITY,
			[]byte{byte(wire.BGP_CAP_MULTIPROTOCOL), 4, 0, wire.AFI_IP, 0, wire.SAFI_UNICAST}, // RFC 5492 5: the one that lacks
			"the neighbour does not offer IPv4 unicast"}
	}
	return o, nil
}

// keeps tells whether the neighbour's routes may be kept while it restarts, and for how long (RFC 4724 4.2).
func (o *peerOpen) keeps() (time.Duration, bool) {
	if o.restart == nil {
		return 0, false
	}
	for _, t := range o.restart.Tuples {
		if t.AFI == wire.AFI_IP && t.SAFI == wire.SAFI_UNICAST {
			return time.Duration(o.restart.Time) * time.Second, true
		}
	}
	return 0, false
}

// forwarding tells whether the neighbour says that it has kept forwarding while it restarted.
func (o *peerOpen) forwarding() bool {
	if o.restart == nil {
		return false
	}
	for _, t := range o.restart.Tuples {
		if t.AFI == wire.AFI_IP && t.SAFI == wire.SAFI_UNICAST {
			return t.Flags&0x80 != 0
		}
	}
	return false
}
