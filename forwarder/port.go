package forwarder

import (
	"encoding/binary"

	"vrfwd/packet"
)

// Port is one queue of a device that moves Ethernet frames. One worker owns it and calls it from one thread at a
// time; no method blocks or retains its argument slice. Everything is in bursts, so that dynamic dispatch is paid
// once per burst.
//
// A frame may be written to by its owner: its Len bytes, and Reserve bytes before its Off, which therefore is at
// least Reserve. Off may have moved by up to Reserve bytes, either way, and Len may have changed when a frame is sent
// or freed; the frame is the one whose memory holds Off.
type Port interface {
	// Arena is the memory that received descriptors point into. It is the same for the port's whole life.
	Arena() *packet.Arena

	// RxBurst receives up to len(d) frames into d[:n]. The caller owns d[:n] until it sends or frees them.
	RxBurst(d []packet.Desc) (n int)

	// TxBurst sends the first n frames of d, which lie in from; d[n:] was not taken, for lack of room. Where from is
	// Arena() the port becomes the owner of d[:n]; otherwise it has copied them, and the caller owns them still. A
	// frame shorter than MinFrame is padded with zeros to what the medium needs: the port knows what room there is.
	TxBurst(from *packet.Arena, d []packet.Desc) (n int)

	// Free gives back frames that RxBurst returned: dropped, punted or copied. All are taken.
	Free(d []packet.Desc)
}

// Reserve is the number of bytes before a received frame that the worker may write to: layer 2 headers grow into it
// (by 8 bytes at most) and are written by stores of whole words.
const Reserve = 16

// MinFrame is the smallest Ethernet frame in bytes, without FCS (IEEE 802.3 3.2.7: 64 bytes with it).
const MinFrame = 60

// MaxPorts is the number of ports that a worker can have; port numbers are below it.
const MaxPorts = 256

// Pad lengthens the frames of d that are shorter than MinFrame by zeros, in place; never by what their memory held
// before, which may be another customer's. Their slots in a must have room for MinFrame bytes from Off.
func Pad(a *packet.Arena, d []packet.Desc) {
	const word = 8 // most frames lack a few bytes: that is one word, without a call
	mem := a.Bytes()
	for i := range d {
		short, off := uint(d[i].Len), uint(d[i].Off)
		if short >= MinFrame {
			continue
		}
		d[i].Len = MinFrame
		frame := mem[off : off+MinFrame : off+MinFrame]
		if short < MinFrame-word {
			clear(frame[short:])
			continue
		}
		end := frame[MinFrame-word:]
		binary.LittleEndian.PutUint64(end, binary.LittleEndian.Uint64(end)&(1<<(8*(short-(MinFrame-word)))-1))
	}
}

// FuncPort is a port made of functions, for a source and a sink that live in the worker's own thread: a generator, a
// capture file, a test. All fields are set before its first use.
type FuncPort struct {
	Memory *packet.Arena
	Rx     func(d []packet.Desc) int                     // as RxBurst; nil: nothing is ever received
	Tx     func(from *packet.Arena, d []packet.Desc) int // as TxBurst, padding included; nil: no room, ever
	Done   func(d []packet.Desc)                         // as Free; nil: freed frames are forgotten
}

// Arena implements Port.
func (p *FuncPort) Arena() *packet.Arena { return p.Memory }

// RxBurst implements Port.
func (p *FuncPort) RxBurst(d []packet.Desc) int {
	if p.Rx == nil {
		return 0
	}
	return p.Rx(d)
}

// TxBurst implements Port.
func (p *FuncPort) TxBurst(from *packet.Arena, d []packet.Desc) int {
	if p.Tx == nil {
		return 0
	}
	return p.Tx(from, d)
}

// Free implements Port.
func (p *FuncPort) Free(d []packet.Desc) {
	if p.Done != nil {
		p.Done(d)
	}
}
