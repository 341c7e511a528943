//go:build !linux

package testnet

import (
	"errors"
	"time"
)

// Wire is a raw socket on one interface. Need and New have skipped the test before one is asked for.
type Wire struct{}

// Wire fails: there are no raw packet sockets here.
func (ns *NS) Wire(name string) *Wire {
	ns.check(errors.ErrUnsupported, "raw socket on %s", name)
	return nil
}

// Send does nothing: no Wire can be made.
func (*Wire) Send([]byte) {}

// Recv returns nothing: no Wire can be made.
func (*Wire) Recv(time.Duration) ([]byte, bool) { return nil, false }

// Lost returns 0: no Wire can be made.
func (*Wire) Lost() int { return 0 }

func offloadsOff(string) error { return errors.ErrUnsupported }

func share() error { return errors.ErrUnsupported }
