package e2e

import (
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"vrfwd/internal/testnet"
	"vrfwd/packet"
)

var (
	packets = flag.Int("packets", 2000, "packets of the kernel oracle, for each method")
	seed    = flag.Uint64("seed", 1, "seed of the kernel oracle's networks and packets")
)

// perBatch is how many packets a router is sent before it must have handled them: as many as fit any of its queues.
const perBatch = 200

// lag is how many batches later an input is judged: what a slow thread still had to send then counts as well.
const lag = 2

// oracle sends the same packets to the kernel and to another router, and compares what they make of them.
type oracle struct {
	t       *testing.T
	network *network
	routers [2]*world
	account [2]*account
	pending [][]input
	tally   map[string]int
	bad     int
}

// TestOracleItself: a kernel differs in nothing from another one. What is left of differences after this is the other's.
func TestOracleItself(t *testing.T) {
	for i, m := range methods {
		t.Run(m.name, func(t *testing.T) {
			net := testnet.New(t)
			n := build(i, *seed)
			a, b := newWorld(t, net, "kernel", n), newWorld(t, net, "twin", n)
			kernelRouter(t, a)
			kernelRouter(t, b)
			compare(t, n, a, b, *packets/4)
		})
	}
}

// compare runs the oracle over two routers.
func compare(t *testing.T, n *network, kernel, other *world, count int) {
	o := &oracle{t: t, network: n, routers: [2]*world{kernel, other}, tally: map[string]int{}}
	for i, w := range o.routers {
		w.listen(t)
		o.account[i] = newAccount(n)
	}
	g := newGenerator(n, *seed)
	for mark := 1; count > 0 || len(o.pending) > 0; mark++ {
		batch := make([]input, min(count, perBatch))
		count -= len(batch)
		for i := range batch {
			batch[i] = g.packet()
		}
		o.pending = append(o.pending, batch)
		for i := range o.routers {
			o.pass(i, batch, mark&0x7fff)
		}
		for len(o.pending) > lag || count == 0 && len(o.pending) > 0 {
			for i := range o.pending[0] {
				o.judge(&o.pending[0][i])
			}
			o.pending = o.pending[1:]
		}
	}
	for i, name := range []string{"kernel", "other"} {
		for _, s := range o.account[i].strays {
			o.report("stray", fmt.Sprintf("%s sent on %s what belongs to no input: %x", name, s.out.name, s.frame[:min(len(s.frame), 120)]))
		}
		for c, w := range o.routers[i].wires {
			if lost := w.Lost(); lost != 0 {
				t.Errorf("%s: the test lost %d frames on %s", name, lost, c.name)
			}
		}
	}
	o.print()
}

// pass sends a batch to a router and waits until it has handled it: until the echo request that follows on each circuit is
// answered.
func (o *oracle) pass(router int, batch []input, mark int) {
	w, a := o.routers[router], o.account[router]
	for i := range batch {
		a.expect(&batch[i])
	}
	for i := range batch {
		w.wires[batch[i].in].Send(batch[i].frame)
	}
	for _, c := range w.network.circuits {
		body := make([]byte, 26)
		body[0] = packet.ICMPEcho
		binary.BigEndian.PutUint16(body[4:], markID)
		binary.BigEndian.PutUint16(body[6:], uint16(mark))
		binary.BigEndian.PutUint16(body[2:], packet.Checksum(body))
		from := c.stations()[0]
		echo := ipHeader{id: markID, from: from, to: c.addr.Addr(), ttl: 64, protocol: packet.ProtoICMP, payload: body}
		w.wires[c].Send(frameOf(c.router(), c.station(from), packet.EtherTypeIPv4, echo.packet()))
	}
	deadline := time.After(10 * time.Second)
	for {
		done := !slices.ContainsFunc(w.network.circuits, func(c *circuit) bool { return a.marks[c] != mark })
		if done {
			break
		}
		select {
		case got := <-w.arrivals:
			a.add(got)
		case <-deadline:
			o.t.Fatalf("%s: after a batch the router answers no echo request: mark %d, seen %v", w.router.Name(), mark, a.marks)
		}
	}
	for len(w.arrivals) > 0 {
		a.add(<-w.arrivals)
	}
}

// judge compares what the routers made of an input.
func (o *oracle) judge(in *input) {
	a, b := o.account[0].take(in), o.account[1].take(in)
	o.tally["outcome: "+outcome(a)]++
	what := difference(a, b)
	if what == "" {
		return
	}
	o.report(what, describe(in, a, b))
}

// outcome names what the kernel made of an input.
func outcome(all []output) string {
	switch {
	case len(all) == 0:
		return "dropped"
	case !all[0].made && len(all) > 1:
		return "fragmented"
	case !all[0].made:
		return "forwarded"
	}
	if m := all[0].icmp(); m != nil {
		return fmt.Sprintf("ICMP %d/%d", m[0], m[1])
	}
	return "reset"
}

// shown is how many differences are shown in full.
const shown = 5

func (o *oracle) report(what, text string) {
	o.tally["UNEXPLAINED: "+what]++
	if o.bad++; o.bad <= shown {
		o.t.Errorf("%s differs: %s", what, text)
	} else {
		o.t.Fail()
	}
}

func (o *oracle) print() {
	var s strings.Builder
	for _, k := range slices.Sorted(maps.Keys(o.tally)) {
		fmt.Fprintf(&s, "\n  %7d %s", o.tally[k], k)
	}
	o.t.Logf("method %s, seed %d:%s", o.network.name, *seed, s.String())
}
