package slowpath

import "time"

// Limit is a token bucket: on average Rate messages a second, and Burst at once. Each kind of message has one per ingress
// interface, so that a flood in one VPN does not silence the answers to another (RFC 1812 4.3.2.8).
type Limit struct {
	Rate  int // per second; 0: none at all
	Burst int // at least 1
}

// DefaultLimit is the limit of a message that Config.Limits does not name: errors are for people and their tools, echo
// replies also for a flood ping.
func DefaultLimit(m Message) Limit {
	if m == EchoReply {
		return Limit{Rate: 20000, Burst: 2000}
	}
	return Limit{Rate: 200, Burst: 100}
}

// bucketKey names a bucket: a kind of message about packets of one ingress interface; 0: of the TUN devices.
type bucketKey struct {
	iface   uint16
	message Message
}

// bucket holds the tokens that were left at one time.
type bucket struct {
	tokens float64
	at     time.Time
}

// take takes a token, if there is one.
func (b *bucket) take(l Limit, now time.Time) bool {
	if l.Rate <= 0 {
		return false
	}
	b.tokens = min(float64(max(l.Burst, 1)), b.tokens+now.Sub(b.at).Seconds()*float64(l.Rate))
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// allow takes a token for a message about a packet of an ingress interface.
func (p *Path) allow(m Message, iface uint16) bool {
	key := bucketKey{iface, m}
	b := p.buckets[key]
	if b == nil {
		b = &bucket{tokens: float64(max(p.limits[m].Burst, 1)), at: p.now}
		p.buckets[key] = b
	}
	return b.take(p.limits[m], p.now)
}
