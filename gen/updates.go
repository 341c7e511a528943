package gen

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"vrfwd/lpm"
)

// UpdatesConfig describes what a collector heard after it had written a dump of the same routes, peers and seed.
type UpdatesConfig struct {
	Routes   []lpm.Route // the prefixes, sorted; hops do not count
	Peers    int         // 1..MaxPeers
	Seed     uint64
	Duration time.Duration
	Rate     float64   // changes of a peer's route to a prefix, a second, in the mean: all peers together
	Time     time.Time // zero: DefaultTime
}

// Parameters of updates.
const (
	updatesStream  = 0xbd8
	updateWithdraw = 0.25 // of the runs that are heard of: withdrawn
	updateReturn   = 0.25 // of them: announced again after a withdrawal, if there is one
	updateLeast    = time.Second / 1_000_000
	maxUpdates     = 1 << 28 // changes
)

// WriteUpdates writes messages as MRT's BGP4MP_ET, MESSAGE_AS4 (RFC 6396 4.4.3 and 3): peers announce other paths for
// prefixes that they have in the dump, withdraw prefixes, and announce them again. A peer speaks of a run of prefixes with
// equal attributes at a time, in one message; it withdraws nothing that it has not. Times between messages are exponential.
// Assumptions: half of the messages are path changes, a quarter withdrawals, a quarter returns.
//
// Errors: a configuration that cannot be, and w's.
func WriteUpdates(w io.Writer, c UpdatesConfig) error {
	peers, err := Peers(c.Peers, c.Seed)
	switch {
	case err != nil:
		return err
	case len(c.Routes) == 0:
		return fmt.Errorf("gen: updates of no routes: at least one is needed")
	case !(c.Rate > 0) || c.Duration < 0 || c.Rate*c.Duration.Seconds() > maxUpdates:
		return fmt.Errorf("gen: %v updates a second for %v: more than 0 a second, at most %d in all", c.Rate, c.Duration, maxUpdates)
	}
	if c.Time.IsZero() {
		c.Time = DefaultTime
	}
	u := updater{config: c, peers: peers, rng: rand.New(rand.NewPCG(c.Seed, updatesStream)), out: bufio.NewWriterSize(w, 1<<16),
		withdrawn: map[peerRun]bool{}}
	u.all, u.starts = bundles(c.Routes, c.Seed)
	at, end := c.Time, c.Time.Add(c.Duration)
	for {
		u.message(at)
		wait := time.Duration(u.rng.ExpFloat64() * float64(u.changes) / c.Rate * float64(time.Second))
		if at = at.Add(max(updateLeast, wait)); !at.Before(end) {
			break
		}
	}
	if err := u.out.Flush(); err != nil {
		return fmt.Errorf("gen: write updates: %w", err)
	}
	return nil
}

// peerRun is a run of one peer.
type peerRun struct{ peer, run int }

// updater writes one file. An error of out is told by Flush.
type updater struct {
	config    UpdatesConfig
	peers     []Peer
	rng       *rand.Rand
	out       *bufio.Writer
	all       []bundle
	starts    []int
	withdrawn map[peerRun]bool
	gone      []peerRun // what withdrawn holds, oldest first
	changes   int       // prefixes in the latest message
	record    []byte
}

// message writes one message (RFC 4271 4.3) of a peer.
func (u *updater) message(at time.Time) {
	what, withdraw := u.draw()
	p := u.peers[what.peer]
	b := mrtRecord(u.record[:0], at, mrtBGP4MPET, mrtMessageAS4)
	b = appendSession(b, p)
	start := len(b)
	b = append(b, bgpMarker[:]...)
	b = append(b, 0, 0, bgpUpdate)
	lengthAt := len(b)
	b = append(b, 0, 0) // withdrawn routes
	if withdraw {
		b = u.prefixes(b, what)
		binary.BigEndian.PutUint16(b[lengthAt:], uint16(len(b)-lengthAt-2))
		b = append(b, 0, 0) // attributes
	} else {
		attrsAt := len(b)
		b = append(b, 0, 0)
		of := u.all[what.run]
		of.variant += variantStride * u.rng.Uint32N(4)
		b = of.appendAttrs(b, peerRank(what.peer, u.config.Seed), p.Addr, u.config.Seed)
		binary.BigEndian.PutUint16(b[attrsAt:], uint16(len(b)-attrsAt-2))
		b = u.prefixes(b, what)
	}
	binary.BigEndian.PutUint16(b[start+bgpHeader-3:], uint16(len(b)-start))
	endRecord(b)
	u.out.Write(b)
	u.record = b
}

// draw decides what the next message is about.
func (u *updater) draw() (what peerRun, withdraw bool) {
	x := u.rng.Float64()
	if x < updateReturn && len(u.gone) > 0 {
		return u.back(), false
	}
	for {
		what = peerRun{u.rng.IntN(len(u.peers)), u.rng.IntN(len(u.all))}
		switch {
		case u.count(what) > 0 && !u.withdrawn[what]:
			if withdraw = x < updateReturn+updateWithdraw; withdraw {
				u.withdrawn[what] = true
				u.gone = append(u.gone, what)
			}
			return what, withdraw
		case len(u.gone) > 0 && u.rng.IntN(64) == 0: // a small table may be all withdrawn
			return u.back(), false
		}
	}
}

// back returns what has been withdrawn for the longest time: it is announced again.
func (u *updater) back() (what peerRun) {
	what, u.gone = u.gone[0], u.gone[1:]
	delete(u.withdrawn, what)
	return what
}

// run returns the routes of a run.
func (u *updater) run(i int) []lpm.Route {
	end := len(u.config.Routes)
	if i+1 < len(u.starts) {
		end = u.starts[i+1]
	}
	return u.config.Routes[u.starts[i]:end]
}

// count returns how many prefixes of a run its peer has.
func (u *updater) count(what peerRun) (n int) {
	for _, r := range u.run(what.run) {
		if hasPrefix(what.peer, r, u.config.Seed) {
			n++
		}
	}
	return n
}

// prefixes appends those of the run that its peer has. Runs are short: a message has room for hundreds.
func (u *updater) prefixes(b []byte, what peerRun) []byte {
	u.changes = 0
	for _, r := range u.run(what.run) {
		if hasPrefix(what.peer, r, u.config.Seed) {
			b = appendNLRI(b, r.Addr, r.Len)
			u.changes++
		}
	}
	return b
}

// bgpMarker begins every message (RFC 4271 4.1).
var bgpMarker = [16]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

// appendSession appends who speaks to whom (RFC 6396 4.4.3).
func appendSession(b []byte, p Peer) []byte {
	b = binary.BigEndian.AppendUint32(b, p.AS)
	b = binary.BigEndian.AppendUint32(b, localAS)
	b = append(b, 0, 0, 0, 1) // interface index unknown; AFI IPv4
	b = binary.BigEndian.AppendUint32(b, p.Addr)
	return binary.BigEndian.AppendUint32(b, collector)
}
