//go:build unix

package exec

import "syscall"

// detached puts the child in a process group of its own, so that Ctrl-C in a
// terminal reaches the parent alone, which then stops its children in order.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
