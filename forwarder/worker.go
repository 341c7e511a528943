package forwarder

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"vrfwd/internal/qsbr"
	"vrfwd/vrftable"
)

// Config says what a worker works on.
type Config struct {
	// Ports are the worker's queues by port number, the number that views know the port by; nil: it has no queue there.
	// Their arenas stay open until the worker has stopped.
	Ports []Port

	// View returns the current view; it is called once per burst. Readers is the domain in which the view's owner
	// waits for readers.
	View    func() *vrftable.View
	Readers *qsbr.Domain

	Slow  *SlowPath // takes punted frames; nil: they are dropped under their reason
	Tap   *Tap      // takes copies of frames while it is armed; nil: nothing can be captured
	Burst int       // most frames handled together, 1 to MaxBurst; 0: MaxBurst

	Pin bool // Run pins its thread to CPU
	CPU int  // logical CPU number, as the system counts

	// Idle is called by Run, on its thread, after each pass that found nothing, with the number of such passes in a row.
	// It may sleep: the worker is offline meanwhile, so that it delays no writer. nil: see rest.
	Idle func(passes int)
}

// Worker forwards packets between its queues, on one thread. Poll, PollStages and Run belong to that thread; counters
// are read by Sum and SumIface from anywhere. Workers share nothing that they write.
type Worker struct {
	view   func() *vrftable.View
	reader *qsbr.Reader
	in     []ingress
	limit  int
	slow   *SlowPath
	tap    *Tap
	config Config

	swaps   sync.Mutex // guards pending
	pending []swap
	swapped atomic.Bool // pending is not empty

	martian [256]uint8 // by first octet: 1 where RFC 1812 5.3.7 forbids it as source and destination
	none    [vrftable.VLANs]vrftable.Ingress
	out     [MaxPorts]*egress
	b       burst
	count   *counters
}

// NewWorker makes a worker and registers it as a reader of views. Close unregisters it.
func NewWorker(c Config) (*Worker, error) {
	switch {
	case c.View == nil || c.Readers == nil:
		return nil, errors.New("forwarder: a worker needs a View and its Readers")
	case len(c.Ports) > MaxPorts:
		return nil, fmt.Errorf("forwarder: %d ports: a worker has at most %d", len(c.Ports), MaxPorts)
	case c.Burst < 0 || c.Burst > MaxBurst:
		return nil, fmt.Errorf("forwarder: burst of %d: 1 to %d, or 0 for %d", c.Burst, MaxBurst, MaxBurst)
	}
	w := &Worker{view: c.View, reader: c.Readers.Register(), limit: c.Burst, slow: c.Slow, tap: c.Tap, config: c}
	if w.limit == 0 {
		w.limit = MaxBurst
	}
	if w.tap == nil {
		w.tap = &Tap{} // never armed
	}
	for number, p := range c.Ports {
		if p == nil {
			continue
		}
		w.in = append(w.in, newIngress(p, uint16(number)))
		w.out[number] = &egress{port: p, arena: p.Arena()}
	}
	for octet := range w.martian {
		if octet == 0 || octet == 127 || octet >= 224 {
			w.martian[octet] = 1
		}
	}
	w.count = &counters{ifRx: new(ifaces), ifTx: new(ifaces), groups: new(members)}
	return w, nil
}

// Close unregisters the worker. It must not be polling. Its counters stay readable.
func (w *Worker) Close() { w.reader.Close() }

// Poll makes one pass over all ports, a burst from each, and returns the number of frames handled. Between two calls
// the worker holds no reference to a view.
func (w *Worker) Poll() int {
	w.reader.Online()
	n := w.pass()
	w.reader.Offline()
	return n
}

func (w *Worker) pass() int {
	if w.swapped.Load() {
		w.swap()
	}
	sum := 0
	for i := range w.in {
		n := w.forward(&w.in[i])
		sum += n
		if n > 0 {
			w.reader.Quiesce()
		}
	}
	w.count.polls.add(1)
	if sum == 0 {
		w.count.idle.add(1)
		w.reader.Quiesce()
	}
	return sum
}

// Run polls until ctx is done, on a locked thread, pinned where the configuration says so. It finishes the burst it is
// in and returns nil, or at once the error of pinning.
func (w *Worker) Run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if w.config.Pin {
		unpin, err := pin(w.config.CPU)
		if err != nil {
			return fmt.Errorf("forwarder: worker on CPU %d: %w", w.config.CPU, err)
		}
		defer unpin()
	}
	var stop atomic.Bool
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()
	w.reader.Online()
	defer w.reader.Offline()
	for idle := 0; !stop.Load(); {
		if w.pass() > 0 {
			idle = 0
			continue
		}
		idle++
		w.rest(idle)
	}
	return nil
}

// The back-off of an idle worker without Config.Idle: it spins, then yields, then sleeps for short times, up to the limit; it is offline
// while it sleeps, so that it delays no writer.
const (
	spins    = 1000
	yields   = 100
	restMin  = 20 * time.Microsecond
	restMax  = 250 * time.Microsecond
	restStep = 50 // idle passes per doubling
)

func (w *Worker) rest(idle int) {
	switch {
	case w.config.Idle != nil:
		w.reader.Offline()
		w.config.Idle(idle)
		w.reader.Online()
	case idle < spins:
	case idle < spins+yields:
		runtime.Gosched()
	default:
		w.reader.Offline()
		time.Sleep(min(restMin<<min((idle-spins-yields)/restStep, 10), restMax))
		w.reader.Online()
	}
}

// ingressOf returns the layer 2 interfaces of the burst's port; all without a primary where the view has no such port.
func (w *Worker) ingressOf(v *vrftable.View) *[vrftable.VLANs]vrftable.Ingress {
	if n := int(w.b.in.number); n < len(v.Ports) && v.Ports[n] != nil {
		return v.Ports[n]
	}
	return &w.none
}
