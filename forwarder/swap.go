package forwarder

import "fmt"

// swap is a queue that takes another's place.
type swap struct {
	number int
	port   Port
	done   chan struct{}
}

// SetPort gives a worker another queue for a port that it has one of: a device that went away and came back. It may be
// called from anywhere. The worker takes it between two passes, when it holds no frame of the old queue, and closes the
// channel returned; from then on it never touches the old one. Frames that the old queue holds are lost with it.
func (w *Worker) SetPort(number int, p Port) (done <-chan struct{}, err error) {
	if number < 0 || number >= MaxPorts || w.out[number] == nil {
		return nil, fmt.Errorf("forwarder: port %d: the worker has no queue of it that could be replaced", number)
	}
	s := swap{number, p, make(chan struct{})}
	w.swaps.Lock()
	defer w.swaps.Unlock()
	w.pending = append(w.pending, s)
	w.swapped.Store(true)
	return s.done, nil
}

// swap is the worker's part of SetPort. The structures stay and change what they hold, since w.out is read by anyone.
//
//go:noinline
func (w *Worker) swap() {
	w.swaps.Lock()
	defer w.swaps.Unlock()
	for _, s := range w.pending {
		for i := range w.in {
			if int(w.in[i].number) == s.number {
				w.in[i] = newIngress(s.port, uint16(s.number))
			}
		}
		w.out[s.number].port, w.out[s.number].arena = s.port, s.port.Arena()
		close(s.done)
	}
	w.pending = nil
	w.swapped.Store(false)
}

func newIngress(p Port, number uint16) ingress {
	in := ingress{port: p, number: number, arena: p.Arena()}
	in.mem, in.size = memoryOf(in.arena.Bytes())
	return in
}
