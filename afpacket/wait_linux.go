package afpacket

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Wait sleeps until one of the ports has frames, one of the extra descriptors is readable, or the timeout is over;
// a negative timeout has no end. A signal ends it early. Being early is no error. It allocates nothing for up to 32
// descriptors.
//
// The call is raw: the runtime does not take the processor away, so that there is none to wait for afterwards. When the
// runtime wants it (to stop the world, or because other goroutines have waited for 10 ms), its signal ends the wait.
func Wait(ports []*Port, timeout time.Duration, extra ...int) error {
	var room [32]unix.PollFd
	fds := room[:0]
	for _, p := range ports {
		if fd := p.FD(); fd >= 0 {
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	sockets := len(fds)
	for _, fd := range extra {
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	var limit *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(timeout.Nanoseconds())
		limit = &t
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(fds))), uintptr(len(fds)),
		uintptr(unsafe.Pointer(limit)), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return fmt.Errorf("afpacket: ppoll: %w", errno)
	}
	for i := range fds[:sockets] {
		if errno == 0 && n > 0 && fds[i].Revents&unix.POLLERR != 0 {
			// The device went down. Reading the error clears it; else every poll would return at once.
			_, _ = unix.GetsockoptInt(int(fds[i].Fd), unix.SOL_SOCKET, unix.SO_ERROR)
		}
	}
	return nil
}
