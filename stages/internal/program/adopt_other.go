//go:build unix && !linux

package program

import "syscall"

func adopt() {}

// cleanUp kills what is left of a program's process group. Processes in sessions
// of their own cannot be found on this system.
func cleanUp(leader int) int {
	if syscall.Kill(-leader, syscall.SIGKILL) != nil {
		return 0
	}
	return 1
}
