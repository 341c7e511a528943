package router

import (
	"cmp"
	"slices"
	"time"

	"vrfwd/bgp"
	"vrfwd/forwarder"
	"vrfwd/slowpath"
	"vrfwd/vrftable"
)

func trafficOf(t ...forwarder.Traffic) (sum Traffic) {
	for _, one := range t {
		sum.Packets += one.Packets
		sum.Bytes += one.Bytes
	}
	return sum
}

// Interfaces lists ports by number and IP interfaces by name. What the slow path sends is counted too.
func (r *Router) Interfaces() *Interfaces {
	out := &Interfaces{Ports: r.portList(), Interfaces: []Interface{}}
	workers := r.forwarders()
	for _, i := range r.table.Interfaces() {
		n := forwarder.SumIface(i.Index, workers...)
		e := Interface{
			Name: i.Name, VR: i.VR, Kind: kindOf(i), Layer2: i.Layer2, Port: i.Port, VLAN: int(i.VLAN), MTU: int(i.MTU),
			Fallback: i.FallbackGlobal, Admin: i.AdminUp, Up: i.Up,
			Rx: trafficOf(n.Rx), Tx: trafficOf(n.Tx, r.slow.IfaceTx(i.Index)),
		}
		if i.Layer2 != "" {
			e.MAC = i.MAC.String()
		}
		for _, a := range i.Addresses {
			e.Addresses = append(e.Addresses, a.String())
		}
		out.Interfaces = append(out.Interfaces, e)
	}
	slices.SortFunc(out.Interfaces, func(a, b Interface) int { return cmp.Or(cmp.Compare(a.VR, b.VR), cmp.Compare(a.Name, b.Name)) })
	return out
}

func (r *Router) portList() []Port {
	t := r.totals()
	all := make([]Port, len(r.ports))
	for i, p := range r.ports {
		n := t.Ports[p.number]
		ring := ringOf(p)
		p.mu.Lock()
		all[i] = Port{Name: p.name, Device: p.device, Number: p.number, Up: p.down == nil, MAC: p.mac.String(),
			MTU: int(p.effectiveMTU()), Rx: trafficOf(n.Rx), Tx: trafficOf(n.Tx, r.slow.PortTx(uint16(p.number))), Ring: ring}
		if p.down != nil {
			all[i].Why = p.down.Error()
		}
		p.mu.Unlock()
	}
	return all
}

func ringOf(p *port) Ring {
	s := p.stats()
	return Ring{Drops: s.RxDrops, Freezes: s.RxFreezes, TooLong: s.RxTooLong, Merged: s.RxSuper, OtherHost: s.RxOtherHost,
		OtherTag: s.RxTag, Bad: s.RxBad, TxFull: s.TxFull, TxRefused: s.TxRefused, TxTooLong: s.TxTooLong, TxWrong: s.TxWrong}
}

// ringTotals adds up the rings of all ports.
func (r *Router) ringTotals() (sum Ring) {
	for _, p := range r.ports {
		a := ringOf(p)
		sum.Drops += a.Drops
		sum.Freezes += a.Freezes
		sum.TooLong += a.TooLong
		sum.Merged += a.Merged
		sum.OtherHost += a.OtherHost
		sum.OtherTag += a.OtherTag
		sum.Bad += a.Bad
		sum.TxFull += a.TxFull
		sum.TxRefused += a.TxRefused
		sum.TxTooLong += a.TxTooLong
		sum.TxWrong += a.TxWrong
	}
	return sum
}

// Counters is the account of all frames.
func (r *Router) Counters() *Counters {
	t := r.totals()
	return &Counters{
		Received: t.Received, Forwarded: t.Forwarded, Punted: t.Punted, Dropped: t.Dropped,
		Drops: byReason(t.Drops), Punts: byReason(t.Punts), SlowPath: slowCounts(r.slow.Counters()), Ring: r.ringTotals(),
	}
}

func byReason(counts [forwarder.NumReasons]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for reason, n := range counts {
		if n > 0 {
			out[forwarder.Reason(reason).String()] = n
		}
	}
	return out
}

// slowCounts names the slow path's counters that are not 0.
func slowCounts(c slowpath.Counters) map[string]uint64 {
	out := map[string]uint64{}
	add := func(name string, n uint64) {
		if n > 0 {
			out[name] = n
		}
	}
	add("from host", c.FromHost)
	add("originated", c.Originated)
	for o, n := range c.Outcomes {
		add(slowpath.Outcome(o).String(), n)
	}
	for m, n := range c.Messages {
		name := "icmp " + slowpath.Message(m).String()
		add(name, n.Made)
		add(name+" limited", n.Limited)
		add(name+" suppressed", n.Suppressed)
	}
	add("arp requests", c.ARPRequests)
	add("arp replies", c.ARPReplies)
	add("arp announcements", c.Announcements)
	add("neighbors resolved", c.Resolved)
	add("neighbors refreshed", c.Refreshed)
	add("neighbors moved", c.Moved)
	add("neighbors unresolved", c.Unresolved)
	add("neighbors expired", c.Expired)
	return out
}

// Workers lists the forwarding threads.
func (r *Router) Workers() *Workers {
	out := &Workers{Workers: []Worker{}}
	for _, w := range r.workers {
		t, busy := forwarder.Sum(w.Worker), w.busy()
		e := Worker{Number: w.number, CPU: w.cpu, Thread: int(w.thread.Load()), Received: t.Received, Forwarded: t.Forwarded,
			Punted: t.Punted, Dropped: t.Dropped, Polls: t.Polls, Idle: t.Idle, Busy: busy.Seconds(),
			Load: float64(w.load.permille.Load()) / 1000}
		if t.Received > 0 {
			e.Cost = float64(busy) / float64(t.Received)
		}
		out.Workers = append(out.Workers, e)
	}
	return out
}

// Snapshot is what the live view shows, at one moment.
type Snapshot struct {
	At         time.Time
	Up         time.Duration // since start
	Counters   *Counters
	Ports      []Port
	Interfaces []Interface
	Workers    []Worker
	Tables     Tables
	BGP        BGPTotals
}

// BGPTotals adds up the sessions of all VRs.
type BGPTotals struct {
	Sessions, Up         int
	Accepted, Advertised int // prefixes
}

// Tables is the sizes of the tables.
type Tables struct {
	VRFs        int
	RIB         int // prefixes in all RIBs
	GlobalFIB   int // prefixes in the parent's FIB
	VRFFIB      int // prefixes in the VRFs' FIBs
	FIBBytes    int // that lookups read
	MemoryBytes int // all of the table
	Neighbors   int
}

// Snapshot takes one. It costs some microseconds an interface and VRF.
func (r *Router) Snapshot() Snapshot {
	i := r.Interfaces()
	return Snapshot{At: time.Now(), Up: time.Since(r.start), Counters: r.Counters(), Ports: i.Ports, Interfaces: i.Interfaces,
		Workers: r.Workers().Workers, Tables: r.tables(), BGP: r.bgpTotals()}
}

func (r *Router) bgpTotals() (sum BGPTotals) {
	for _, n := range r.bgp.Neighbors() {
		sum.Sessions++
		if n.State == bgp.Established {
			sum.Up++
		}
		sum.Accepted += n.Accepted
		sum.Advertised += n.Advertised
	}
	return sum
}

func (r *Router) tables() Tables {
	t := Tables{VRFs: -1, Neighbors: len(r.table.Neighbors())} // -1: the parent is no VRF
	for _, v := range r.table.VRs() {
		t.VRFs++
		t.RIB += v.Prefixes
		if v.Table == 0 {
			t.GlobalFIB += v.FIB
		} else {
			t.VRFFIB += v.FIB
		}
	}
	m := r.table.Memory()
	t.FIBBytes = m.GlobalFIB + m.VRFFIB
	t.MemoryBytes = t.FIBBytes + m.FIBWriter + m.Adjacencies + m.Ingress + m.RIB
	return t
}

// Neighbors lists the stations that the slow path knows or asks for.
func (r *Router) Neighbors() *Neighbors {
	out := &Neighbors{Neighbors: []Neighbor{}}
	for _, n := range r.slow.Neighbors() {
		e := Neighbor{Address: n.Addr.String(), Layer2: n.Layer2, Interface: n.Interface, State: n.State.String(), Age: n.Age.Seconds()}
		if n.MAC != (vrftable.MAC{}) {
			e.MAC = n.MAC.String()
		}
		out.Neighbors = append(out.Neighbors, e)
	}
	return out
}
