package main

import (
	"os"
	"os/exec"
	"syscall"
)

// asNobody runs a command without privileges: as user 65534, if the test is root's.
func asNobody(cmd *exec.Cmd) {
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
}
