package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vrfwd/packet"
)

// verifier compares every frame that comes out with the one that the model makes of what was sent in: gopacket decodes
// the frame sent, the model says where to, gopacket serialises the frame expected.
//
// It belongs to the thread that generates and collects.
type verifier struct {
	model  *model
	arena  *packet.Arena
	inputs []input // by slot of the arena
	churn  bool    // a next hop may be replaced by its twin
	wrong  uint64
	first  []string // what was wrong with the first ones
}

// input is a frame as it was sent in.
type input struct {
	port  uint16
	frame []byte
}

const complaints = 10

func newVerifier(m *model, a *packet.Arena) *verifier {
	return &verifier{model: m, arena: a, inputs: make([]input, a.Frames())}
}

func (v *verifier) reset(churn bool) { v.churn, v.wrong, v.first = churn, 0, nil }

// save keeps copies of frames that are about to be sent in.
func (v *verifier) save(d []packet.Desc) {
	for i := range d {
		in := &v.inputs[v.arena.Slot(d[i])]
		in.port, in.frame = d[i].Port, append(in.frame[:0], v.arena.Frame(d[i])...)
	}
}

// sent judges a frame that came out.
func (v *verifier) sent(d *packet.Desc, got []byte) {
	in := v.take(d)
	if in == nil {
		return
	}
	at, ip, err := v.route(in)
	switch {
	case err != nil:
		v.complain("port %d: %v: %x", in.port, err, in.frame)
		return
	case at == nil || at.outcome != forwarded:
		v.complain("port %d: a frame to %v came out of port %d, though it has no way: %x", in.port, ip.DstIP, d.Port, in.frame)
		return
	}
	want, err := output(at, ip)
	if err == nil && v.churn && at.twin != 0 && !bytes.Equal(got, want) {
		want, err = output(&v.model.places[at.twin], ip)
	}
	switch {
	case err != nil:
		v.complain("port %d: %v: %x", in.port, err, in.frame)
	case d.Port != at.circuit.port || !bytes.Equal(got, want):
		v.complain("a frame from port %d to %v came out of port %d as\n%x, expected was port %d and\n%x", in.port, ip.DstIP,
			d.Port, got, at.circuit.port, want)
	}
	in.frame = in.frame[:0]
}

// kept judges a frame that came back without having come out.
func (v *verifier) kept(d *packet.Desc) {
	in := v.take(d)
	if in == nil {
		return
	}
	if at, ip, err := v.route(in); err != nil || at != nil && at.outcome == forwarded {
		v.complain("a frame from port %d to %v was not forwarded: %x", in.port, ip.DstIP, in.frame)
	}
	in.frame = in.frame[:0]
}

// take returns what was sent in the slot of a descriptor; nil, and a complaint, where nothing was.
func (v *verifier) take(d *packet.Desc) *input {
	slot := v.arena.Slot(*d)
	if slot < 0 || len(v.inputs[slot].frame) == 0 {
		v.complain("port %d gave a frame that was not sent in, or twice: %+v", d.Port, *d)
		return nil
	}
	return &v.inputs[slot]
}

// punted judges a frame that the slow path has: it must be for the router, or have no way.
func (v *verifier) punted(port uint16, frame []byte) {
	in := &input{port: port, frame: frame}
	if at, _, err := v.route(in); err != nil || at != nil && at.outcome == forwarded {
		v.complain("a frame from port %d was punted: %x", port, frame)
	}
}

func (v *verifier) complain(format string, args ...any) {
	v.wrong++
	if len(v.first) < complaints {
		v.first = append(v.first, fmt.Sprintf(format, args...))
	}
}

// route decodes a frame sent in, and asks the model.
func (v *verifier) route(in *input) (*place, *layers.IPv4, error) {
	p := gopacket.NewPacket(in.frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	from := circuit{port: in.port}
	if tag, ok := p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q); ok {
		from.vlan = tag.VLANIdentifier
	}
	ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if !ok {
		return nil, &layers.IPv4{}, errors.New("the generator made a frame without IPv4")
	}
	return v.model.lookup(from, binary.BigEndian.Uint32(ip.DstIP.To4())), ip, nil
}

// output makes the frame that a packet leaves in: the neighbour's and the port's address, the VLAN, one TTL less, the
// checksum anew, padded to the shortest frame.
func output(at *place, in *layers.IPv4) ([]byte, error) {
	ip := *in
	ip.TTL--
	eth := &layers.Ethernet{SrcMAC: at.src[:], DstMAC: at.dst[:], EthernetType: layers.EthernetTypeIPv4}
	stack := []gopacket.SerializableLayer{eth, &ip, gopacket.Payload(in.Payload)}
	if at.circuit.vlan != 0 {
		eth.EthernetType = layers.EthernetTypeDot1Q
		stack = []gopacket.SerializableLayer{eth,
			&layers.Dot1Q{VLANIdentifier: at.circuit.vlan, Type: layers.EthernetTypeIPv4}, &ip, gopacket.Payload(in.Payload)}
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{ComputeChecksums: true}, stack...); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
