package router

import (
	"errors"

	"golang.org/x/sys/unix"
)

// setUmask sets the process's mask for the modes of new files and returns the old one.
func setUmask(mask int) int { return unix.Umask(mask) }

// refused tells whether nobody listens on a socket that is there.
func refused(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }
