package router

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// links listens to the kernel's news of network devices: rtnetlink(7), group RTMGRP_LINK. What they say is not looked at:
// that something was said is enough to look at the ports.
type links struct {
	file    *os.File
	changed chan struct{}
	ended   chan struct{}
}

// WatchLinks listens in the network namespace of the calling thread.
func (System) WatchLinks() (Links, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("router: netlink: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("router: netlink: %w", err)
	}
	l := &links{os.NewFile(uintptr(fd), "netlink"), make(chan struct{}, 1), make(chan struct{})}
	go l.listen()
	return l, nil
}

func (l *links) listen() {
	defer close(l.ended)
	message := make([]byte, os.Getpagesize()) // a longer one is cut
	for {
		// ENOBUFS says that news were lost, which is news.
		if _, err := l.file.Read(message); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}
}

func (l *links) Changed() <-chan struct{} { return l.changed }

func (l *links) Close() error {
	err := l.file.Close()
	<-l.ended
	return err
}
