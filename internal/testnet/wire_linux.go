package testnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// maxFrame is the longest frame that Recv returns whole: an IPv4 packet of 64 KiB and two tags.
const maxFrame = 1<<16 + 32

// wireBuffer is the receive buffer in bytes that a Wire asks for: some ten thousand frames. The kernel counts the memory
// that a frame occupies, not its length.
const wireBuffer = 64 << 20

// Wire is a raw socket on one interface: what a test sends and receives as a station on the link. Send and Recv may run
// in one goroutine each.
type Wire struct {
	fd   int
	name string
	fail func(format string, args ...any)
	in   [maxFrame]byte
	oob  [64]byte
}

// Wire opens a raw socket on an interface, closed when the test ends.
func (ns *NS) Wire(name string) *Wire {
	ns.t.Helper()
	w := &Wire{name: name, fail: ns.t.Errorf}
	index := ns.link(name).Attrs().Index
	var err error
	ns.Do(func() { w.fd, err = openWire(index) })
	ns.check(err, "raw socket on %s", name)
	ns.t.Cleanup(func() { unix.Close(w.fd) })
	return w
}

func openWire(index int) (int, error) {
	// Without a protocol nothing is queued before the options are set; bind brings it.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	for _, o := range []struct {
		level, option, value int
		what                 string
	}{
		{unix.SOL_PACKET, unix.PACKET_AUXDATA, 1, "PACKET_AUXDATA"},
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING"},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wireBuffer, "SO_RCVBUFFORCE"},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, wireBuffer, "SO_SNDBUFFORCE"},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.option, o.value); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("%s: %w", o.what, err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// bigEndian returns a number whose bytes in memory are n's in network order.
func bigEndian(n uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], n)
	return binary.NativeEndian.Uint16(b[:])
}

// Send sends a frame from its destination MAC on, tags in-line. What the device drops at once, for lack of room or because
// the other end takes no frame of that length, is tried again for a moment, and then lost, as on any wire. Any other error
// fails the test.
func (w *Wire) Send(frame []byte) {
	const tries = 50
	for try := 0; try < tries; try++ {
		_, err := unix.Write(w.fd, frame)
		switch {
		case err == nil:
			return
		case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EAGAIN):
			time.Sleep(100 * time.Microsecond)
		case errors.Is(err, unix.EINTR):
		default:
			w.fail("send %d bytes on %s: %v", len(frame), w.name, err)
			return
		}
	}
}

// Recv returns the next frame, or false when none has come within timeout. A VLAN tag that the kernel took out is back in
// its place. Frames that the Wire's own host sends are not among them. The frame is the caller's.
func (w *Wire) Recv(timeout time.Duration) ([]byte, bool) {
	deadline := time.Now().Add(timeout)
	for {
		n, oob, _, _, err := unix.Recvmsg(w.fd, w.in[:], w.oob[:], unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			return withTag(w.in[:n], w.oob[:oob]), true
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN): // the link's state, told once
		case errors.Is(err, unix.EAGAIN):
			left := time.Until(deadline)
			if left <= 0 {
				return nil, false
			}
			wait := unix.NsecToTimespec(int64(left))
			_, _ = unix.Ppoll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}, &wait, nil)
		default:
			w.fail("receive on %s: %v", w.name, err)
			return nil, false
		}
	}
}

// auxLen is the length in bytes of struct tpacket_auxdata (include/uapi/linux/if_packet.h):
//
//	0        4     8         12    14    16         18
//	| status | len | snaplen | mac | net | vlan_tci | vlan_tpid |
const auxLen = 20

// withTag returns a copy of a frame with the tag of its auxiliary data, if there is one, behind the MAC addresses.
func withTag(frame, oob []byte) []byte {
	const macs = 12
	tag := tagOf(oob)
	if len(frame) < macs {
		tag = nil
	}
	out := make([]byte, 0, len(frame)+len(tag))
	if tag == nil {
		return append(out, frame...)
	}
	out = append(out, frame[:macs]...)
	out = append(out, tag...)
	return append(out, frame[macs:]...)
}

// tagOf returns the 4 bytes of the tag in a control message; nil: the frame had none.
func tagOf(oob []byte) []byte {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < auxLen {
			continue
		}
		status := binary.NativeEndian.Uint32(m.Data)
		if status&unix.TP_STATUS_VLAN_VALID == 0 {
			return nil
		}
		tpid := uint16(unix.ETH_P_8021Q)
		if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			tpid = binary.NativeEndian.Uint16(m.Data[18:])
		}
		tag := binary.BigEndian.AppendUint16(nil, tpid)
		return binary.BigEndian.AppendUint16(tag, binary.NativeEndian.Uint16(m.Data[16:]))
	}
	return nil
}

// Lost returns how many frames found no room in the Wire's receive buffer since the last call: a test that counts what
// arrives must see 0.
func (w *Wire) Lost() int {
	stats, err := unix.GetsockoptTpacketStats(w.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		w.fail("statistics of %s: %v", w.name, err)
		return 0
	}
	return int(stats.Drops)
}
