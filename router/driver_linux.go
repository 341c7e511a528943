package router

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"vrfwd/afpacket"
)

// System opens the system's network devices, by their names in the process's network namespace.
type System struct{}

// Open opens a packet socket.
func (System) Open(o afpacket.Options) (Queue, error) {
	p, err := afpacket.Open(o)
	if err != nil {
		return nil, err // not p, which would be an interface that is not nil
	}
	return p, nil
}

// FanoutGroup asks the kernel.
func (System) FanoutGroup() (uint16, error) { return afpacket.FanoutGroup() }

// NewWaiter makes one that waits by ppoll.
func (System) NewWaiter() (Waiter, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("router: eventfd: %w", err)
	}
	w := &waiter{wake: fd}
	w.ports.Store(new([]*afpacket.Port))
	return w, nil
}

type waiter struct {
	ports atomic.Pointer[[]*afpacket.Port]
	wake  int         // eventfd
	woken atomic.Bool // the eventfd may be readable
}

func (w *waiter) Watch(queues []Queue) {
	ports := make([]*afpacket.Port, 0, len(queues))
	for _, q := range queues {
		if p, ok := q.(*afpacket.Port); ok {
			ports = append(ports, p)
		}
	}
	w.ports.Store(&ports)
	w.Wake()
}

func (w *waiter) Wait(timeout time.Duration) {
	// An error leaves the worker polling, which is right: it only sleeps to save time.
	_ = afpacket.Wait(*w.ports.Load(), timeout, w.wake)
	if w.woken.Load() {
		w.woken.Store(false)
		var count [8]byte
		_, _ = unix.Read(w.wake, count[:])
	}
}

func (w *waiter) Wake() {
	w.woken.Store(true)
	_, _ = unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

func (w *waiter) Close() error { return unix.Close(w.wake) }
