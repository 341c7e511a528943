package afpacket

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var fanoutModes = [...]int{
	FanoutHash: unix.PACKET_FANOUT_HASH, FanoutCPU: unix.PACKET_FANOUT_CPU, FanoutQM: unix.PACKET_FANOUT_QM,
}

// fanout joins a group.
func (s *socket) fanout(m FanoutMode, group uint16, flags int) error {
	return unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, int(group)|(fanoutModes[m]|flags)<<16)
}

// FanoutGroup returns the number of a fanout group that nobody uses in the calling thread's network namespace
// (PACKET_FANOUT_FLAG_UNIQUEID). A group belongs to one device, so each port of several members needs its own. Needs
// CAP_NET_RAW.
func FanoutGroup() (uint16, error) {
	s, err := openSocket()
	if err != nil {
		return 0, fmt.Errorf("afpacket: %w", err)
	}
	defer s.close()
	// To be given a number one must be receiving something: a protocol that nobody sends (IEEE 802 local experimental).
	const experimental = 0x88b5
	if err := s.bind(0, experimental); err != nil {
		return 0, fmt.Errorf("afpacket: fanout group: %w", err)
	}
	if err := s.fanout(FanoutHash, 0, unix.PACKET_FANOUT_FLAG_UNIQUEID); err != nil {
		return 0, fmt.Errorf("afpacket: fanout group: %w", err)
	}
	// The kernel numbers on from the last one that it gave out, so this one stays free when the socket closes.
	group, err := unix.GetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return 0, fmt.Errorf("afpacket: fanout group: %w", err)
	}
	return uint16(group), nil
}
