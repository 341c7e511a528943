package forwarder

import (
	"fmt"
	"strings"
	"sync/atomic"

	"vrfwd/vrftable"
)

// counter is a word that its worker alone writes and anyone reads. The owner's store is a plain one: Go's atomic store
// is an XCHG on amd64, some 20 cycles, four times per packet. A plain aligned 64-bit store is still one store on every
// 64-bit platform, and the Go memory model promises readers a value that was written ("Implementation Restrictions
// for Programs Containing Data Races": word-sized locations). Under the race detector add is atomic (count_race.go).
type counter struct{ v uint64 }

func (c *counter) load() uint64 { return atomic.LoadUint64(&c.v) }

// traffic counts packets or frames, and their bytes.
type traffic struct{ packets, bytes counter }

// ifaces is a counter for each IP interface there can be, so that a number needs no check: 1 MiB of addresses, of
// which the system backs the pages that are used.
type ifaces [1 << 16]traffic

// members is a counter for each member of each group there can be: 256 KiB of addresses.
type members [vrftable.MaxGroups][vrftable.MaxPaths]traffic

// counters is what one worker counts.
type counters struct {
	ifRx, ifTx *ifaces
	groups     *members

	_        [128]byte // no line, nor its prefetched neighbour, is shared with another worker
	received counter
	sent     counter
	polls    counter
	idle     counter
	dropped  [NumReasons]counter
	punted   [NumReasons]counter
	portRx   [MaxPorts]traffic
	portTx   [MaxPorts]traffic
	_        [128]byte
}

// Traffic is a number of packets and their bytes.
type Traffic struct{ Packets, Bytes uint64 }

func (t *Traffic) add(c *traffic) {
	t.Packets += c.packets.load()
	t.Bytes += c.bytes.load()
}

// IfaceCount is the traffic of one IP interface. Packets are valid IPv4 packets; bytes are layer 3: the total lengths
// of their IPv4 headers. Received packets count on the ingress primary once they are validated, transmitted ones on
// the egress interface alone, primary or share, once the port has taken them.
type IfaceCount struct{ Rx, Tx Traffic }

// PortCount is the traffic of one port in frames. Bytes are layer 2, without FCS; transmitted ones also without
// padding.
type PortCount struct{ Rx, Tx Traffic }

// Totals is the sum of what workers have counted. Received = Forwarded + Punted + Dropped, exactly, whenever the
// workers are between two polls; read while they run it is a snapshot, off by what is under way.
type Totals struct {
	Received  uint64 // frames from all ports
	Forwarded uint64 // frames that an egress port has taken
	Punted    uint64 // frames that the slow path has taken: the sum of Punts
	Dropped   uint64 // frames that were discarded: the sum of Drops

	Drops [NumReasons]uint64
	Punts [NumReasons]uint64

	Ports [MaxPorts]PortCount // by port number

	Polls uint64 // passes over all ports
	Idle  uint64 // passes that found nothing
}

// Sum adds up the counters of workers. It may be called at any time from anywhere.
func Sum(workers ...*Worker) Totals {
	var t Totals
	for _, w := range workers {
		c := w.count
		t.Received += c.received.load()
		t.Forwarded += c.sent.load()
		t.Polls += c.polls.load()
		t.Idle += c.idle.load()
		for r := range NumReasons {
			d, p := c.dropped[r].load(), c.punted[r].load()
			t.Drops[r] += d
			t.Punts[r] += p
			t.Dropped += d
			t.Punted += p
		}
		for p := range t.Ports {
			t.Ports[p].Rx.add(&c.portRx[p])
			t.Ports[p].Tx.add(&c.portTx[p])
		}
	}
	return t
}

// SumIface adds up the counters of one IP interface over workers. It may be called at any time from anywhere.
func SumIface(iface uint16, workers ...*Worker) IfaceCount {
	var n IfaceCount
	for _, w := range workers {
		n.Rx.add(&w.count.ifRx[iface])
		n.Tx.add(&w.count.ifTx[iface])
	}
	return n
}

// SumGroup adds up, over workers, the packets whose flows the members of a group of equal next hops were chosen for, by
// their number. Some may not have left: their TTL ran out, they are too large, or the port was full. Bytes are layer 3. A
// number that is given to another group counts on. It may be called at any time from anywhere.
func SumGroup(group uint16, workers ...*Worker) (n [vrftable.MaxPaths]Traffic) {
	for _, w := range workers {
		for m := range n {
			n[m].add(&w.count.groups[group][m])
		}
	}
	return n
}

// Sub returns what was counted after old.
func (t Totals) Sub(old *Totals) Totals {
	t.Received -= old.Received
	t.Forwarded -= old.Forwarded
	t.Punted -= old.Punted
	t.Dropped -= old.Dropped
	t.Polls -= old.Polls
	t.Idle -= old.Idle
	for r := range t.Drops {
		t.Drops[r] -= old.Drops[r]
		t.Punts[r] -= old.Punts[r]
	}
	for p := range t.Ports {
		t.Ports[p].Rx.sub(old.Ports[p].Rx)
		t.Ports[p].Tx.sub(old.Ports[p].Tx)
	}
	return t
}

func (t *Traffic) sub(old Traffic) {
	t.Packets -= old.Packets
	t.Bytes -= old.Bytes
}

// String gives the sums and the reasons that occurred, on one line.
func (t Totals) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "received %d forwarded %d punted %d dropped %d", t.Received, t.Forwarded, t.Punted, t.Dropped)
	for _, arm := range []struct {
		name   string
		counts [NumReasons]uint64
	}{{"punted", t.Punts}, {"dropped", t.Drops}} {
		for r, n := range arm.counts {
			if n > 0 {
				fmt.Fprintf(&b, "; %s %s %d", arm.name, Reason(r), n)
			}
		}
	}
	return b.String()
}
