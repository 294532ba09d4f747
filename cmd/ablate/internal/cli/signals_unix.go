//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// onTimeLimit calls f when Slurm signals that the allocation's time is almost up. The
// returned function stops listening.
func onTimeLimit(f func()) (stop func()) {
	warned := make(chan os.Signal, 1)
	signal.Notify(warned, syscall.SIGUSR1)
	done := make(chan struct{})
	go func() {
		select {
		case <-warned:
			f()
		case <-done:
		}
	}()
	return func() {
		signal.Stop(warned)
		close(done)
	}
}
