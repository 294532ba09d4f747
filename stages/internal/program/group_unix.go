//go:build unix

package program

import "syscall"

// ownGroup makes the program the leader of a process group, so that a signal
// reaches the processes that it starts.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalGroup signals the program and its children.
func signalGroup(leader int, s syscall.Signal) { syscall.Kill(-leader, s) }
