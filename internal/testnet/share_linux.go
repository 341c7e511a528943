package testnet

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// share makes folder a shared mount, as the first `ip netns add` since the machine has started does: by a mount of folder
// onto itself, under which names that were there cannot be removed any more. So it is done before there are any, and
// under the lock that ip takes.
var share = sync.OnceValue(func() error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	lock, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock of %s: %w", folder, err)
	}
	err = unix.Mount("", folder, "none", unix.MS_SHARED|unix.MS_REC, "")
	if errors.Is(err, unix.EINVAL) { // not a mount point yet
		if err = unix.Mount(folder, folder, "none", unix.MS_BIND|unix.MS_REC, ""); err == nil {
			err = unix.Mount("", folder, "none", unix.MS_SHARED|unix.MS_REC, "")
		}
	}
	if err != nil {
		return fmt.Errorf("mount of %s: %w", folder, err)
	}
	return nil
})
