package router

import (
	"time"

	"vrfwd/afpacket"
	"vrfwd/forwarder"
)

// Queue is one queue of a device: what *afpacket.Port is. The worker that owns it calls the methods of forwarder.Port;
// the others may be called from any goroutine, Close when the worker has let go of it.
type Queue interface {
	forwarder.Port
	Close() error
	MAC() [6]byte
	MTU() int
	Stats() afpacket.Stats
	State() error       // nil, or an error that wraps afpacket.ErrDown or afpacket.ErrRemoved
	Warnings() []string // what the device does that hurts, with the remedy
}

// Driver opens queues: of the system's network devices, or of a test's in memory.
type Driver interface {
	Open(afpacket.Options) (Queue, error)
	FanoutGroup() (uint16, error) // a number that no other group has
	NewWaiter() (Waiter, error)
	WatchLinks() (Links, error)
}

// Links tells of changes of devices.
type Links interface {
	Changed() <-chan struct{} // receives after some device has changed, or may have
	Close() error
}

// Waiter lets one idle worker sleep. Wait belongs to the worker, Watch and Wake to anyone.
type Waiter interface {
	Watch(queues []Queue)       // that Wait waits for, from its next call on
	Wait(timeout time.Duration) // returns when a frame may have come, after Wake, after timeout, or earlier
	Wake()
	Close() error
}
