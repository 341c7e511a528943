package forwarder

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"vrfwd/internal/qsbr"
	"vrfwd/lpm"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// bed is a view made by hand, and what is needed to change it.
type bed struct {
	t       testing.TB
	readers qsbr.Domain
	view    *vrftable.View
	current atomic.Pointer[vrftable.View]
	routes  []vrfRoute // what was installed, for the naive twin
}

type vrfRoute struct {
	table uint16 // 0: the parent
	lpm.Route
}

func newBed(t testing.TB, ports, tables int) *bed {
	b := &bed{t: t}
	global, err := lpm.NewTable(&b.readers)
	if err != nil {
		t.Fatal(err)
	}
	set, err := lpm.NewSet(global, tables)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close(); global.Close() })
	b.view = &vrftable.View{VRFs: set, Global: global, Adj: make([]vrftable.Adjacency, lpm.MaxHop+1),
		Groups: make([]vrftable.Buckets, vrftable.MaxGroups), Seed: vrftable.Seed{1 << 40, 0x9e3779b97f4a7c15}}
	for range ports {
		b.view.Ports = append(b.view.Ports, new([vrftable.VLANs]vrftable.Ingress))
	}
	b.current.Store(b.view)
	return b
}

// primary puts a primary IP interface on (port, vlan).
func (b *bed) primary(port, vlan int, iface, table uint16, fallback bool) {
	in := vrftable.Ingress{Iface: iface, Table: table, State: vrftable.IngressUp}
	if fallback || table == 0 {
		in.Flags = lpm.Fallback
	}
	b.view.Ports[port][vlan] = in
}

// adjacency sets hop's adjacency to forward out of (port, tags...) of an IP interface.
func (b *bed) adjacency(hop lpm.Hop, iface uint16, port int, tags ...uint16) *vrftable.Adjacency {
	a := vrftable.Adjacency{Kind: vrftable.Forward, MTU: 1500, Port: uint16(port), Iface: iface}
	h := append(a.Header[:0], 2, 0xaa, 0, 0, byte(hop>>8), byte(hop), 2, 0xbb, 0, 0, 0, byte(port))
	for i, tag := range tags {
		tpid := uint16(packet.EtherTypeVLAN)
		if i == 0 && len(tags) == 2 {
			tpid = packet.EtherTypeQinQ
		}
		h = binary.BigEndian.AppendUint16(h, tpid)
		h = binary.BigEndian.AppendUint16(h, tag)
	}
	h = binary.BigEndian.AppendUint16(h, packet.EtherTypeIPv4)
	a.HdrLen = uint8(len(h))
	b.view.Adj[hop] = a
	return &b.view.Adj[hop]
}

// kind sets hop's adjacency to one that does not forward.
func (b *bed) kind(hop lpm.Hop, k vrftable.Kind) {
	b.view.Adj[hop] = vrftable.Adjacency{Kind: k, MTU: 1500}
}

// group makes hop a group of the hops that are its members, which have its buckets in turn.
func (b *bed) group(hop lpm.Hop, number uint16, members ...lpm.Hop) {
	b.view.Adj[hop] = vrftable.Adjacency{Kind: vrftable.Group, Group: number}
	for i := range b.view.Groups[number] {
		m := i % len(members)
		b.view.Groups[number][i] = uint32(m)<<16 | uint32(members[m])
	}
}

// route installs prefix/length -> hop in a VRF's table, or the parent's for table 0.
func (b *bed) route(table uint16, addr string, length uint8, hop lpm.Hop) {
	r := lpm.Route{Addr: ip4(b.t, addr), Len: length, Hop: hop}
	b.routes = append(b.routes, vrfRoute{table, r})
	var err error
	if table == 0 {
		err = b.view.Global.Apply([]lpm.Route{r})
	} else {
		err = b.view.VRFs.Apply(table, []lpm.Route{r})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) worker(c Config) *Worker {
	c.View, c.Readers = b.current.Load, &b.readers
	w, err := NewWorker(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(w.Close)
	return w
}

// balanced checks that every received frame is accounted for.
func balanced(t testing.TB, ws ...*Worker) Totals {
	t.Helper()
	n := Sum(ws...)
	if n.Received != n.Forwarded+n.Punted+n.Dropped {
		t.Errorf("received %d, but forwarded %d + punted %d + dropped %d: %v", n.Received, n.Forwarded, n.Punted, n.Dropped, n)
	}
	return n
}

func newArena(t testing.TB, frames, size int) *packet.Arena {
	a, err := packet.NewArena(frames, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func newMemPort(t testing.TB, a *packet.Arena, size int) *MemPort {
	p, err := NewMemPort(a, size)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ip4(t testing.TB, s string) uint32 {
	var a uint32
	var part, dots int
	for _, c := range s + "." {
		if c == '.' {
			a, part, dots = a<<8|uint32(part), 0, dots+1
			continue
		}
		part = part*10 + int(c-'0')
	}
	if dots != 4 {
		t.Fatalf("not an address: %q", s)
	}
	return a
}

// ipv4Frame makes an Ethernet frame of an IPv4 packet with the tags and total length given, padded to MinFrame.
func ipv4Frame(src, dst uint32, ttl uint8, total int, tags ...uint16) []byte {
	f := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}
	for _, tag := range tags {
		f = binary.BigEndian.AppendUint16(f, packet.EtherTypeVLAN)
		f = binary.BigEndian.AppendUint16(f, tag)
	}
	f = binary.BigEndian.AppendUint16(f, packet.EtherTypeIPv4)
	p := packet.IPv4(make([]byte, total))
	p.SetHeaderLen(packet.IPv4HeaderLen)
	p.SetTotalLen(total)
	p.SetID(uint16(dst))
	p.SetTTL(ttl)
	p.SetProtocol(packet.ProtoUDP)
	p.SetSrc(src)
	p.SetDst(dst)
	p.SetChecksum()
	for i := packet.IPv4HeaderLen; i < total; i++ {
		p[i] = byte(i)
	}
	f = append(f, p...)
	for len(f) < MinFrame {
		f = append(f, 0xee) // padding that must not be mistaken for the packet
	}
	return f
}
