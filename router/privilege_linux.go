package router

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Drop gives up, for all threads, the capabilities that a running router does not need, and the ability to get any by
// executing a program (no_new_privs). What stays:
//
//   - CAP_NET_RAW: a deleted device that is made again has to be opened again.
//   - CAP_SYS_NICE: workers' threads come before the others.
//   - CAP_NET_ADMIN, if there are TUN devices: their addresses and rules follow the configuration, and go in the end. Where
//     the configuration has none at first, a reload cannot add any.
//   - CAP_NET_BIND_SERVICE, if there is BGP: its port is 179, and a reload may open it anew. Where the configuration has
//     none at first, a reload cannot add any on a port below 1024.
//
// It is called between New and Run. A program that was linked with cgo cannot change all its threads: it gets an error, and
// keeps what it has.
func (r *Router) Drop() error {
	keep := uint64(1)<<unix.CAP_NET_RAW | 1<<unix.CAP_SYS_NICE
	if len(r.config.Hosts()) > 0 {
		keep |= 1 << unix.CAP_NET_ADMIN
	}
	if len(r.config.Speakers()) > 0 {
		keep |= 1 << unix.CAP_NET_BIND_SERVICE
	}
	return dropPrivileges(keep)
}

// dropPrivileges leaves the process with what it has of keep, a bit for each capability. The bounding set goes as far
// as CAP_SETPCAP allows; no_new_privs makes up for the rest.
func dropPrivileges(keep uint64) error {
	if err := onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return fmt.Errorf("privileges are kept: no_new_privs: %w", err)
	}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if keep>>c&1 != 0 {
			continue
		}
		err := onAllThreads(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) { // no CAP_SETPCAP; a kernel with fewer capabilities
			break
		}
		if err != nil {
			return fmt.Errorf("privileges are kept: bounding set: %w", err)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("privileges are kept: capget: %w", err)
	}
	for i := range data {
		mask := uint32(keep >> (32 * i))
		data[i].Permitted &= mask
		data[i].Effective &= mask
		data[i].Inheritable = 0
	}
	err := onAllThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])))
	if err != nil {
		return fmt.Errorf("privileges are kept: capset: %w", err)
	}
	return nil
}

// onAllThreads makes a system call in every thread: capabilities belong to threads. Pointers may be passed as uintptr.
//
//go:uintptrescapes
func onAllThreads(trap, a1, a2 uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall(trap, a1, a2, 0)
	switch {
	case errno == syscall.ENOTSUP:
		return errors.New("this program was linked with cgo, which keeps threads of its own: build it with CGO_ENABLED=0")
	case errno != 0:
		return errno
	}
	return nil
}
