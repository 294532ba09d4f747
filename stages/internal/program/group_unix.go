//go:build unix

package program

import "syscall"

// ownGroup makes the program the leader of a process group, so that what it
// starts can be stopped with it.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalGroup signals the program and what it started.
func signalGroup(leader int, s syscall.Signal) { syscall.Kill(-leader, s) }
