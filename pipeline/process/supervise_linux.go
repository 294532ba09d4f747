package process

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// KillSignal makes a supervisor kill its child and everything the child started.
const KillSignal = syscall.SIGQUIT

// Supervise runs a command with this process's standard streams, kills everything
// that it leaves running, and returns its exit code; or it dies of the signal that
// the command died of. Other signals than KillSignal are passed on.
func Supervise(argv []string) (int, error) {
	runtime.LockOSThread() // the child is sent SIGTERM when this thread ends
	AdoptOrphans()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, KillSignal)
	child, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Env: os.Environ(),
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM},
	})
	if err != nil {
		return 1, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	go func() { // ends with the process
		for s := range signals {
			if s == KillSignal {
				s = syscall.SIGKILL
			}
			syscall.Kill(child.Pid, s.(syscall.Signal))
		}
	}()
	status := reapUntil(child.Pid)
	killChildren()
	if status.Signaled() {
		dieOf(status.Signal())
	}
	return status.ExitStatus(), nil
}

// reapUntil reaps children, adopted ones too, until one has ended.
func reapUntil(pid int) syscall.WaitStatus {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case got == pid && (status.Exited() || status.Signaled()):
			return status
		case err == syscall.ECHILD:
			return 1 << 8 // it was reaped already: exit status 1
		}
	}
}

// dieOf lets the parent see the signal that ended the child.
func dieOf(s syscall.Signal) {
	signal.Reset(s)
	syscall.Kill(os.Getpid(), s)
	os.Exit(128 + int(s)) // of a signal whose default is not death
}
