package live

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"vrfwd/forwarder"
	"vrfwd/packet"
)

// replay sends a capture over a cable in fake time, and returns what was sent and when.
func replay(t *testing.T, file []byte, mtu int, o ReplayOptions) (c *cable, times []int64, r *ReplayReport) {
	t.Helper()
	clock := new(fakeClock)
	c = newCable(t)
	tx := c.tx()
	n := 0
	timed := &forwarder.FuncPort{Memory: c.arena, Tx: func(from *packet.Arena, d []packet.Desc) int {
		if n++; n%5 == 0 { // no room at first
			return 0
		}
		took := tx.TxBurst(from, d[:(len(d)+1)/2])
		for range took {
			times = append(times, clock.Now())
		}
		return took
	}}
	o.Clock, o.Drain = clock, time.Nanosecond
	spec := &Spec{Ports: []Port{{Name: "eth0"}}}
	r, err := Replay(context.Background(), spec, Links{All: []Link{{Tx: timed, MTU: mtu}}}, 0, func() (*Capture, error) {
		return NewCapture(bytes.NewReader(file), "f")
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, times, r
}

// TestReplay: all frames are sent, byte for byte and in order, at the times of the capture, those divided by the speed, or
// at a rate.
func TestReplay(t *testing.T) {
	frames := slices.DeleteFunc(someFrames(100), func(f captured) bool { return f.wire != 0 })
	file := pcapOf(t, frames, true, layers.LinkTypeEthernet)
	for _, c := range []struct {
		o   ReplayOptions
		due func(i int) time.Duration
	}{
		{ReplayOptions{Speed: 1, Loop: 1}, func(i int) time.Duration { return frames[i].at.Sub(frames[0].at) }},
		{ReplayOptions{Speed: 4, Loop: 1}, func(i int) time.Duration { return frames[i].at.Sub(frames[0].at) / 4 }},
		{ReplayOptions{Rate: 1000, Loop: 1}, func(i int) time.Duration { return time.Duration(i) * time.Millisecond }},
		{ReplayOptions{Loop: 1}, func(i int) time.Duration { return 0 }},
	} {
		cable, times, r := replay(t, file, 0, c.o)
		if len(cable.sent) != len(frames) || r.Frames != uint64(len(frames)) || r.Passes != 1 || r.Interrupted {
			t.Fatalf("%+v: %d frames sent, %+v", c.o, len(cable.sent), r)
		}
		for i, f := range frames {
			if !bytes.Equal(cable.sent[i][:len(f.data)], f.data) {
				t.Fatalf("frame %d differs", i)
			}
			if early := c.due(i) - time.Duration(times[i]-times[0]); early > time.Microsecond || early < -2*time.Millisecond {
				t.Fatalf("%+v: frame %d sent after %v, due after %v", c.o, i, time.Duration(times[i]-times[0]), c.due(i))
			}
		}
	}
	cable, times, r := replay(t, file, 0, ReplayOptions{Speed: 1, Loop: 3, Src: packet.MAC{2, 1}, Dst: packet.MAC{2, 2}})
	span := frames[len(frames)-1].at.Sub(frames[0].at)
	if len(cable.sent) != 3*len(frames) || r.Passes != 3 || time.Duration(times[len(times)-1]-times[0]) < 3*span {
		t.Errorf("%d frames, %+v", len(cable.sent), r)
	}
	if eth := packet.Ethernet(cable.sent[200]); eth.Src() != (packet.MAC{2, 1}) || eth.Dst() != (packet.MAC{2, 2}) {
		t.Errorf("%x", eth[:14])
	}
}

// TestReplaySkips: what cannot be sent as it was is left out and counted.
func TestReplaySkips(t *testing.T) {
	at := time.Unix(1000, 0)
	frame := func(n int, d time.Duration) captured { return captured{at: at.Add(d), data: make([]byte, n)} }
	cut, tagged := frame(100, 1), frame(1518, 3)
	cut.wire = 200
	tagged.data[12], tagged.data[13] = 0x81, 0
	file := pcapOf(t, []captured{frame(60, time.Second), cut, frame(13, 2), tagged, frame(1515, 4), frame(1514, 5), frame(1519, 6)}, true, layers.LinkTypeEthernet)
	c, _, r := replay(t, file, 1500, ReplayOptions{Speed: 1, Loop: 1})
	if len(c.sent) != 3 || r.Cut != 1 || r.Short != 1 || r.Long != 2 || r.Backwards != 2 {
		t.Errorf("%d sent, %+v", len(c.sent), r)
	}
}

// TestReplayFaults: a damaged capture ends the replay with packet and byte; one without a frame to send does not go
// round for ever.
func TestReplayFaults(t *testing.T) {
	file := pcapOf(t, someFrames(5), true, layers.LinkTypeEthernet)
	run := func(file []byte, tx forwarder.Port) error {
		spec := &Spec{Ports: []Port{{Name: "eth0"}}}
		_, err := Replay(context.Background(), spec, Links{All: []Link{{Tx: tx}}}, 0, func() (*Capture, error) {
			return NewCapture(bytes.NewReader(file), "f")
		}, ReplayOptions{Clock: new(fakeClock), Drain: 1})
		return err
	}
	c := newCable(t)
	var fault *CaptureError
	if err := run(file[:len(file)-3], c.tx()); !errors.As(err, &fault) || fault.Packet != 5 || len(c.sent) != 4 {
		t.Error(err, len(c.sent))
	}
	if err := run(file[:24], c.tx()); err == nil || errors.As(err, &fault) {
		t.Error(err)
	}
	if err := run(file, &forwarder.FuncPort{}); err == nil || err.Error() != "port eth0 has taken no frame for 10s: its queue stays full" {
		t.Error(err)
	}
}
