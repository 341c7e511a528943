package gen

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"vrfwd/lpm"
)

// MaxPeers is how many peers a made-up collector has at most. Real ones have 20 to some hundred.
const MaxPeers = 1000

// Peer is a router that announces its table to a collector.
type Peer struct {
	Addr uint32 // host order; also the next hop of its routes
	AS   uint32
}

// Peers returns the peers of every dump and update file with this number of peers and seed, in the order of the dump's
// peer index table: addresses from 198.18.0.1 on, the ASes large ones.
func Peers(n int, seed uint64) ([]Peer, error) {
	if n < 1 || n > MaxPeers {
		return nil, fmt.Errorf("gen: %d peers: 1 to %d are possible", n, MaxPeers)
	}
	peers := make([]Peer, n)
	for i := range peers {
		peers[i] = Peer{Addr: firstPeer + uint32(i), AS: asNumber(peerRank(i, seed))}
	}
	return peers, nil
}

// Numbers of the formats: RFC 6396 4, 4.3 and 4.4, RFC 8050 4 and 5, RFC 4271 4.
const (
	mrtTableDumpV2 = 13
	mrtBGP4MPET    = 17 // with microseconds

	mrtPeerIndexTable = 1
	mrtRIBIPv4        = 2
	mrtRIBIPv4AddPath = 8
	mrtMessageAS4     = 4

	mrtPeerAS4 = 2 // flag of a peer's type: its AS number has 4 bytes

	bgpUpdate = 2
	bgpHeader = 19 // bytes of a message's header

	firstPeer = 198<<24 | 18<<16 | 1      // RFC 2544's addresses: no table holds them
	collector = 198<<24 | 19<<16 | 255<<8 // its BGP identifier and address
	localAS   = 64511
)

// DefaultTime is when the made-up collector wrote its table: dumps depend on nothing but their configuration.
var DefaultTime = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// mrtRecord appends a record's header with no length yet; endRecord sets it.
func mrtRecord(b []byte, at time.Time, kind, subtype uint16) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(at.Unix()))
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, subtype)
	b = binary.BigEndian.AppendUint32(b, 0)
	if kind == mrtBGP4MPET {
		b = binary.BigEndian.AppendUint32(b, uint32(at.Nanosecond()/1000))
	}
	return b
}

// endRecord sets the length of the record that b is: all after the 12 bytes of the common header (RFC 6396 2 and 3).
func endRecord(b []byte) { binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12)) }

// appendNLRI appends a prefix as BGP writes it (RFC 4271 4.3): its length and the bytes that this many bits need.
func appendNLRI(b []byte, addr uint32, length uint8) []byte {
	b = append(b, length)
	for i := range (int(length) + 7) / 8 {
		b = append(b, byte(addr>>(24-8*i)))
	}
	return b
}

// Attributes of BGP (RFC 4271 4.3, RFC 1997, RFC 8092): flags and type.
const (
	attrOrigin           = 0x4001
	attrASPath           = 0x4002
	attrNextHop          = 0x4003
	attrMED              = 0x8004
	attrAtomicAggregate  = 0x4006
	attrAggregator       = 0xc007
	attrCommunities      = 0xc008
	attrLargeCommunities = 0xc020
)

// appendAttr appends an attribute of less than 256 bytes.
func appendAttr(b []byte, kind uint16, words ...uint32) []byte {
	b = binary.BigEndian.AppendUint16(b, kind)
	b = append(b, byte(4*len(words)))
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// bundle is prefixes that one AS announces alike, so that every peer has them with equal attributes.
type bundle struct {
	origin  int    // rank of the AS
	variant uint32 // which of its bundles; above: its paths at another time
}

// Parameters of the bundles.
const (
	bundleASes    = 75_000
	bundleZipf    = 0.75
	bundleRun     = 4.0
	bundleMean    = 4.0
	bundleStream  = 0xa70
	variantStride = 1 << 16 // between a bundle's variants of different times
)

// bundles gives every route its bundle, and returns the distinct runs: bundles[i] begins at route starts[i].
//
// A model, not a measurement, of what makes a full table compress: some 75,000 ASes originate IPv4 prefixes, the number
// that each has is heavy-tailed (Zipf, exponent 0.75: the largest has some thousand), its prefixes lie in runs (geometric,
// mean 4, as in AssignHops), and those that it announces alike form atoms, which all routers see with equal paths (Broido,
// claffy, "Analysis of RouteViews BGP data: policy atoms", 2001). The number of a run's atom is geometric with mean 4; it
// is fitted so that 1,000,000 routes have the 100,000 to 200,000 distinct attributes of a full table at one peer.
func bundles(routes []lpm.Route, seed uint64) (all []bundle, starts []int) {
	rng := rand.New(rand.NewPCG(seed, bundleStream))
	zipf := newZipf(bundleASes, bundleZipf)
	order := rng.Perm(bundleASes)
	for i := 0; i < len(routes); i += geometric(rng, bundleRun) {
		all = append(all, bundle{order[zipf.draw(rng)], uint32(geometric(rng, bundleMean))})
		starts = append(starts, i)
	}
	return all, starts
}

// Parameters of the paths.
const (
	topASes    = 12 // without a provider
	asFirst16  = 1000
	as16       = 22_000 // that have numbers of 16 bits
	asFirst32  = 196_608
	pathStream = 0xa5
)

// asNumber returns the number of the AS with a rank, large ones first: 16-bit numbers below AS_TRANS (RFC 6793), then
// 32-bit ones of where registries began to assign them.
func asNumber(rank int) uint32 {
	if rank < as16 {
		return uint32(asFirst16 + rank)
	}
	return uint32(asFirst32 + rank - as16)
}

// peerRank spreads peers over the largest 4,000 ASes, as collectors' peers are.
func peerRank(i int, seed uint64) int { return int(mix(seed, 0x9ee5, uint64(i))%4) + 4*i }

// provider returns one of the two providers of an AS. A provider is much larger than its customer (the square of a uniform
// number times a quarter of the rank), so that paths have 2 to 8 ASes, 5 in the mean, about as full tables' do.
func provider(rank int, choice, seed uint64) int {
	x := float64(mix(seed, pathStream, uint64(rank)<<1|choice&1)>>32) / (1 << 32)
	return int(x * x * float64(rank) / 4)
}

// appendPath appends the ASes from a peer to a bundle's origin. The path climbs from the origin to an AS without provider,
// or to one that the peer is; the bundle's variant and the peer decide about providers.
func (b bundle) appendPath(path []uint32, peer int, seed uint64) []uint32 {
	var climb [32]int
	n, rank := 0, b.origin
	for {
		climb[n] = rank
		n++
		if rank < topASes || rank == peer || n == len(climb) {
			break
		}
		choice := mix(seed, uint64(rank), uint64(peer)>>3) // neighbouring peers decide alike
		if rank == b.origin {
			choice = mix(choice, uint64(b.variant), uint64(peer))
		}
		rank = provider(rank, choice, seed)
	}
	if climb[n-1] != peer {
		path = append(path, asNumber(peer))
	}
	for n--; n >= 0; n-- {
		path = append(path, asNumber(climb[n]))
	}
	return path
}

// appendAttrs appends the attributes with which a peer has a bundle.
//
// Assumptions besides the path: 28 % of the bundles are prepended, once to three times (Marcos et al., "AS-Path Prepending:
// there is no rose without a thorn", IMC 2020: a quarter to a third of the prefixes); three of four carry communities, of
// the origin and of the peer (Streibelt et al., "BGP Communities: Even more Worms in the Routing Can", IMC 2018), 5 in the
// mean; ORIGIN is IGP for nine of ten; MED, ATOMIC_AGGREGATE with AGGREGATOR, and large communities are seldom.
func (b bundle) appendAttrs(out []byte, peer int, addr uint32, seed uint64) []byte {
	own := mix(seed, uint64(b.origin)<<32|uint64(b.variant), 0xa77)
	here := mix(own, uint64(peer), 0x9e)
	var words [64]uint32
	path := b.appendPath(words[:0], peer, seed)
	if own%100 < 28 {
		for range 1 + own>>8%3 {
			path = append(path, path[len(path)-1])
		}
	}
	out = binary.BigEndian.AppendUint16(out, attrOrigin)
	switch own >> 16 % 100 {
	case 0:
		out = append(out, 1, 1)
	case 1, 2, 3, 4, 5, 6, 7, 8, 9:
		out = append(out, 1, 2)
	default:
		out = append(out, 1, 0)
	}
	out = binary.BigEndian.AppendUint16(out, attrASPath)
	out = append(out, byte(2+4*len(path)), 2, byte(len(path))) // one AS_SEQUENCE
	for _, as := range path {
		out = binary.BigEndian.AppendUint32(out, as)
	}
	out = appendAttr(out, attrNextHop, addr)
	if here>>8%8 == 0 {
		out = appendAttr(out, attrMED, uint32(here>>16%200))
	}
	if own>>24%32 == 0 {
		out = append(out, attrAtomicAggregate>>8, attrAtomicAggregate&0xff, 0)
		out = appendAttr(out, attrAggregator, path[len(path)-1], 10<<24|uint32(b.origin))
	}
	if own>>32%4 > 0 {
		var list [16]uint32
		n := 0
		for i := uint64(0); n < len(list) && i < 2+own>>34%4; i++ {
			list[n] = path[0]&0xffff<<16 | uint32(mix(here, i, 1)%16*100)
			n++
		}
		for i := uint64(0); n < len(list) && i < own>>36%4; i++ {
			list[n] = path[len(path)-1]&0xffff<<16 | uint32(mix(own, i, 2)%1000)
			n++
		}
		out = appendAttr(out, attrCommunities, list[:n]...)
	}
	if own>>40%16 == 0 {
		out = appendAttr(out, attrLargeCommunities, path[0], uint32(own>>48), 1)
	}
	return out
}

// mix is splitmix64's finaliser over three words.
func mix(a, b, c uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 + b
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x ^= c * 0xd1342543de82ef95
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
