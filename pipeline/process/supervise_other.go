//go:build !linux

package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// KillSignal ends a supervisor.
const KillSignal = syscall.SIGKILL

// Supervise runs a command with this process's standard streams and returns its exit
// code.
func Supervise(argv []string) (int, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
