//go:build unix

package hcl

import (
	"syscall"
	"time"
)

// cpuTime is the processor time that this process has used. On a busy machine it is
// much less than the time on the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
