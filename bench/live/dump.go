package live

import (
	"fmt"
	"io"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"vrfwd/packet"
)

// Dump writes received frames to a pcapng file: one interface a port, times in nanoseconds, VLAN tags in the frame. It belongs
// to the sink's thread until the run is over; what cannot be written is counted, and the run goes on.
type Dump struct {
	w      *pcapgo.NgWriter
	frame  []byte
	Frames uint64
	Err    error // the first that there was
}

// NewDump begins a file for the ports of a Spec.
func NewDump(w io.Writer, s *Spec) (*Dump, error) {
	d := new(Dump)
	for i := range s.Ports {
		one := pcapgo.NgInterface{Name: s.Ports[i].Name, LinkType: layers.LinkTypeEthernet, TimestampResolution: 9}
		var err error
		if d.w == nil {
			options := pcapgo.DefaultNgWriterOptions
			options.SectionInfo.Application = "trafgen"
			d.w, err = pcapgo.NewNgWriterInterface(w, one, options)
		} else {
			_, err = d.w.AddInterface(one)
		}
		if err != nil {
			return nil, fmt.Errorf("dump: %w", err)
		}
	}
	return d, nil
}

// write writes one frame, with the tag that its descriptor has.
func (d *Dump) write(port int, frame []byte, desc *packet.Desc, at int64) {
	if d.Err != nil {
		return
	}
	if desc.Flags&packet.FlagTCI != 0 && len(frame) >= packet.EthernetLen {
		d.frame = append(append(d.frame[:0], frame[:12]...), byte(packet.EtherTypeVLAN>>8), byte(packet.EtherTypeVLAN&0xff),
			byte(desc.TCI>>8), byte(desc.TCI))
		frame = append(d.frame, frame[12:]...)
		d.frame = frame
	}
	d.Err = d.w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(0, at).UTC(), CaptureLength: len(frame), Length: len(frame),
		InterfaceIndex: port}, frame)
	if d.Err == nil {
		d.Frames++
	}
}

// Close writes what is buffered and returns the first error that there was. The file is the caller's to close.
func (d *Dump) Close() error {
	if err := d.w.Flush(); d.Err == nil {
		d.Err = err
	}
	return d.Err
}
