package cli

import (
	"context"
	"errors"
)

// Stop is the cause of a context that a signal or a broken pipe cancelled. A shell
// gives a process that a signal ended the same exit code.
type Stop struct {
	Code int
	text string // "" if the terminal is gone
}

// The causes that main distinguishes.
var (
	Interrupted = Stop{130, "Interrupted."}
	Terminated  = Stop{143, "Terminated."}
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
