package forwarder

import (
	"math/rand/v2"
	"testing"

	"vrfwd/packet"
)

// owner is who owns a frame.
type owner uint8

const (
	outside owner = iota
	worker
	sent
	freed
)

// ledger follows each frame of an arena through the ports that share it and refuses every step that is not its owner's
// to take.
type ledger struct {
	t     *testing.T
	arena *packet.Arena
	owner []owner
}

func (l *ledger) move(d packet.Desc, from, to owner) {
	slot := l.arena.Slot(d)
	if slot < 0 || l.owner[slot] != from {
		l.t.Fatalf("frame %d of %+v passes from owner %d to %d, but belongs to %d", slot, d, from, to, l.owner[slot])
	}
	l.owner[slot] = to
}

// ledgerPort is a port that takes as many frames as it likes.
type ledgerPort struct {
	*ledger
	r     *rand.Rand
	queue []packet.Desc
	tx    int
	back  int
}

func (p *ledgerPort) Arena() *packet.Arena { return p.arena }

func (p *ledgerPort) RxBurst(d []packet.Desc) int {
	n := copy(d[:p.r.IntN(len(d)+1)], p.queue)
	p.queue = p.queue[n:]
	for _, d := range d[:n] {
		p.move(d, outside, worker)
	}
	return n
}

func (p *ledgerPort) TxBurst(from *packet.Arena, d []packet.Desc) int {
	n := len(d)
	if p.r.IntN(3) == 0 {
		n = p.r.IntN(n + 1)
	}
	for i, d := range d[:n] {
		if from == p.arena {
			p.move(d, worker, sent)
		} else if from.Frame(d) == nil {
			p.t.Fatalf("frame %d of a burst from another arena: %+v", i, d)
		}
	}
	p.tx += n
	return n
}

func (p *ledgerPort) Free(d []packet.Desc) {
	for _, d := range d {
		p.move(d, worker, freed)
	}
	p.back += len(d)
}

// TestOwnership: every received frame is sent or freed exactly once, between ports of one arena and of two, whatever
// the ports take, whatever the frames are, with and without a slow path.
func TestOwnership(t *testing.T) {
	b := twinBed(t)
	r := rand.New(rand.NewPCG(11, 12))
	for round := range 40 {
		const n = 400
		var ledgers []*ledger
		for range 2 {
			ledgers = append(ledgers, &ledger{t, newArena(t, n, 1600), make([]owner, n)})
		}
		// Ports 0 and 2 share an arena; port 1 has its own.
		ports := []*ledgerPort{{ledger: ledgers[0], r: r}, {ledger: ledgers[1], r: r}, {ledger: ledgers[0], r: r}}
		for p, port := range ports[:2] {
			for i := range n {
				in := randomFrame(r)
				d := port.arena.Desc(i)
				d.Len, d.TCI, d.Flags = uint16(len(in.frame)), in.tci, in.flags
				copy(port.arena.Frame(d), in.frame)
				if p == 0 && i%2 == 1 {
					ports[2].queue = append(ports[2].queue, d)
				} else {
					port.queue = append(port.queue, d)
				}
			}
		}
		c := Config{Ports: []Port{ports[0], ports[1], ports[2]}, Burst: 1 + r.IntN(MaxBurst)}
		if round%2 == 1 {
			c.Slow = newSlowPath(t, 16)
		}
		w := b.worker(c)
		for len(ports[0].queue)+len(ports[1].queue)+len(ports[2].queue) > 0 {
			w.Poll()
		}
		tx, back := 0, 0
		for _, p := range ports {
			tx += p.tx
			back += p.back
		}
		for _, l := range ledgers {
			for slot, o := range l.owner {
				if o != sent && o != freed {
					t.Fatalf("round %d: frame %d was left with owner %d", round, slot, o)
				}
			}
		}
		sum := balanced(t, w)
		if sum.Received != 2*n || sum.Forwarded != uint64(tx) {
			t.Fatalf("round %d: %d sent, %d freed: %v", round, tx, back, sum)
		}
		if sum.Drops[TxFull] == 0 {
			t.Errorf("round %d: no port was ever full: %v", round, sum)
		}
	}
}
