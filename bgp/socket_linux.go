package bgp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// sockets makes the sockets of one namespace: on a thread of its own, which stays there, so that sockets can be made when
// the process has given up what it takes to enter a namespace.
type sockets struct {
	jobs chan func()
}

// openSockets starts making sockets in a namespace, by name or path as ip-netns(8) has them; "": the process's own.
func openSockets(namespace string) (*sockets, error) {
	s := &sockets{jobs: make(chan func())}
	started := make(chan error)
	go func() {
		if namespace != "" {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			if err := enter(namespace); err != nil {
				started <- fmt.Errorf("network namespace %s: %w", namespace, err)
				return
			}
		}
		started <- nil
		for job := range s.jobs {
			job()
		}
	}()
	return s, <-started
}

func enter(namespace string) error {
	ns, err := netns.GetFromName(namespace)
	if err != nil {
		ns, err = netns.GetFromPath(namespace)
	}
	if err != nil {
		return err
	}
	defer ns.Close()
	return netns.Set(ns)
}

func (s *sockets) close() { close(s.jobs) }

// do runs a function where sockets are made.
func (s *sockets) do(f func()) {
	done := make(chan struct{})
	s.jobs <- func() {
		defer close(done)
		f()
	}
	<-done
}

// listen opens a listening socket on an address of the router's. The address need not be there yet: TUN devices get theirs
// from the configuration too.
func (s *sockets) listen(local netip.AddrPort) (l *net.TCPListener, err error) {
	s.do(func() { l, err = listenHere(local) })
	if err != nil {
		return nil, fmt.Errorf("listening on %v: %w", local, remedy(err))
	}
	return l, nil
}

func listenHere(local netip.AddrPort) (*net.TCPListener, error) {
	fd, err := newSocket()
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "bgp")
	defer f.Close() // net has a copy of its own
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return nil, os.NewSyscallError("SO_REUSEADDR", err)
	}
	if err := bind(fd, local); err != nil {
		return nil, err
	}
	if err := unix.Listen(fd, 64); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// dial connects from an address of the router's to a neighbour.
func (s *sockets) dial(ctx context.Context, n *Neighbor, ttl int) (conn *net.TCPConn, err error) {
	var f *os.File
	s.do(func() { f, err = connectHere(n, ttl) })
	if err != nil {
		return nil, remedy(err)
	}
	defer f.Close()
	if err := connected(ctx, f); err != nil {
		return nil, err
	}
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// connectHere starts to connect.
func connectHere(n *Neighbor, ttl int) (f *os.File, err error) {
	fd, err := newSocket()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if err := setTTL(fd, ttl); err != nil {
		return nil, err
	}
	if err := setPassword(fd, n.Addr, n.Password); err != nil {
		return nil, err
	}
	if err := bind(fd, netip.AddrPortFrom(n.Local, 0)); err != nil {
		return nil, err
	}
	err = unix.Connect(fd, sockaddr(netip.AddrPortFrom(n.Addr, n.port())))
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return nil, os.NewSyscallError("connect", err)
	}
	return os.NewFile(uintptr(fd), "bgp"), nil
}

// connected waits until a connection is made.
func connected(ctx context.Context, f *os.File) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := f.SetWriteDeadline(deadline); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { f.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Write(func(fd uintptr) bool {
		if _, err := unix.Getpeername(int(fd)); err == nil {
			return true
		}
		errno, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case err != nil:
			result = os.NewSyscallError("SO_ERROR", err)
		case errno != 0:
			result = os.NewSyscallError("connect", unix.Errno(errno))
		}
		return result != nil
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("connect: no answer")
	}
	return errors.Join(err, result)
}

func newSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	return fd, os.NewSyscallError("socket", err)
}

// bind binds a socket to an address, also one that the namespace does not have yet.
func bind(fd int, local netip.AddrPort) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1); err != nil {
		return os.NewSyscallError("IP_FREEBIND", err)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sockaddr(local)))
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}

func setTTL(fd, ttl int) error {
	return os.NewSyscallError("IP_TTL", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, ttl))
}

// setPassword has segments of a neighbour signed and checked (RFC 2385, tcp(7)); "": no longer.
func setPassword(fd int, neighbor netip.Addr, password string) error {
	key := unix.TCPMD5Sig{Keylen: uint16(len(password))}
	key.Addr.Family = unix.AF_INET
	address := neighbor.As4()
	copy(key.Addr.Data[2:], address[:]) // struct sockaddr_in: the port's two bytes come first
	copy(key.Key[:], password)
	err := unix.SetsockoptTCPMD5Sig(fd, unix.IPPROTO_TCP, unix.TCP_MD5SIG, &key)
	if password == "" && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOPROTOOPT)) {
		return nil // there was none
	}
	return os.NewSyscallError("TCP_MD5SIG", err)
}

// expect has a listening socket take a neighbour's segments by its password.
func expect(l *net.TCPListener, neighbor netip.Addr, password string) error {
	return control(l, func(fd int) error { return setPassword(fd, neighbor, password) })
}

// accepted prepares a neighbour's connection.
func accepted(c *net.TCPConn, ttl int) error {
	return control(c, func(fd int) error { return setTTL(fd, ttl) })
}

// control calls a function with a socket's descriptor.
func control(c syscall.Conn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Control(func(fd uintptr) { result = f(int(fd)) })
	return errors.Join(err, result)
}

func remedy(err error) error {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: ports below 1024 need CAP_NET_BIND_SERVICE", err)
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("%w: another BGP speaker has the address: end it, or give the VR's host a netns of its own", err)
	case errors.Is(err, unix.ENOPROTOOPT):
		return fmt.Errorf("%w: this kernel has no TCP MD5 signatures (CONFIG_TCP_MD5SIG)", err)
	}
	return err
}
