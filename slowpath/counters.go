package slowpath

import (
	"fmt"

	"vrfwd/forwarder"
)

// Outcome says what became of a packet. Each packet that comes in, punted, from a TUN device or made here, has exactly one
// at any time; all but Waiting are final.
type Outcome uint8

// The outcomes.
const (
	Waiting          Outcome = iota // for a neighbour's address, or for the rest of its fragments
	Sent                            // as it is, or as a worker would have
	Fragmented                      // sent in fragments
	Delivered                       // to a TUN device
	Answered                        // by an ICMP message
	Limited                         // not answered: too many messages (RFC 1812 4.3.2.8)
	Suppressed                      // not answered: RFC 1812 4.3.2.7 forbids it, or there is no address to answer from
	ARPAnswered                     // a request for an own address
	ARPTaken                        // a reply or announcement that told something of a neighbour
	ARPIgnored                      // any other ARP packet
	ARPConflict                     // another station uses an own address: RFC 5227 2.4
	Discarded                       // discard route
	Broadcast                       // to a network's broadcast address: RFC 2644
	SourceRouted                    // RFC 7126 4.3, 4.4
	Malformed                       // not a packet that a worker punts, or options, ICMP or fragments that make no sense
	Martian                         // from outside with an own address as its source, or from a TUN device without one
	NoInterface                     // its layer 2 interface has no primary any more, or that is down
	NoHost                          // for the router itself, which has no TUN device in that VR to give it to
	HostFull                        // the TUN device did not take it
	Undeliverable                   // made here: no route, or a neighbour that does not answer
	NeighborsFull                   // no room for one more neighbour
	QueueFull                       // too many packets wait for neighbours
	Reassembled                     // a fragment that is part of another outcome's packet now
	ReassemblyFailed                // a fragment whose fellows did not come
	NoPort                          // the egress port is not there
	TxFull                          // the egress port took no more
	NumOutcomes                     // the number of outcomes
)

var outcomeNames = [NumOutcomes]string{
	"waiting", "sent", "fragmented", "delivered", "answered", "limited", "suppressed", "arp answered", "arp taken",
	"arp ignored", "arp conflict", "discarded", "broadcast", "source routed", "malformed", "martian", "no interface",
	"no host", "host full", "undeliverable", "neighbors full", "queue full", "reassembled", "reassembly failed", "no port",
	"tx full",
}

// String gives the outcome's stable name, as reports and metrics print it.
func (o Outcome) String() string {
	if o < NumOutcomes {
		return outcomeNames[o]
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// Message is a kind of ICMP message that the slow path makes.
type Message uint8

// The messages.
const (
	EchoReply              Message = iota // RFC 792
	NetUnreachable                        // no route
	HostUnreachable                       // the neighbour does not answer, or a reject route
	ProtocolUnreachable                   // to an own address, a protocol that nobody takes
	PortUnreachable                       // to an own address, TCP or UDP that nobody takes
	FragmentationNeeded                   // larger than the MTU with DF: RFC 1191
	TimeExceeded                          // TTL
	ReassemblyTimeExceeded                // fragments to an own address that stayed incomplete
	ParameterProblem                      // a bad option
	NumMessages                           // the number of messages
)

// messages gives type, code and name of each kind.
var messages = [NumMessages]struct {
	icmpType, code uint8
	name           string
}{
	{0, 0, "echo reply"}, {3, 0, "net unreachable"}, {3, 1, "host unreachable"}, {3, 2, "protocol unreachable"},
	{3, 3, "port unreachable"}, {3, 4, "fragmentation needed"}, {11, 0, "time exceeded"},
	{11, 1, "reassembly time exceeded"}, {12, 0, "parameter problem"},
}

// String gives the message's stable name, as reports and metrics print it.
func (m Message) String() string {
	if m < NumMessages {
		return messages[m].name
	}
	return fmt.Sprintf("Message(%d)", uint8(m))
}

// MessageCount says what became of the packets that one kind of message answers.
type MessageCount struct {
	Made       uint64 // whether they reached anyone is told by the outcomes
	Limited    uint64
	Suppressed uint64
}

// Counters is what the slow path has counted. At any time
//
//	sum(Punted) + FromHost + Originated = sum(Outcomes)
//
// Outcomes[Waiting] is what is waiting now; everything else only grows. The ARP packets that the slow path sends are
// outside of that account.
type Counters struct {
	Punted     [forwarder.NumReasons]uint64 // popped from workers, by the reason they gave
	FromHost   uint64                       // read from TUN devices
	Originated uint64                       // ICMP messages made here

	Outcomes [NumOutcomes]uint64
	Messages [NumMessages]MessageCount

	ARPRequests   uint64 // sent, probes of known neighbours included
	ARPReplies    uint64 // sent
	Announcements uint64 // gratuitous ARP sent for own addresses
	Resolved      uint64 // neighbours that answered, or were learned from what they asked
	Refreshed     uint64 // known neighbours that answered a probe
	Moved         uint64 // known neighbours that changed their MAC address
	Unresolved    uint64 // neighbours that did not answer
	Expired       uint64 // known neighbours that ceased to answer
}

// String gives the outcomes that occurred, on one line.
func (c Counters) String() string {
	in := c.FromHost + c.Originated
	for _, n := range c.Punted {
		in += n
	}
	s := fmt.Sprintf("in %d", in)
	for o, n := range c.Outcomes {
		if n > 0 {
			s += fmt.Sprintf(", %v %d", Outcome(o), n)
		}
	}
	return s
}
