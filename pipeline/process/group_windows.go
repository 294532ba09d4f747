package process

import (
	"os"
	"syscall"
)

// OwnGroup starts a child apart from the console's signals.
func OwnGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// SignalGroup ends the leader: Windows has no softer signal.
func SignalGroup(leader int, _ syscall.Signal) {
	if p, err := os.FindProcess(leader); err == nil {
		p.Kill()
	}
}

// SurvivePipes does nothing: a write to a broken pipe is an error on Windows.
func SurvivePipes() {}

// BoundGroup is OwnGroup: a child may outlive this process.
func BoundGroup() *syscall.SysProcAttr { return OwnGroup() }

// AdoptOrphans does nothing.
func AdoptOrphans() {}

// KillRest does nothing: what a program starts is not known.
func KillRest(int) int { return 0 }
