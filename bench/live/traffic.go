package live

import (
	"vrfwd/gen"
	"vrfwd/packet"
)

// Numbers that a gen.Checker knows places by: circuit i is egress i+1, VRF i is context i+1.
const (
	nowhere  = 0      // discarded
	unlisted = 0xffff // a port and VLAN that is no circuit
)

func egressOf(circuit int) uint16 { return uint16(circuit + 1) }

func (s *Spec) contextOf(circuit int) uint16 { return uint16(s.Circuits[circuit].VRF + 1) }

// macs are the layer 2 addresses of a circuit.
type macs struct{ own, gateway packet.MAC }

// traffics makes the streams' traffic, the same in every process that has the same Spec, but for the MACs, by circuit.
// A process that only receives may give zeros: nobody looks at them.
func (s *Spec) traffics(macs []macs) ([]*gen.Traffic, error) {
	all := make([]*gen.Traffic, len(s.Streams))
	for i := range s.Streams {
		t, err := s.traffic(i, macs)
		if err != nil {
			return nil, unfit("stream %s: %v", s.Streams[i].Name, err)
		}
		all[i] = t
	}
	return all, nil
}

func (s *Spec) traffic(number int, macs []macs) (*gen.Traffic, error) {
	stream := &s.Streams[number]
	c := gen.Config{
		Fallback: 1, // all flows' destinations are drawn from one set, that of the stream
		Global:   stream.Destination.Routes,
		Flows:    stream.Flows,
		First:    stream.First,
		Keys:     stream.Keys,
		Sizes:    stream.Sizes,
		TTL:      stream.TTL,
		Seed:     s.Seed + uint64(number)<<32,
	}
	index := map[[2]uint16]int{}
	for i, at := range stream.From {
		from := &s.Circuits[at]
		in := gen.Ingress{Port: uint16(from.Port), VLAN: from.VLAN, SrcMAC: macs[at].own, DstMAC: macs[at].gateway, Hosts: stream.Source.Routes}
		index[[2]uint16{in.Port, in.VLAN}] = i
		c.VPN = append(c.VPN, in)
	}
	c.Expect = func(in *gen.Ingress, dst uint32) (egress, context uint16) {
		i := index[[2]uint16{in.Port, in.VLAN}]
		to := stream.To[i]
		for _, x := range stream.Except {
			if x.Destination.Holds(dst) {
				to = x.To[i]
				break
			}
		}
		if to == Discard { // should it come out, it is a leak where that is not its own VRF
			return nowhere, s.contextOf(stream.From[i])
		}
		return egressOf(to), s.contextOf(to)
	}
	return gen.New(c)
}
