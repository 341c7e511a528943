package afpacket

import (
	"fmt"
	"math/bits"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a packet socket bound to a device, with its ring.
type socket struct {
	fd  int
	mem []byte // the ring; nil: none
}

// openSocket makes a raw packet socket that receives nothing until it is bound to a protocol.
func openSocket() (*socket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		if err == unix.EPERM || err == unix.EACCES {
			return nil, fmt.Errorf("packet socket: %w (needs CAP_NET_RAW: run as root, or setcap cap_net_raw+ep on the program)", err)
		}
		return nil, os.NewSyscallError("socket(AF_PACKET)", err)
	}
	return &socket{fd: fd}, nil
}

// close is harmless for no socket and for a closed one.
func (s *socket) close() (err error) {
	if s == nil || s.fd < 0 {
		return nil
	}
	if s.mem != nil {
		err = unix.Munmap(s.mem)
		s.mem = nil
	}
	if e := unix.Close(s.fd); err == nil {
		err = e
	}
	s.fd = -1
	return err
}

// set sets an option of level SOL_PACKET.
func (s *socket) set(name string, option, value int) error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, option, value); err != nil {
		return fmt.Errorf("setsockopt(%s, %d): %w", name, value, err)
	}
	return nil
}

// skbOverhead is more than what the kernel reckons a packet to take beyond its bytes (SKB_TRUESIZE).
const skbOverhead = 1024

// buffer sets how many bytes may be queued in the socket, or by it in devices: what force sets, with CAP_NET_ADMIN, or
// else as much as the system's limit allows.
func (s *socket) buffer(force, option, bytes int) {
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, force, bytes) != nil {
		_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option, bytes)
	}
}

// bind attaches the socket to a device; protocol 0 receives nothing.
func (s *socket) bind(index int, protocol uint16) error {
	err := unix.Bind(s.fd, &unix.SockaddrLinklayer{Ifindex: index, Protocol: bits.ReverseBytes16(protocol)})
	return os.NewSyscallError("bind", err)
}

var tpacket = [...]int{V3: unix.TPACKET_V3, V2: unix.TPACKET_V2}

// ring maps the ring that option asks for; retire is for V3 to receive. PACKET_RESERVE stays 0: rxGap is enough.
func (s *socket) ring(name string, option int, v Version, of shape, retire time.Duration) error {
	if err := s.set("PACKET_VERSION", unix.PACKET_VERSION, tpacket[v]); err != nil {
		return err
	}
	if err := s.set("PACKET_VNET_HDR", unix.PACKET_VNET_HDR, 1); err != nil {
		return err
	}
	req := unix.TpacketReq3{
		Block_size: of.block, Block_nr: of.blocks, Frame_size: of.slot, Frame_nr: of.slots,
		Retire_blk_tov: uint32(retire.Milliseconds()),
	}
	size := unsafe.Sizeof(req)
	if v == V2 {
		size = unsafe.Sizeof(unix.TpacketReq{}) // which it begins with
	}
	total := int(of.block) * int(of.blocks)
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(s.fd), unix.SOL_PACKET, uintptr(option),
		uintptr(unsafe.Pointer(&req)), size, 0)
	var err error
	if errno != 0 {
		err = errno
	} else {
		s.mem, err = unix.Mmap(s.fd, 0, total, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		return fmt.Errorf("%s ring of %d blocks of %d bytes, %d KiB: %w (use fewer or smaller blocks)",
			name, of.blocks, of.block, total>>10, err)
	}
	return nil
}
