package cli

import (
	"context"
	"errors"
)

// Stop is the cause of a context that a signal or a broken pipe cancelled. A request
// to stop exits with 130, whether it comes from Ctrl-C or as SIGTERM; for the others
// the exit code is that of a shell for a process that the signal ended.
type Stop struct {
	Code int
	text string // "" if the terminal is gone
}

// The causes that main distinguishes.
var (
	Interrupted = Stop{130, "Interrupted."}
	Terminated  = Stop{130, "Terminated."}
	HungUp      = Stop{129, "The terminal was closed."}
	BrokenPipe  = Stop{141, ""}
)

func (s Stop) Error() string { return s.text }

// stopOf returns why a context ended.
func stopOf(ctx context.Context) Stop {
	var s Stop
	if errors.As(context.Cause(ctx), &s) {
		return s
	}
	return Interrupted
}
