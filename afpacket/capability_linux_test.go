package afpacket

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNoCapability: without CAP_NET_RAW the error says so. A process of its own gives its capabilities up.
func TestNoCapability(t *testing.T) {
	const child = "VRFWD_AFPACKET_NO_CAPABILITY"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoCapability$")
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	_, open := Open(Options{Interface: "lo"})
	_, group := FanoutGroup()
	for _, err := range []error{open, group} {
		if err == nil || !strings.Contains(err.Error(), "CAP_NET_RAW") || !strings.Contains(err.Error(), "setcap") {
			t.Error(err)
		}
	}
}
