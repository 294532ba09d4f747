// Package process holds the mechanics of child processes: groups, signals, and the
// supervision that lets no process outlive the action that it belongs to.
//
// A user program runs under a chain of three processes:
//
//	ablate run → ablate supervise → ablate exec → program
//
// On Linux each link survives the death of any other without leaving a process
// behind. If run dies, exec reads the end of its standard input and stops cleanly.
// If supervise dies, exec is sent SIGTERM and stops cleanly. If exec is killed,
// the kernel kills the program, and supervise, which inherits what the program
// started, kills that. An exec that cannot stop cleanly ends itself (launch.Child).
// Elsewhere supervise only passes through, and what a program starts in a session of
// its own is out of reach.
package process

import (
	"os/exec"
	"runtime"
)

// Start starts a command on a thread that lives until the command ends, since the
// kernel takes the end of the starting thread for the death of the parent. wait
// waits for the end of the command and returns what cmd.Wait returns.
func Start(cmd *exec.Cmd) (wait func() error, err error) {
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() { // ends with the command
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return func() error { return <-ended }, nil
}
