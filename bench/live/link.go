package live

import (
	"slices"
	"time"

	"vrfwd/forwarder"
	"vrfwd/packet"
)

// Link is one of a Spec's ports in this process. Its two sides belong to different threads, so they are two Ports.
type Link struct {
	MAC packet.MAC
	MTU int            // of IP packets; 0: unknown
	Tx  forwarder.Port // sends streams; nil: this process sends none here
	Rx  forwarder.Port // receives, and sends ARP; nil: this process does not receive here
	// Timed says that Rx gives the time of reception in Desc.Mark: the low 32 bits of nanoseconds since 1970.
	Timed bool
	// State tells why the port cannot send or receive at present; nil: it can. A nil func: it always can.
	State func() error
	// Dropped returns the number of frames that arrived and that Rx had no room for. A nil func: none ever.
	Dropped func() uint64
	// Trouble says what other frames were lost in the ports. A nil func: none ever.
	Trouble func() []string
}

// Links are the ports of a Spec in this process, by number. The zero Link is a port that is elsewhere.
type Links struct {
	All []Link
	// Wait returns when a frame may have arrived at an Rx, after d at the latest. nil: it is the clock's Wait.
	Wait func(d time.Duration)
}

func (l *Links) receives() bool {
	return slices.ContainsFunc(l.All, func(l Link) bool { return l.Rx != nil })
}

// threads is how many send or receive: those that may never wait.
func (l *Links) threads() (n int) {
	for i := range l.All {
		if l.All[i].Tx != nil {
			n++
		}
	}
	if l.receives() {
		n++
	}
	return n
}

func (l *Link) state() error {
	if l.State == nil {
		return nil
	}
	return l.State()
}

func (l *Link) dropped() uint64 {
	if l.Dropped == nil {
		return 0
	}
	return l.Dropped()
}

func (l *Link) trouble() []string {
	if l.Trouble == nil {
		return nil
	}
	return l.Trouble()
}
