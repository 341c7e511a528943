package gen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"vrfwd/lpm"
	"vrfwd/packet"
)

// Traffic's own constants.
const (
	orderLen   = 1 << 20 // frames in the smallest period of a Zipf order; at least 4 times the flows
	drawTries  = 4096    // draws before a destination that the VRF has no route for counts as not to be found
	discardUDP = 9       // destination port: discard (RFC 863)
	firstUDP   = 49152   // source ports: the dynamic range (RFC 6335 6)
	pcgTraffic = 0x7ff1c // PCG stream
)

// New makes traffic. It takes some 200 ns a flow and Expect's time.
func New(c Config) (*Traffic, error) {
	if c.Flows == 0 {
		c.Flows = DefaultFlows
	}
	if len(c.Sizes) == 0 {
		c.Sizes = FixedSize(MinSize)
	}
	if c.TTL == 0 {
		c.TTL = 64
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	b := builder{
		config: &c,
		rng:    rand.New(rand.NewPCG(c.Seed, pcgTraffic)),
		global: newSpace(c.Global),
		traffic: &Traffic{
			lines:  make([][LineLen]byte, c.Flows),
			flows:  c.Flows,
			first:  c.First,
			kinds:  make([]flowKind, 0, c.Flows),
			vpn:    slices.Clone(c.VPN),
			uplink: slices.Clone(c.Uplink),
			signed: !c.Unsigned,
		},
	}
	b.sizes()
	if err := b.flows(); err != nil {
		return nil, err
	}
	b.order()
	if t := b.traffic; unpacks && t.order == nil {
		t.form, t.packed = pack(t.lines)
	}
	return b.traffic, nil
}

// builder makes one Traffic.
type builder struct {
	config  *Config
	rng     *rand.Rand
	global  *space
	turn    int // Each: the next prefix
	traffic *Traffic
}

func (b *builder) sizes() {
	t, sizes := b.traffic, b.config.Sizes
	smallest := slices.MinFunc(sizes, func(a, b Size) int { return a.Bytes - b.Bytes }).Bytes
	for _, s := range sizes {
		t.sizes = append(t.sizes, resize{length: uint16(s.Bytes - fcs), more: uint16(s.Bytes - smallest)})
	}
	if len(sizes) > 1 {
		t.pattern = pattern(sizes, b.rng)
	}
}

// flows decides every flow's class and ingress, shuffles them, and writes their lines.
func (b *builder) flows() error {
	c, t := b.config, b.traffic
	inbound := share(c.Flows, c.Inbound)
	internet := share(c.Flows-inbound, c.Fallback)
	counts := [classes]int{Local: c.Flows - inbound - internet, Internet: internet, Inbound: inbound}

	// Circuits whose VRF is empty send to the Internet only; the others make up for it, to keep the share.
	all, routed := make([]int, len(c.VPN)), []int(nil)
	for i := range c.VPN {
		if all[i] = i; len(c.VPN[i].Routes) > 0 {
			routed = append(routed, i)
		}
	}
	if counts[Local] > 0 && len(routed) == 0 {
		return errors.New("gen: no VPN ingress has Routes: only traffic with fallback share 1 is possible")
	}
	var reachable []int
	for i := range c.Uplink {
		if len(c.Uplink[i].Routes) > 0 {
			reachable = append(reachable, i)
		}
	}
	if counts[Inbound] > 0 && len(reachable) == 0 {
		return errors.New("gen: no uplink ingress has Routes: nothing is reachable from the Internet")
	}
	if (counts[Internet] > 0 && c.Keys != Uniform || counts[Inbound] > 0) && len(c.Global) == 0 {
		return errors.New("gen: Internet traffic needs the global table")
	}
	ranks := b.rng.Perm(len(c.VPN))
	b.spread(Local, counts[Local], routed, ranks)
	b.spread(Internet, counts[Internet], all, ranks)
	b.spread(Inbound, counts[Inbound], reachable, b.rng.Perm(len(c.Uplink)))
	b.rng.Shuffle(len(t.kinds), func(i, j int) { t.kinds[i], t.kinds[j] = t.kinds[j], t.kinds[i] })

	vpn, uplink := places(c.VPN), places(c.Uplink)
	for i, k := range t.kinds {
		in, at := &t.vpn, &vpn
		if k.class == Inbound {
			in, at = &t.uplink, &uplink
		}
		if err := b.flow(uint32(i), k.class, &(*in)[k.ingress], &(*at)[k.ingress]); err != nil {
			return err
		}
	}
	return nil
}

// share is x of n, rounded, but something where x is.
func share(n int, x float64) int {
	if x > 0 && x < 1 {
		return min(max(int(math.Round(x*float64(n))), 1), max(n-1, 0))
	}
	return int(x) * n
}

// spread appends n flows of a class, over the ingresses by weight, cumulatively rounded. ranks[i] is ingress i's rank.
func (b *builder) spread(class Class, n int, ingresses, ranks []int) {
	sum := 0.0
	weight := func(i int) float64 { return math.Pow(float64(ranks[i]+1), -b.config.VRFZipf) }
	for _, i := range ingresses {
		sum += weight(i)
	}
	// By rank, so that where there are fewer flows than ingresses no stretch of them is left out.
	ingresses = slices.Clone(ingresses)
	slices.SortFunc(ingresses, func(i, j int) int { return ranks[i] - ranks[j] })
	seen, given := 0.0, 0
	for at, i := range ingresses {
		seen += weight(i)
		upTo := int(math.Round(seen / sum * float64(n)))
		if at == len(ingresses)-1 {
			upTo = n
		}
		for ; given < upTo; given++ {
			b.traffic.kinds = append(b.traffic.kinds, flowKind{class, uint32(i)})
		}
	}
}

// place is where an ingress' addresses lie.
type place struct {
	routes *space      // destinations
	hosts  []lpm.Route // sources; empty: the global table
}

func places(ingresses []Ingress) []place {
	at := make([]place, len(ingresses))
	for i := range ingresses {
		in := &ingresses[i]
		at[i] = place{routes: newSpace(in.Routes), hosts: in.Hosts}
	}
	return at
}

// flow writes one flow's line.
func (b *builder) flow(i uint32, class Class, in *Ingress, at *place) error {
	dst, err := b.destination(class, in, at)
	if err != nil {
		return err
	}
	src := b.source(class, in, at)
	var egress, context uint16
	if !b.config.Unsigned {
		egress, context = b.config.Expect(in, dst)
	}
	line := &b.traffic.lines[i]
	frame := line[:portAt]
	eth := packet.Ethernet(frame)
	eth.SetDst(in.DstMAC)
	eth.SetSrc(in.SrcMAC)
	ip := frame[packet.EthernetLen:]
	if in.VLAN != 0 {
		eth.SetEtherType(packet.EtherTypeVLAN)
		binary.BigEndian.PutUint16(ip, in.VLAN)
		binary.BigEndian.PutUint16(ip[2:], packet.EtherTypeIPv4)
		ip = ip[packet.TagLen:]
	} else {
		eth.SetEtherType(packet.EtherTypeIPv4)
	}
	smallest := slices.MinFunc(b.config.Sizes, func(a, b Size) int { return a.Bytes - b.Bytes }).Bytes
	total := smallest - fcs - (portAt - len(ip))

	h := packet.IPv4(ip)
	h.SetHeaderLen(packet.IPv4HeaderLen)
	h.SetTotalLen(total)
	h.SetFragment(packet.FlagDF)
	h.SetTTL(b.config.TTL)
	h.SetProtocol(packet.ProtoUDP)
	h.SetSrc(src)
	h.SetDst(dst)
	h.SetChecksum()

	u := packet.UDP(ip[packet.IPv4HeaderLen:])
	u.SetSrcPort(uint16(firstUDP + b.rng.IntN(1<<16-firstUDP)))
	u.SetDstPort(discardUDP)
	u.SetLen(total - packet.IPv4HeaderLen)

	at14 := portAt - len(ip) + packet.IPv4HeaderLen + packet.UDPHeaderLen
	if !b.config.Unsigned {
		Signature{Flow: b.traffic.first + i, Context: context, Egress: egress}.Put(frame[at14:])
	}
	binary.LittleEndian.PutUint16(line[portAt:], in.Port)
	line[seqOff] = uint8(at14 + seqAt)
	return nil
}

// destination draws where a flow goes.
func (b *builder) destination(class Class, in *Ingress, at *place) (uint32, error) {
	c := b.config
	for range drawTries {
		var dst uint32
		switch {
		case class != Internet && (c.Keys == Routed || c.Keys == Each):
			dst = host(in.Routes, b.rng)
		case class != Internet:
			dst = at.routes.draw(b.rng)
		case c.Keys == Routed:
			dst = host(c.Global, b.rng)
		case c.Keys == Covered:
			dst = b.global.draw(b.rng)
		case c.Keys == Each:
			dst = host(c.Global[b.turn%len(c.Global):][:1], b.rng)
			b.turn++
		default:
			if dst = b.rng.Uint32(); !routable(lpm.Route{Addr: dst, Len: 32}) {
				continue
			}
		}
		if unicast(dst) && (class != Internet || !at.routes.holds(dst)) {
			return dst, nil
		}
	}
	return 0, fmt.Errorf("gen: %v traffic of port %d, VLAN %d (table %d): no such destination in %d draws; "+
		"are all its addresses covered by Routes, or not unicast?", class, in.Port, in.VLAN, in.Table, drawTries)
}

// source draws where a flow comes from.
func (b *builder) source(class Class, in *Ingress, at *place) uint32 {
	if at.hosts == nil && class != Inbound {
		for _, r := range in.Routes {
			if private(r) {
				at.hosts = append(at.hosts, r)
			}
		}
		if at.hosts == nil {
			at.hosts = in.Routes
		}
	}
	hosts := at.hosts
	if len(hosts) == 0 {
		hosts = b.config.Global
	}
	for range drawTries {
		if len(hosts) == 0 {
			break
		}
		if src := host(hosts, b.rng); unicast(src) {
			return src
		}
	}
	return 10<<24 | b.rng.Uint32()>>8 // nothing is known of the place: RFC 1918
}

// order makes the Zipf order: the classes keep their shares of frames, and within each the flows are Zipf distributed.
func (b *builder) order() {
	c, t := b.config, b.traffic
	if c.FlowZipf == 0 {
		return
	}
	n := orderLen
	for n < 4*c.Flows {
		n *= 2
	}
	var members [classes][]uint32
	for i, k := range t.kinds {
		members[k.class] = append(members[k.class], uint32(i))
	}
	t.order, t.next = make([]uint32, 0, n), make([]uint32, c.Flows)
	seen := 0
	for _, flows := range members {
		if len(flows) == 0 {
			continue
		}
		z := newZipf(len(flows), c.FlowZipf)
		seen += len(flows)
		for len(t.order) < seen*n/c.Flows {
			t.order = append(t.order, flows[z.draw(b.rng)])
		}
	}
	b.rng.Shuffle(n, func(i, j int) { t.order[i], t.order[j] = t.order[j], t.order[i] })
}
