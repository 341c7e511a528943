package bgp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	wire "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"vrfwd/vrftable"
)

// The oracle of coding is gobgp's codec: random updates made by its constructors are decoded by it and by the decoder, and
// what the encoder makes is decoded by it.

// updates makes random updates.
type updates struct {
	*rand.Rand
	fourAS, internal bool
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (r *updates) addr() netip.Addr {
	return netip.AddrFrom4([4]byte{byte(1 + r.IntN(99)), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
}

func (r *updates) prefixes() (all []netip.Prefix) {
	for range r.IntN(5) {
		all = append(all, netip.PrefixFrom(r.addr(), r.IntN(33)).Masked())
	}
	return all
}

// as is an AS, one in three of 4 octets.
func (r *updates) as() uint32 {
	if r.IntN(3) == 0 {
		return 1<<16 + r.Uint32N(1<<20)
	}
	return 1 + r.Uint32N(64000)
}

func (r *updates) path() (path []uint32) {
	n := r.IntN(6)
	if r.IntN(20) == 0 {
		n = 250 + r.IntN(20)
	}
	for range n {
		path = append(path, r.as())
	}
	return path
}

func nlri(prefixes []netip.Prefix) (all []wire.PathNLRI) {
	for _, p := range prefixes {
		all = append(all, wire.PathNLRI{NLRI: must(wire.NewIPAddrPrefix(p))})
	}
	return all
}

// attrs makes attributes, without faults.
func (r *updates) attrs() []wire.PathAttributeInterface {
	all := []wire.PathAttributeInterface{wire.NewPathAttributeOrigin(uint8(r.IntN(3))), must(wire.NewPathAttributeNextHop(r.addr()))}
	path := r.path()
	var four []*wire.As4PathParam
	var segments []wire.AsPathParamInterface
	for part := range slices.Chunk(path, 255) {
		two := make([]uint16, len(part))
		for i, as := range part {
			two[i] = narrow(as)
		}
		four = append(four, wire.NewAs4PathParam(wire.BGP_ASPATH_ATTR_TYPE_SEQ, part))
		if r.fourAS {
			segments = append(segments, four[len(four)-1])
		} else {
			segments = append(segments, wire.NewAsPathParam(wire.BGP_ASPATH_ATTR_TYPE_SEQ, two))
		}
	}
	all = append(all, wire.NewPathAttributeAsPath(segments))
	if len(path) > 0 && r.IntN(2) == 0 {
		all = append(all, wire.NewPathAttributeAs4Path(four))
	}
	if r.IntN(2) == 0 {
		as := r.as()
		if r.fourAS {
			all = append(all, must(wire.NewPathAttributeAggregator(as, r.addr())))
		} else {
			all = append(all, must(wire.NewPathAttributeAggregator(narrow(as), r.addr())))
		}
		if r.IntN(2) == 0 {
			all = append(all, must(wire.NewPathAttributeAs4Aggregator(as, r.addr())))
		}
	}
	communities := make([]uint32, 1+r.IntN(80))
	for i := range communities {
		communities[i] = r.Uint32()
	}
	unknown := make([]byte, r.IntN(300))
	for _, a := range []wire.PathAttributeInterface{
		wire.NewPathAttributeMultiExitDisc(r.Uint32()), wire.NewPathAttributeLocalPref(1 + r.Uint32N(1000)),
		wire.NewPathAttributeAtomicAggregate(), wire.NewPathAttributeCommunities(communities),
		must(wire.NewPathAttributeOriginatorId(r.addr())), must(wire.NewPathAttributeClusterList([]netip.Addr{r.addr()})),
		wire.NewPathAttributeExtendedCommunities([]wire.ExtendedCommunityInterface{
			wire.NewTwoOctetAsSpecificExtended(wire.EC_SUBTYPE_ROUTE_TARGET, 1, r.Uint32(), true)}),
		wire.NewPathAttributeLargeCommunities([]*wire.LargeCommunity{wire.NewLargeCommunity(1, 2, r.Uint32())}),
		wire.NewPathAttributeUnknown(wire.BGP_ATTR_FLAG_OPTIONAL|wire.BGP_ATTR_FLAG_TRANSITIVE, 200, unknown),
		wire.NewPathAttributeUnknown(wire.BGP_ATTR_FLAG_OPTIONAL, 201, unknown),
	} {
		if r.IntN(2) == 0 {
			all = append(all, a)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// naive makes of what the codec has decoded what the decoder is to make of it.
func naive(m *wire.BGPUpdate, r *updates) (a vrftable.Attributes, other []string) {
	var as4 []uint32
	var aggregator, aggregator4 *wire.PathAttributeAggregatorParam
	partial := false
	for _, p := range m.PathAttributes {
		switch p := p.(type) {
		case *wire.PathAttributeOrigin:
			a.Origin = vrftable.Origin(p.Value)
		case *wire.PathAttributeAsPath:
			for _, s := range p.Value {
				a.ASPath = append(a.ASPath, s.GetAS()...)
			}
		case *wire.PathAttributeAs4Path:
			for _, s := range p.Value {
				as4 = append(as4, s.AS...)
			}
		case *wire.PathAttributeNextHop:
			a.NextHop = p.Value
		case *wire.PathAttributeMultiExitDisc:
			a.MED = p.Value
		case *wire.PathAttributeLocalPref:
			if r.internal {
				a.LocalPref = p.Value
			}
		case *wire.PathAttributeCommunities:
			for _, c := range p.Value {
				a.Communities = append(a.Communities, vrftable.Community(c))
			}
		case *wire.PathAttributeAggregator:
			aggregator, partial = &p.Value, p.Flags&wire.BGP_ATTR_FLAG_PARTIAL != 0
		case *wire.PathAttributeAs4Aggregator:
			aggregator4 = &p.Value
		case *wire.PathAttributeUnknown:
			if p.Flags&wire.BGP_ATTR_FLAG_TRANSITIVE != 0 {
				p.Flags |= wire.BGP_ATTR_FLAG_PARTIAL
				other = append(other, describe(p))
			}
		case *wire.PathAttributeAtomicAggregate, *wire.PathAttributeExtendedCommunities, *wire.PathAttributeLargeCommunities:
			other = append(other, describe(p))
		}
	}
	if !r.fourAS {
		if aggregator != nil && aggregator4 != nil {
			if aggregator.AS == wire.AS_TRANS {
				aggregator = aggregator4
			} else {
				as4 = nil
			}
		}
		if len(as4) <= len(a.ASPath) {
			copy(a.ASPath[len(a.ASPath)-len(as4):], as4)
		}
	}
	if aggregator != nil {
		p := must(wire.NewPathAttributeAggregator(aggregator.AS, aggregator.Address))
		if partial {
			p.Flags |= wire.BGP_ATTR_FLAG_PARTIAL
		}
		other = append(other, describe(p))
	}
	slices.Sort(other)
	return a, other
}

func describe(p wire.PathAttributeInterface) string {
	return fmt.Sprintf("%x", must(p.Serialize()))
}

// others describes encoded attributes.
func others(code string) (all []string) {
	for b := []byte(code); len(b) > 0; {
		a, rest, ok := cutAttribute(b)
		if !ok {
			return []string{"cannot be cut"}
		}
		all, b = append(all, fmt.Sprintf("%x", a.raw)), rest
	}
	slices.Sort(all)
	return all
}

func sameAttributes(a, b *vrftable.Attributes) bool {
	return a.NextHop == b.NextHop && slices.Equal(a.ASPath, b.ASPath) && slices.Equal(a.Communities, b.Communities) &&
		a.LocalPref == b.LocalPref && a.MED == b.MED && a.Origin == b.Origin && slices.Equal(others(a.Other), others(b.Other))
}

// testDecoder decodes what AS 64501, or AS 64500 itself, tells AS 64500.
func testDecoder(fourAS, internal bool) *decoder {
	o := &peerOpen{as: 64501, fourAS: fourAS}
	if internal {
		o.as = 64500
	}
	return newDecoder(&Config{AS: 64500, RouterID: own}, &Neighbor{Local: own}, o)
}

func TestDecoderAgainstCodec(t *testing.T) {
	for seed := range uint64(4000) {
		r := &updates{rand.New(rand.NewPCG(seed, 3)), seed&1 == 0, seed&2 == 0}
		withdrawn, announced := r.prefixes(), r.prefixes()
		option := &wire.MarshallingOption{Use2ByteAS: !r.fourAS}
		message := must(wire.NewBGPUpdateMessage(nlri(withdrawn), r.attrs(), nlri(announced)).Serialize(option))
		if len(message) > maxLen {
			continue
		}
		body := message[headerLen:]
		var m wire.BGPUpdate
		if err := m.DecodeFromBytes(body, option); err != nil {
			t.Fatalf("seed %d: the codec: %v", seed, err)
		}
		d := testDecoder(r.fourAS, r.internal)
		for range 2 { // the second time from the cache
			u, err := d.decode(body)
			if err != nil || u.malformed != "" {
				t.Fatalf("seed %d: %v, malformed: %s", seed, err, u.malformed)
			}
			if !slices.Equal(u.withdrawn, withdrawn) || !slices.Equal(u.announced, announced) {
				t.Fatalf("seed %d: withdrawn %v announced %v, want %v %v", seed, u.withdrawn, u.announced, withdrawn, announced)
			}
			if len(announced) == 0 {
				continue
			}
			want, other := naive(&m, r)
			got := *u.attrs
			if !slices.Equal(others(got.Other), other) {
				t.Fatalf("seed %d: other attributes %v, want %v", seed, others(got.Other), other)
			}
			if got.Other, want.Other = "", ""; !sameAttributes(&got, &want) {
				t.Fatalf("seed %d: %+v, want %+v", seed, got, want)
			}
			if looped := slices.Contains(want.ASPath, 64500); (u.refused != "") != looped {
				t.Fatalf("seed %d: path %v: refused %q", seed, want.ASPath, u.refused)
			}
		}
	}
}

// TestEncoderAgainstCodec: what the rules encode is valid for the codec and says what the attributes say.
func TestEncoderAgainstCodec(t *testing.T) {
	for seed := range uint64(2000) {
		r := &updates{rand.New(rand.NewPCG(seed, 5)), seed&1 == 0, seed&2 == 0}
		a := vrftable.Attributes{NextHop: r.addr(), ASPath: r.path(), Origin: vrftable.Origin(r.IntN(3)), MED: r.Uint32N(2) * 7,
			LocalPref: r.Uint32N(3) * 100}
		for range r.IntN(100) {
			a.Communities = append(a.Communities, vrftable.Community(r.Uint32()))
		}
		as, by := r.as(), r.addr()
		if r.IntN(2) == 0 {
			a.Other = aggregator(&Config{AS: as, RouterID: by})
		}
		unknown := wire.NewPathAttributeUnknown(wire.BGP_ATTR_FLAG_OPTIONAL|wire.BGP_ATTR_FLAG_TRANSITIVE|wire.BGP_ATTR_FLAG_PARTIAL,
			200, make([]byte, r.IntN(300)))
		a.Other += string(must(unknown.Serialize()))
		rules := &rules{c: &Config{AS: 64500}, n: &Neighbor{Addr: other}, internal: r.internal, fourAS: r.fourAS, self: own}
		code := rules.encode(&a, &ruleKey{})
		message, left := appendUpdate(nil, code, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
		if len(left) > 0 {
			t.Fatalf("seed %d: a prefix is left", seed)
		}
		var m wire.BGPUpdate
		option := &wire.MarshallingOption{Use2ByteAS: !r.fourAS}
		if err := m.DecodeFromBytes(message[headerLen:], option); err != nil {
			t.Fatalf("seed %d: the codec: %v", seed, err)
		}
		kinds := []wire.BGPAttrType{}
		for _, p := range m.PathAttributes {
			kinds = append(kinds, p.GetType())
		}
		if !slices.IsSorted(kinds) {
			t.Fatalf("seed %d: attributes in the order %v", seed, kinds)
		}
		if ok, err := wire.ValidateUpdateMsg(&m, map[wire.Family]wire.BGPAddPathMode{wire.RF_IPv4_UC: 0}, !r.internal, false, false); !ok {
			t.Fatalf("seed %d: the codec: %v", seed, err)
		}
		want := a
		want.NextHop = own
		if r.internal {
			if want.LocalPref == 0 {
				want.LocalPref = 100
			}
		} else {
			want.ASPath = append([]uint32{64500}, a.ASPath...)
			want.LocalPref = 0
		}
		got, other := naive(&m, r)
		if wanted := others(a.Other); !slices.Equal(other, wanted) {
			t.Fatalf("seed %d: other attributes %v, want %v", seed, other, wanted)
		}
		if want.Other = ""; !sameAttributes(&got, &want) {
			t.Fatalf("seed %d: %+v, want %+v", seed, got, want)
		}
	}
}
