//go:build !linux

package afpacket

import (
	"errors"
	"fmt"
	"time"

	"vrfwd/packet"
)

var errSystem = errors.New("afpacket: packet sockets are Linux's: this system has none")

// Port cannot be opened on this system.
type Port struct{}

// Open always fails.
func Open(o Options) (*Port, error) {
	return nil, fmt.Errorf("interface %q: %w", o.Interface, errSystem)
}

// FanoutGroup always fails.
func FanoutGroup() (uint16, error) { return 0, errSystem }

// Wait always fails.
func Wait([]*Port, time.Duration, ...int) error { return errSystem }

func (*Port) Arena() *packet.Arena                     { return packet.ArenaOver(nil) }
func (*Port) RxBurst([]packet.Desc) int                { return 0 }
func (*Port) TxBurst(*packet.Arena, []packet.Desc) int { return 0 }
func (*Port) Free([]packet.Desc)                       {}
func (*Port) Close() error                             { return nil }
func (*Port) FD() int                                  { return -1 }
func (*Port) MAC() (m [6]byte)                         { return m }
func (*Port) MTU() int                                 { return 0 }
func (*Port) Index() int                               { return 0 }
func (*Port) State() error                             { return errSystem }
func (*Port) Warnings() []string                       { return nil }
func (*Port) Stats() (s Stats)                         { return s }
