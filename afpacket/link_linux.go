package afpacket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The device is asked over the port's own sockets, which stay in the network namespace that they were opened in,
// whatever that of the calling thread.

// ifreq is struct ifreq of include/uapi/linux/if.h: a name and a union.
type ifreq struct {
	name  [unix.IFNAMSIZ]byte
	union [24]byte
}

func (s *socket) ioctl(request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s.fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// ask makes a request about a device by name.
func (s *socket) ask(name string, request uintptr) (r ifreq, err error) {
	if len(name) >= len(r.name) {
		return r, unix.ENODEV
	}
	copy(r.name[:], name)
	return r, s.ioctl(request, unsafe.Pointer(&r))
}

// link is what is known of a device.
type link struct {
	name  string
	index int
	mtu   int
	mac   [6]byte
	flags uint16 // IFF_...
}

// Hardware types (include/uapi/linux/if_arp.h).
const (
	arphrdEther    = 1
	arphrdLoopback = 772
)

// link asks for the device of that name.
func (s *socket) link(name string) (l link, err error) {
	l.name = name
	var r ifreq
	for _, q := range []struct {
		request uintptr
		take    func()
	}{
		{unix.SIOCGIFINDEX, func() { l.index = int(int32(binary.NativeEndian.Uint32(r.union[:]))) }},
		{unix.SIOCGIFMTU, func() { l.mtu = int(int32(binary.NativeEndian.Uint32(r.union[:]))) }},
		{unix.SIOCGIFFLAGS, func() { l.flags = binary.NativeEndian.Uint16(r.union[:]) }},
		{unix.SIOCGIFHWADDR, func() { l.mac = [6]byte(r.union[2:]) }},
	} {
		if r, err = s.ask(name, q.request); err != nil {
			if errors.Is(err, unix.ENODEV) {
				return l, fmt.Errorf("%w in this network namespace (ip link lists those there are)", ErrRemoved)
			}
			return l, err
		}
		q.take()
	}
	if kind := binary.NativeEndian.Uint16(r.union[:]); kind != arphrdEther && kind != arphrdLoopback {
		return l, fmt.Errorf("not an Ethernet interface (hardware type %d)", kind)
	}
	return l, nil
}

// nameOf returns the present name of a device.
func (s *socket) nameOf(index int) (string, error) {
	var r ifreq
	binary.NativeEndian.PutUint32(r.union[:], uint32(index))
	err := s.ioctl(unix.SIOCGIFNAME, unsafe.Pointer(&r))
	return unix.ByteSliceToString(r.name[:]), err
}

// ssFeatures is ETH_SS_FEATURES, the set of names of a device's offload features (include/uapi/linux/ethtool.h).
const ssFeatures = 4

// features returns the names of the offload features that are on, as ethtool -k prints them; none where the device
// does not tell.
func (s *socket) features(name string) map[string]bool {
	const most, nameLen = 256, 32
	info := struct {
		cmd, reserved uint32
		mask          uint64
		count         uint32
		_             uint32
	}{cmd: unix.ETHTOOL_GSSET_INFO, mask: 1 << ssFeatures}
	if s.ethtool(name, unsafe.Pointer(&info)) != nil || info.count > most {
		return nil
	}
	names := struct {
		cmd, set, count uint32
		text            [most][nameLen]byte
	}{cmd: unix.ETHTOOL_GSTRINGS, set: ssFeatures, count: info.count}
	values := struct {
		cmd, blocks uint32
		block       [most / 32]struct{ available, requested, active, never uint32 }
	}{cmd: unix.ETHTOOL_GFEATURES, blocks: most / 32}
	if s.ethtool(name, unsafe.Pointer(&names)) != nil || s.ethtool(name, unsafe.Pointer(&values)) != nil {
		return nil
	}
	on := map[string]bool{}
	for i := range min(names.count, most) {
		if values.block[i/32].active>>(i%32)&1 != 0 {
			on[unix.ByteSliceToString(names.text[i][:])] = true
		}
	}
	return on
}

// ethtool makes one request of SIOCETHTOOL.
func (s *socket) ethtool(name string, request unsafe.Pointer) error {
	r := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: request}
	copy(r.name[:], name)
	return s.ioctl(unix.SIOCETHTOOL, unsafe.Pointer(&r))
}

// driver returns the name of the device's driver, such as veth.
func (s *socket) driver(name string) string {
	info, err := unix.IoctlGetEthtoolDrvinfo(s.fd, name)
	if err != nil {
		return ""
	}
	return unix.ByteSliceToString(info.Driver[:])
}

// warnings says what about the device will hurt, and the command against it.
func (s *socket) warnings(name string) (w []string) {
	on := s.features(name)
	for _, f := range []string{"rx-gro", "rx-gro-hw", "rx-lro", "rx-gro-list", "rx-udp-gro-forwarding"} {
		if on[f] {
			w = append(w, fmt.Sprintf("%s: %s is on: frames that it merges are dropped (RxSuper); switch it off: "+
				"ethtool -K %s %s off", name, f, name, f))
		}
	}
	if on["rx-vlan-filter"] {
		w = append(w, fmt.Sprintf("%s: rx-vlan-filter is on: the device may drop tagged frames; switch it off: "+
			"ethtool -K %s rx-vlan-filter off", name, name))
	}
	if s.driver(name) == "veth" && (on["tx-tcp-segmentation"] || on["tx-udp-segmentation"]) {
		w = append(w, fmt.Sprintf("%s: a veth with segmentation offload: hosts at the other end may send super-frames of up to "+
			"64 KiB, which are dropped (RxSuper); on both ends: ethtool -K %s tso off tx-udp-segmentation off", name, name))
	}
	return w
}
