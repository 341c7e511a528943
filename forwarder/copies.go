package forwarder

import (
	"fmt"

	"vrfwd/packet"
	"vrfwd/ring"
)

// copies is the way of copied frames from one worker to one consumer, each a thread of its own: an arena of the
// consumer's, so that a slow one never holds a port's frames, and a ring each way.
//
//	worker -- copy, publish --> out ring   --> Pop    consumer
//	       <------------------ freed ring <-- Free
type copies struct {
	arena *packet.Arena
	out   *ring.SPSC[packet.Desc]
	freed *ring.SPSC[packet.Desc]

	spare []packet.Desc // worker's: free frames
	batch []packet.Desc // worker's: taken in this burst, not yet published

	notify chan<- struct{} // told of what was published; nil: nobody is
}

// newCopies makes room for frames, a power of two, of at most size bytes each.
func newCopies(frames, size, batch int) (c copies, err error) {
	if c.out, err = ring.New[packet.Desc](frames); err != nil {
		return c, err
	}
	if c.freed, err = ring.New[packet.Desc](frames); err != nil {
		return c, err
	}
	if c.arena, err = packet.NewArena(frames, size); err != nil {
		return c, err
	}
	c.spare = make([]packet.Desc, frames)
	for i := range c.spare {
		c.spare[i] = c.arena.Desc(i)
	}
	c.batch = make([]packet.Desc, 0, batch)
	return c, nil
}

// Arena is the memory of the copies.
func (c *copies) Arena() *packet.Arena { return c.arena }

// Free gives copies back. More than there are can only mean that one was freed twice: that panics.
func (c *copies) Free(d []packet.Desc) {
	if c.freed.Push(d) != len(d) {
		panic(fmt.Sprintf("forwarder: Free of %d copies: more than there are: one was freed twice", len(d)))
	}
}

// Notify has the worker send to c, which has room for at least one, after it has published copies; where c is full
// nothing is sent, for the consumer has not looked yet. It is called before the worker runs.
func (c *copies) Notify(to chan<- struct{}) { c.notify = to }

// Close unmaps the arena. Worker and consumer must have stopped.
func (c *copies) Close() error { return c.arena.Close() }

// room returns the number of spare frames, or more than keep.
func (c *copies) room(keep int) int {
	if len(c.spare) <= keep {
		n := c.freed.Pop(c.spare[len(c.spare):cap(c.spare)])
		c.spare = c.spare[:len(c.spare)+n]
	}
	return len(c.spare)
}

// take copies the first length bytes of a frame into a spare one, of which there is at least one, and queues it.
func (c *copies) take(from *packet.Arena, d packet.Desc, length, port uint16, mark uint32) packet.Desc {
	last := len(c.spare) - 1
	to := c.arena.Desc(c.arena.Slot(c.spare[last]))
	c.spare = c.spare[:last]
	to.Len, to.TCI, to.Flags, to.Port, to.Mark = length, d.TCI, d.Flags, port, mark
	copy(c.arena.Frame(to), from.Frame(d))
	c.batch = append(c.batch, to)
	return to
}

// publish hands the burst's copies to the consumer. The ring has room for all frames there are.
func (c *copies) publish() {
	if len(c.batch) == 0 {
		return
	}
	c.out.Push(c.batch)
	c.batch = c.batch[:0]
	select {
	case c.notify <- struct{}{}:
	default:
	}
}
