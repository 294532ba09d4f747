//go:build windows

package cli

// onTimeLimit does nothing: there is no Slurm on this system.
func onTimeLimit(func()) (stop func()) { return func() {} }
