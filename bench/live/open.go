package live

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"vrfwd/afpacket"
	"vrfwd/packet"
)

// Opened are a Spec's ports as AF_PACKET ports.
type Opened struct {
	Links    Links
	Warnings []string // about interfaces' settings, with the remedy
	ports    []*afpacket.Port
}

// Side says what is to be done on a port.
type Side struct{ Send, Receive bool }

// Sides says what a Spec's streams ask of each port: to send where they start, and to receive. A process that does both
// receives on all ports, as a frame that must not come out may do so anywhere; one that only receives leaves out
// those where streams start and none comes out: they are the sender's. One that only sends receives where ARP has to be
// spoken, with arp on all ports that it sends on.
func (s *Spec) Sides(send, receive, arp bool) []Side {
	sides := make([]Side, len(s.Ports))
	for i := range s.Circuits {
		sides[s.Circuits[i].Port].Receive = receive
	}
	for i := range s.Streams {
		for _, at := range s.Streams[i].From {
			c := &s.Circuits[at]
			asks := c.Gateway != 0 && c.GatewayMAC == (packet.MAC{}) || c.Addresses != nil || arp
			side := &sides[c.Port]
			side.Send, side.Receive = send, send && (receive || side.Receive || asks)
		}
	}
	for i := range s.Streams {
		stream := &s.Streams[i]
		outs := [][]int{stream.To}
		for _, x := range stream.Except {
			outs = append(outs, x.To)
		}
		for _, at := range slices.Concat(outs...) {
			if at != Discard && receive {
				sides[s.Circuits[at].Port].Receive = true
			}
		}
	}
	return sides
}

// rxBlocks is the size of a receive ring: half a second, at a block a millisecond, or 230,000 small frames, in 32 MiB. A sink
// that shares its CPU with senders and the router waits for its turn, and must not lose what the router did not.
const rxBlocks = 512

// arpFrames is the size of the transmit ring of a port that sends nothing but ARP.
const arpFrames = 64

// Open opens ports, each in its network namespace. Ports to neither send nor receive on are left alone. Nothing is open where
// there is an error.
func Open(s *Spec, sides []Side) (o *Opened, err error) {
	o = &Opened{Links: Links{All: make([]Link, len(s.Ports))}}
	defer func() {
		if err != nil {
			o.Close()
			o = nil
		}
	}()
	var receiving []*afpacket.Port
	for i, side := range sides {
		if !side.Send && !side.Receive {
			continue
		}
		p := &s.Ports[i]
		open := func(options afpacket.Options) (port *afpacket.Port, err error) {
			options.Interface = p.Interface
			err = inNetns(p.Netns, func() (err error) {
				port, err = afpacket.Open(options)
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("port %s: %w", p.Name, err)
			}
			o.ports = append(o.ports, port)
			return port, nil
		}
		link := &o.Links.All[i]
		var any *afpacket.Port
		if side.Send {
			if any, err = open(afpacket.Options{TxOnly: true}); err != nil {
				return o, err
			}
			link.Tx = any
		}
		if side.Receive {
			// TPACKET_V3: a frame may wait for its block, a millisecond and more, but the time of its reception is the
			// kernel's, and a sink that is woken once a millisecond leaves the CPU to the router.
			rx, err := open(afpacket.Options{Promiscuous: true, Timestamps: true, TxFrames: arpFrames, Blocks: rxBlocks})
			if err != nil {
				return o, err
			}
			link.Rx, link.Timed, any = rx, true, rx
			link.Dropped = func() uint64 { return rx.Stats().RxDrops }
			receiving = append(receiving, rx)
		}
		link.MAC, link.MTU, link.State = packet.MAC(any.MAC()), any.MTU(), any.State
		link.Trouble = func() []string { return trouble(o.ports, any.Index()) }
		for _, w := range any.Warnings() {
			o.Warnings = append(o.Warnings, fmt.Sprintf("port %s: %s", p.Name, w))
		}
	}
	if len(receiving) > 0 {
		o.Links.Wait = func(d time.Duration) { _ = afpacket.Wait(receiving, d) } // a failure is as good as being early
	}
	return o, nil
}

// trouble says which frames a device's ports have lost on the way.
func trouble(ports []*afpacket.Port, index int) (lines []string) {
	var sum afpacket.Stats
	for _, p := range ports {
		if p.Index() != index {
			continue
		}
		s := p.Stats()
		sum.RxTooLong += s.RxTooLong
		sum.RxSuper += s.RxSuper
		sum.RxTag += s.RxTag
		sum.RxBad += s.RxBad
		sum.TxTooLong += s.TxTooLong
		sum.TxWrong += s.TxWrong
	}
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{sum.RxTooLong, "received frames skipped: longer than the interface's MTU"},
		{sum.RxSuper, "received frames skipped: segments merged by an offload (ethtool -K ... gro off)"},
		{sum.RxTag, "received frames skipped: their outer tag is not an 802.1Q one"},
		{sum.RxBad, "received frames skipped: damaged in the ring"},
		{sum.TxTooLong, "frames not sent: longer than the interface's MTU"},
		{sum.TxWrong, "frames not sent: the kernel refused their format"},
	} {
		if c.n > 0 {
			lines = append(lines, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return lines
}

// Close closes all ports. Nobody may use them any more.
func (o *Opened) Close() error {
	var errs []error
	for _, p := range o.ports {
		errs = append(errs, p.Close())
	}
	o.ports = nil
	return errors.Join(errs...)
}
