//go:build unix && !linux

package process

import "syscall"

// BoundGroup is OwnGroup: a child may outlive this process.
func BoundGroup() *syscall.SysProcAttr { return OwnGroup() }

// AdoptOrphans does nothing.
func AdoptOrphans() {}

// KillRest kills the rest of a program's process group and returns 1 if there was
// any. A session of its own is out of reach.
func KillRest(leader int) int {
	if syscall.Kill(-leader, syscall.SIGKILL) != nil {
		return 0
	}
	return 1
}
