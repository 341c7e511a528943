package testnet

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// capabilities are the names that Need knows, and their numbers (include/uapi/linux/capability.h).
var capabilities = map[string]uint{"net_admin": 12, "net_raw": 13, "ipc_lock": 14, "sys_admin": 21, "sys_nice": 23}

// Need skips the test, naming all that lacks, unless the machine has what it needs; where CI=true it fails, because a
// check that is skipped there is a check that nobody makes. Each of what is "root" (user 0 that may make namespaces),
// "tun" (/dev/net/tun), a capability in lower case ("net_admin", "net_raw", ...), or the name of a program in PATH.
func Need(t testing.TB, what ...string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	var lacks []string
	for _, w := range what {
		if l := lack(w); l != "" {
			lacks = append(lacks, l)
		}
	}
	if len(lacks) == 0 {
		return
	}
	message := "needs " + strings.Join(lacks, ", ")
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	} else {
		t.Skip(message)
	}
}

// lack says what is missing of one need; "": nothing.
func lack(what string) string {
	number, isCapability := capabilities[what]
	switch {
	case what == "root":
		if os.Geteuid() != 0 {
			return "root"
		}
		if !capable(capabilities["sys_admin"]) || !capable(capabilities["net_admin"]) {
			return "root with the capabilities sys_admin and net_admin"
		}
	case isCapability:
		if !capable(number) {
			return "the capability " + what
		}
	case what == "tun":
		f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
		if err != nil {
			return fmt.Sprintf("TUN devices (%v)", err)
		}
		f.Close()
	default:
		if _, err := exec.LookPath(what); err != nil {
			return "the program " + what
		}
	}
	return ""
}

// capable reports whether a capability is in this process's effective set (proc(5): CapEff, a mask in hexadecimal).
func capable(number uint) bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, rest, found := strings.Cut(string(status), "\nCapEff:")
	if !found {
		return false
	}
	line, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return err == nil && mask>>number&1 == 1
}
