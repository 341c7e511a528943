package e2e

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// roomy gives a socket room for some seconds of a stream: what the tests themselves have no time to read, fwd has not lost.
// The usual 208 KiB hold a quarter of a second.
func roomy(t *testing.T, c *net.UDPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err == nil {
		if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20) }); err == nil {
			err = e
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
