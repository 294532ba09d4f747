//go:build unix

package process

import (
	"os"
	"os/signal"
	"syscall"
)

// OwnGroup makes a child the leader of a process group. Ctrl-C in a terminal then
// reaches the parent alone, and a signal to the group reaches what the child starts.
func OwnGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// SignalGroup signals the process group of a leader.
func SignalGroup(leader int, s syscall.Signal) { syscall.Kill(-leader, s) }

// SurvivePipes makes a write to a broken pipe an error in this process, instead of
// its death. Programs that it starts keep the default.
func SurvivePipes() {
	// Not signal.Ignore, which children would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}
