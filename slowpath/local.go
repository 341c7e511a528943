package slowpath

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"

	"vrfwd/lpm"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// Host is a TUN device by which programs of this machine use the addresses of a VR: a BGP speaker listens on a loopback.
// The device has the addresses of the VR's own interfaces, primaries and loopbacks, as /32, and what is sent from one of
// them goes back into it (ip rule from ADDRESS), whatever the machine's own routes are.
type Host struct {
	VR     string // "": the parent
	Device string // its name, at most 15 bytes
	Netns  string // a named network namespace (ip netns); "": this process's. VRs with the same addresses need different ones
}

// device is a TUN device. Read and Write move one IP packet each; Read fails after Close.
type device interface {
	io.ReadWriteCloser
	// SetAddresses makes these the device's addresses, with their rules.
	SetAddresses([]netip.Addr) error
}

// hostQueue is how many packets of TUN devices wait for Poll; more wait in the kernel.
const hostQueue = 512

// hostDevice is an open device and its reader.
type hostDevice struct {
	Host
	device
	addrs []netip.Addr
	done  chan struct{}
}

// hostPacket is a packet from a TUN device.
type hostPacket struct {
	vr   string
	data []byte
}

// SetHosts opens the TUN devices that are new and closes those that are no longer named. If one cannot be opened nothing
// has changed.
func (p *Path) SetHosts(hosts []Host) error {
	p.hostsMu.Lock()
	defer p.hostsMu.Unlock()
	want := map[string]Host{}
	for _, h := range hosts {
		if h.VR == "" {
			h.VR = vrftable.Parent
		}
		if err := p.checkHost(h, want); err != nil {
			return err
		}
		want[h.VR] = h
	}
	if p.isClosed() && len(hosts) > 0 {
		return errors.New("slowpath: it is closed")
	}
	// p.hosts is written under hostsMu alone, so that it may be read without mu here.
	var fresh []*hostDevice
	for vr, h := range want {
		if old := p.hosts[vr]; old != nil && old.Host == h {
			continue
		}
		d, err := p.open(h)
		if err != nil {
			for _, f := range fresh {
				f.Close()
			}
			return fmt.Errorf("slowpath: host of %s: %w", vr, err)
		}
		fresh = append(fresh, &hostDevice{Host: h, device: d, done: make(chan struct{})})
	}
	var gone []*hostDevice
	p.mu.Lock()
	for vr, h := range p.hosts {
		if want[vr] != h.Host {
			gone = append(gone, h)
			delete(p.hosts, vr)
		}
	}
	for _, h := range fresh {
		p.hosts[h.VR] = h
	}
	if p.links != nil { // else the first pass does it
		p.addressHosts()
	}
	p.mu.Unlock()
	for _, h := range fresh {
		go p.read(h)
	}
	var err error
	for _, h := range gone {
		close(h.done)
		err = errors.Join(err, h.Close())
	}
	return err
}

func (p *Path) checkHost(h Host, others map[string]Host) error {
	if _, ok := p.table.VRTable(h.VR); !ok {
		return fmt.Errorf("slowpath: host device %s: there is no VR %s", h.Device, h.VR)
	}
	if _, ok := others[h.VR]; ok {
		return fmt.Errorf("slowpath: host device %s: VR %s has %s already: one for each VR", h.Device, h.VR, others[h.VR].Device)
	}
	if h.Device == "" || len(h.Device) > 15 {
		return fmt.Errorf("slowpath: host device %q of VR %s: a name of 1 to 15 bytes is needed", h.Device, h.VR)
	}
	for _, o := range others {
		if o.Device == h.Device && o.Netns == h.Netns {
			return fmt.Errorf("slowpath: host device %s: VRs %s and %s cannot share one", h.Device, o.VR, h.VR)
		}
	}
	return nil
}

// addressHosts gives each device the addresses of its VR. An address that another device of the same namespace has is
// left out: the kernel could not tell whose connections are meant.
func (p *Path) addressHosts() {
	type place struct {
		netns string
		addr  netip.Addr
	}
	taken := map[place]string{}
	for _, vr := range slices.Sorted(maps.Keys(p.hosts)) {
		h := p.hosts[vr]
		var own []ownAddress
		if table, ok := p.links.vrs[vr]; ok {
			own = p.links.own[table]
		}
		var addrs []netip.Addr
		for _, a := range own {
			at := place{h.Netns, address(a.addr)}
			if by, ok := taken[at]; ok {
				p.log.Warn("slowpath: an address is on the host device of another VR: give one of them a network namespace of its own",
					"address", at.addr, "device", h.Device, "other", by)
				continue
			}
			taken[at] = h.Device
			addrs = append(addrs, at.addr)
		}
		slices.SortFunc(addrs, netip.Addr.Compare)
		if slices.Equal(addrs, h.addrs) {
			continue
		}
		if err := h.SetAddresses(addrs); err != nil {
			p.log.Error("slowpath: host device cannot be given its addresses", "device", h.Device, "error", err)
			continue
		}
		h.addrs = addrs
	}
}

// read passes on what a device's programs send, until it is closed.
func (p *Path) read(h *hostDevice) {
	buf := make([]byte, packet.MaxFrameSize)
	for {
		n, err := h.Read(buf)
		if err != nil {
			select {
			case <-h.done:
			default:
				p.log.Error("slowpath: host device failed", "device", h.Device, "error", err)
			}
			return
		}
		select {
		case p.inbox <- hostPacket{h.VR, append([]byte(nil), buf[:n]...)}:
		case <-h.done:
			return
		}
	}
}

// fromHost routes a packet that a program has sent by a TUN device: in the device's VR, from one of its addresses.
func (p *Path) fromHost(h hostPacket) {
	p.count.FromHost++
	ip, err := packet.ParseIPv4(h.data)
	if err != nil || !ip.ChecksumOK() { // IPv6 among them
		p.settle(Malformed)
		return
	}
	table, known := p.links.vrs[h.vr]
	i := slices.IndexFunc(p.links.own[table], func(a ownAddress) bool { return a.addr == ip.Src() })
	if !known || i < 0 {
		p.settle(Martian)
		return
	}
	in := scope{table: table}
	if table == 0 || p.links.own[table][i].fallback {
		in.flags = lpm.Fallback
	}
	p.settle(p.route(&datagram{scope: in, ip: ip, origin: fromHost}))
}

// local takes a packet to an address of the VR with that table. Echo requests are answered here; the rest is for the
// programs behind the VR's TUN device. Without one the sender of what is not ICMP is told (RFC 1122 3.2.2.1).
func (p *Path) local(d *datagram, vr uint16) Outcome {
	if d.origin == transit && p.view.Lookup(d.table, d.flags, d.ip.Src()).Kind == vrftable.Local {
		return Martian
	}
	if d.ip.Protocol() == packet.ProtoICMP && d.origin != made {
		if d.ip.IsFragment() {
			whole, o := p.reassemble(d)
			if whole == nil {
				return o
			}
			d = whole
		}
		icmp, err := packet.ParseICMPv4(d.ip.Payload())
		if err != nil || !icmp.ChecksumOK() {
			return Malformed
		}
		if icmp.Type() == packet.ICMPEcho {
			return p.echo(d, icmp)
		}
	}
	for _, h := range p.hosts {
		if table, ok := p.links.vrs[h.VR]; !ok || table != vr {
			continue
		}
		if _, err := h.Write(d.ip); err != nil {
			return HostFull
		}
		return Delivered
	}
	return p.refuse(d)
}

// refuse answers what is for the router itself and nobody takes. Corrupt datagrams and segments are not answered, as a host
// with the protocol would not (RFC 1122 4.1.3.4, 4.2.2.7); of a fragment that cannot be told.
func (p *Path) refuse(d *datagram) Outcome {
	payload, src, dst, whole := d.ip.Payload(), d.ip.Src(), d.ip.Dst(), !d.ip.IsFragment()
	switch d.ip.Protocol() {
	case packet.ProtoICMP:
		return NoHost
	case packet.ProtoUDP:
		if udp, err := packet.ParseUDP(payload); whole && (err != nil || !udp.ChecksumOK(src, dst)) {
			return Malformed
		}
		return p.answer(d, PortUnreachable, 0)
	case packet.ProtoTCP:
		tcp, err := packet.ParseTCP(payload)
		if whole && (err != nil || !tcp.ChecksumOK(src, dst)) {
			return Malformed
		}
		if err == nil && tcp.Flags()&packet.TCPRst != 0 {
			return NoHost // a reset is never answered: RFC 9293 3.5.2
		}
		return p.answer(d, PortUnreachable, 0)
	}
	return p.answer(d, ProtocolUnreachable, 0)
}
