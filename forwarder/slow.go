package forwarder

import (
	"fmt"

	"vrfwd/packet"
)

// SlowPath is the way from one worker to the slow path: punted frames are copied into an arena of its own, so that a slow
// consumer never holds a port's frames, and queued on a ring. Consumed frames go back by another ring. One worker and
// one consumer, each a thread of its own.
type SlowPath struct{ copies }

// NewSlowPath makes room for frames, a power of two, of at most size bytes each.
func NewSlowPath(frames, size int) (*SlowPath, error) {
	c, err := newCopies(frames, size, MaxBurst)
	if err != nil {
		return nil, fmt.Errorf("forwarder: slow path: %w", err)
	}
	return &SlowPath{c}, nil
}

// Pop takes up to len(d) punted frames, whole, as they were received: Port is the port they came from, TCI a tag
// received out of band, Mark the Reason. The consumer owns d[:n] until it frees them.
func (s *SlowPath) Pop(d []packet.Desc) (n int) { return s.out.Pop(d) }

// punt copies one frame. It refuses when no frame is spare for its reason, and when the frame is too large. Half of the frames
// are not for what just asks for an ICMP error, or waits for a neighbour, at line rate perhaps, and an eighth are for ARP alone: an
// answer that found no room would let the flood that kept it out go on.
func (s *SlowPath) punt(in *ingress, d packet.Desc, r Reason) bool {
	keep := s.out.Cap() / 8
	switch {
	case r == ARP:
		keep = 0
	case r == Glean || r.ICMPError():
		keep = s.out.Cap() / 2
	}
	if s.room(keep) <= keep || int(d.Len) > s.arena.FrameSize() {
		return false
	}
	s.take(in.arena, d, d.Len, in.number, uint32(r))
	return true
}
