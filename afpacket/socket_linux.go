package afpacket

import (
	"fmt"
	"math/bits"
	"os"
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

// rxRing maps a receive ring of o.Blocks blocks, cut into slots of the given size (V2).
func (s *socket) rxRing(o Options, slot int) error {
	if err := s.set("PACKET_VERSION", unix.PACKET_VERSION, tpacket[o.Rx]); err != nil {
		return err
	}
	if err := s.set("PACKET_VNET_HDR", unix.PACKET_VNET_HDR, 1); err != nil {
		return err
	}
	// PACKET_RESERVE stays 0: the alignment and the virtio-net header leave 24 bytes before an Ethernet frame.
	req := unix.TpacketReq3{
		Block_size: uint32(o.BlockSize), Block_nr: uint32(o.Blocks),
		Frame_size: uint32(slot), Frame_nr: uint32(o.BlockSize / slot * o.Blocks),
	}
	if o.Rx == V3 {
		req.Retire_blk_tov = uint32(o.RetireTimeout.Milliseconds())
		return s.ring(unix.PACKET_RX_RING, "receive", req, unsafe.Sizeof(unix.TpacketReq3{}))
	}
	return s.ring(unix.PACKET_RX_RING, "receive", req, unsafe.Sizeof(unix.TpacketReq{}))
}

// txRing maps a transmit ring.
func (s *socket) txRing(v Version, shape txShape) error {
	if err := s.set("PACKET_VERSION", unix.PACKET_VERSION, tpacket[v]); err != nil {
		return err
	}
	if err := s.set("PACKET_VNET_HDR", unix.PACKET_VNET_HDR, 1); err != nil {
		return err
	}
	req := unix.TpacketReq3{Block_size: shape.block, Block_nr: shape.blocks, Frame_size: shape.slot, Frame_nr: shape.slots}
	size := unsafe.Sizeof(unix.TpacketReq{})
	if v == V3 {
		size = unsafe.Sizeof(unix.TpacketReq3{})
	}
	return s.ring(unix.PACKET_TX_RING, "transmit", req, size)
}

func (s *socket) ring(option int, name string, req unix.TpacketReq3, size uintptr) error {
	total := int(req.Block_size) * int(req.Block_nr)
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
			name, req.Block_nr, req.Block_size, total>>10, err)
	}
	return nil
}
