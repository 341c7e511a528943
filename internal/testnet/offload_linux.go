package testnet

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is struct ethtool_value: command and data (include/uapi/linux/ethtool.h).
type ethtoolValue [2]uint32

// ethtoolRequest is struct ifreq with the pointer that SIOCETHTOOL takes (include/uapi/linux/if.h): 40 bytes on 64-bit
// machines.
type ethtoolRequest struct {
	name [unix.IFNAMSIZ]byte
	data *ethtoolValue
	_    [16]byte
}

// offloadsOff turns off what makes frames differ from what goes over a real wire: checksums left to the device, and
// segments merged or not yet cut. The interface is one of the calling thread's namespace.
func offloadsOff(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// Segmentation first: it depends on transmit checksums.
	for _, c := range []struct {
		cmd  uint32
		what string
	}{
		{unix.ETHTOOL_STSO, "tcp-segmentation-offload"},
		{unix.ETHTOOL_SGSO, "generic-segmentation-offload"},
		{unix.ETHTOOL_SGRO, "generic-receive-offload"},
		{unix.ETHTOOL_STXCSUM, "tx-checksumming"},
		{unix.ETHTOOL_SRXCSUM, "rx-checksumming"},
	} {
		value := ethtoolValue{c.cmd, 0}
		request := ethtoolRequest{data: &value}
		copy(request.name[:unix.IFNAMSIZ-1], name)
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if e != 0 {
			return fmt.Errorf("turn off %s: %w", c.what, e)
		}
	}
	return nil
}
