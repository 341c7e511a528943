package bench

import (
	"fmt"
	"math"

	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/packet"
)

// source is what enters through one port: its traffics, and how many frames of each are in one burst.
type source struct {
	port  uint16
	share float64 // of the lane's frames
	parts []part
	burst int // frames a pass: the port's share of what enters through the port with most
}

type part struct {
	traffic *gen.Traffic
	n       int
}

// fill makes frames in the slots that d names.
func (s *source) fill(a *packet.Arena, d []packet.Desc) {
	s.each(d, func(t *gen.Traffic, d []packet.Desc) { t.Fill(a, d) })
}

// fillSlots makes frames in slots that follow each other.
func (s *source) fillSlots(a *packet.Arena, first int, d []packet.Desc) {
	s.each(d, func(t *gen.Traffic, d []packet.Desc) {
		t.FillSlots(a, first, d)
		first += len(d)
	})
}

// each gives every part its descriptors of a burst.
func (s *source) each(d []packet.Desc, fill func(*gen.Traffic, []packet.Desc)) {
	for i := range s.parts {
		n := min(s.parts[i].n, len(d))
		if i == len(s.parts)-1 {
			n = len(d)
		}
		fill(s.parts[i].traffic, d[:n])
		d = d[n:]
	}
}

// ahead returns where the lines of the next frames lie, and how far apart; 0 where no one place has them.
func (s *source) ahead() (line, step uintptr) {
	if len(s.parts) > 1 {
		return 0, 0
	}
	return s.parts[0].traffic.Ahead()
}

// group is traffic to be made: what enters through one port for one purpose.
type group struct {
	port   uint16
	weight float64 // its share of all frames
	config gen.Config
}

// session is the share of BGP packets from the CEs, where there are sessions: far more than real ones send, few enough
// not to be what is measured.
const session = 1.0 / 64

// groups says what enters where.
func (s *Scenario) groups(l *Load) (groups []group) {
	p := s.plan
	add := func(port uint16, weight float64, c gen.Config) {
		if weight > 0 {
			groups = append(groups, group{port, weight, c})
		}
	}
	vpn := func(c int, at circuit) gen.Ingress {
		return gen.Ingress{Port: at.port, VLAN: at.vlan, Table: uint16(1 + c), SrcMAC: ceMAC(c), DstMAC: portMAC(at.port)}
	}
	for trunk := range p.trunks() {
		from, to := trunk*trunkCustomers, min((trunk+1)*trunkCustomers, p.customers)
		part := float64(to-from) / float64(p.customers)
		var first, second, peers []gen.Ingress
		for c := from; c < to; c++ {
			in := vpn(c, p.first(c))
			in.Routes = s.own[c]
			first = append(first, in)
			addr, bits := p.public(c)
			in = vpn(c, p.second(c))
			in.Hosts = []lpm.Route{{Addr: addr, Len: uint8(bits), Hop: 1}}
			second = append(second, in)
			in = vpn(c, p.first(c))
			in.Routes = []lpm.Route{{Addr: loopback, Len: 32, Hop: 1}}
			in.Hosts = []lpm.Route{{Addr: ceLoopback(c), Len: 32, Hop: 1}}
			peers = append(peers, in)
		}
		port, out := p.first(from).port, (1-l.Inbound)*part
		if s.Network.Method == TwoCircuits {
			add(port, out*(1-l.Fallback), gen.Config{VPN: first})
			add(port, out*l.Fallback, gen.Config{VPN: second, Fallback: 1})
		} else {
			add(port, out, gen.Config{VPN: first, Fallback: l.Fallback})
		}
		if s.Network.Return == BGPCE {
			add(port, session*part, gen.Config{VPN: peers})
		}
	}
	var public []lpm.Route
	for c := range p.customers {
		addr, bits := p.public(c)
		public = append(public, lpm.Route{Addr: addr, Len: uint8(bits), Hop: 1})
	}
	for u := range p.uplinks {
		// Behind an uplink is the neighbour whose next hop is the first there; with fewer next hops than uplinks, any.
		in := gen.Ingress{Port: uint16(u), SrcMAC: nextHopMAC(u), DstMAC: portMAC(uint16(u)), Routes: public}
		add(uint16(u), l.Inbound/float64(p.uplinks), gen.Config{Uplink: []gen.Ingress{in}, Inbound: 1})
	}
	return groups
}

// sources makes the traffic of one worker. Its flows have numbers from base on.
func (s *Scenario) sources(l *Load, base uint32, seed uint64) (sources []source, all []*gen.Traffic, err error) {
	groups := s.groups(l)
	total := 0.0
	for _, g := range groups {
		total += g.weight
	}
	byPort := map[uint16]float64{}
	most := 0.0
	for _, g := range groups {
		byPort[g.port] += g.weight
		most = max(most, byPort[g.port])
	}
	global := s.global
	if s.chosen != nil {
		global = s.chosen
	}
	first := base
	for i, g := range groups {
		c := g.config
		c.Global, c.Sizes, c.First, c.Seed = global, l.Sizes, first, seed+uint64(i)<<32
		c.Flows = max(1, int(math.Round(float64(l.Flows)*g.weight/total)))
		switch l.Keys {
		case Uniform:
			c.Keys = gen.Uniform
		case Covered:
			c.Keys = gen.Covered
		case Zipf:
			c.FlowZipf = 1
		}
		c.Expect = func(in *gen.Ingress, dst uint32) (egress, context uint16) {
			return s.model.expect(circuit{in.Port, in.VLAN}, dst)
		}
		t, err := gen.New(c)
		if err != nil {
			return nil, nil, fmt.Errorf("bench: %w", err)
		}
		first += uint32(c.Flows)
		all = append(all, t)
		at := -1
		for j := range sources {
			if sources[j].port == g.port {
				at = j
			}
		}
		if at < 0 {
			sources, at = append(sources, source{port: g.port, share: byPort[g.port] / total, burst: frames(l.Burst, byPort[g.port]/most)}), len(sources)
		}
		sources[at].parts = append(sources[at].parts, part{t, frames(sources[at].burst, g.weight/byPort[g.port])})
	}
	return sources, all, nil
}

// frames is a share of n, at least 1.
func frames(n int, share float64) int { return max(1, int(math.Round(float64(n)*share))) }
