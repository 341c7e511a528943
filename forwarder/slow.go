package forwarder

import (
	"fmt"

	"vrfwd/packet"
	"vrfwd/ring"
)

// SlowPath is the way from one worker to the slow path: punted frames are copied into an arena of its own, so that a slow
// consumer never holds a port's frames, and queued on a ring. Consumed frames go back by another ring. One worker and
// one consumer, each a thread of its own.
//
//	worker -- copy, take, publish --> punted ring --> Pop   consumer
//	       <------------- freed ring <--------------- Free
type SlowPath struct {
	arena  *packet.Arena
	punted *ring.SPSC[packet.Desc]
	freed  *ring.SPSC[packet.Desc]

	spare []packet.Desc // worker's: free frames
	batch []packet.Desc // worker's: taken in this burst, not yet published
}

// NewSlowPath makes room for frames, a power of two, of at most size bytes each.
func NewSlowPath(frames, size int) (*SlowPath, error) {
	s := &SlowPath{}
	var err error
	if s.punted, err = ring.New[packet.Desc](frames); err != nil {
		return nil, fmt.Errorf("forwarder: slow path: %w", err)
	}
	if s.freed, err = ring.New[packet.Desc](frames); err != nil {
		return nil, fmt.Errorf("forwarder: slow path: %w", err)
	}
	if s.arena, err = packet.NewArena(frames, size); err != nil {
		return nil, fmt.Errorf("forwarder: slow path: %w", err)
	}
	s.spare = make([]packet.Desc, frames)
	for i := range s.spare {
		s.spare[i] = s.arena.Desc(i)
	}
	s.batch = make([]packet.Desc, 0, MaxBurst)
	return s, nil
}

// Arena is the memory of punted frames.
func (s *SlowPath) Arena() *packet.Arena { return s.arena }

// Pop takes up to len(d) punted frames, whole, as they were received: Port is the port they came from, TCI a tag
// received out of band, Mark the Reason. The consumer owns d[:n] until it frees them.
func (s *SlowPath) Pop(d []packet.Desc) (n int) { return s.punted.Pop(d) }

// Free gives frames back. More than there are can only mean that one was freed twice: that panics.
func (s *SlowPath) Free(d []packet.Desc) {
	if s.freed.Push(d) != len(d) {
		panic("forwarder: SlowPath.Free: more frames than there are: one was freed twice")
	}
}

// Close unmaps the arena. Worker and consumer must have stopped.
func (s *SlowPath) Close() error { return s.arena.Close() }

// take copies one frame. It refuses when no frame is spare, when only half of them are and the reason just asks for an
// ICMP error, and when the frame is too large.
func (s *SlowPath) take(in *ingress, d packet.Desc, r Reason) bool {
	keep := 0
	if r.ICMPError() {
		keep = s.punted.Cap() / 2
	}
	if len(s.spare) <= keep {
		n := s.freed.Pop(s.spare[len(s.spare):cap(s.spare)])
		s.spare = s.spare[:len(s.spare)+n]
	}
	if len(s.spare) <= keep || int(d.Len) > s.arena.FrameSize() {
		return false
	}
	last := len(s.spare) - 1
	to := s.arena.Desc(s.arena.Slot(s.spare[last]))
	s.spare = s.spare[:last]
	to.Len, to.TCI, to.Flags, to.Port, to.Mark = d.Len, d.TCI, d.Flags, in.number, uint32(r)
	copy(s.arena.Frame(to), in.arena.Frame(d))
	s.batch = append(s.batch, to)
	return true
}

// publish hands the burst's frames to the consumer. The ring has room for all frames there are.
func (s *SlowPath) publish() {
	s.punted.Push(s.batch)
	s.batch = s.batch[:0]
}
