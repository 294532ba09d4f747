// Package cli turns arguments into requests, carries them out with the packages
// below, and turns what comes back into events and exit codes. Each command has a
// file with its request: a struct that holds its options and whose method do calls
// the packages below. Rendering belongs to package view; nothing here prints by
// itself.
package cli

import (
	"context"
	"errors"
	"io"
	"slices"

	"ablate/cache/fsys"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/run"
)

// Exit codes, as every command's help lists them.
const (
	ExitDone    = 0
	ExitError   = 1
	ExitChanges = 2
	ExitPartial = 3
	ExitDamage  = 4
)

// App is the environment of one invocation.
type App struct {
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Environ []string
	Kinds   []pipeline.Kind
	Files   fsys.FS // that holds the store; nil means the operating system's
}

// exitError is an outcome that is no failure but has its own exit code. Whatever
// there is to say has been said.
type exitError struct{ code int }

func (e exitError) Error() string { return "" }

// Run executes a command line and returns the exit code.
func (a App) Run(ctx context.Context, args []string) int {
	s := &session{app: a}
	defer s.closeIdle()
	root := rootCommand(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && slices.Contains(args, "--json") {
		s.json = true // also where a mistake before it ended the reading of flags
	}
	code := s.exit(ctx, err)
	if lost := s.view().Lost(); lost != nil {
		if stop := stopOf(ctx); stop == BrokenPipe {
			return stop.Code
		}
		s.view().Note("Error: cannot write the result: %v", lost)
		return ExitError
	}
	return code
}

// exit reports an error once and maps it to an exit code.
func (s *session) exit(ctx context.Context, err error) int {
	var with exitError
	var failed *run.FailedError
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &with):
		return with.code
	case ctx.Err() != nil:
		stop := stopOf(ctx)
		switch {
		case stop.text != "" && s.resumes:
			s.view().Note("%s Finished results are cached; run again to resume.", stop.text)
		case stop.text != "":
			s.view().Note("%s", stop.text)
		}
		return stop.Code
	case errors.As(err, &failed): // each failure was reported when it happened
		return ExitError
	}
	if list, ok := diag.From(err); ok {
		s.view().Diagnostics(list)
		return ExitError
	}
	s.view().Error(err)
	return ExitError
}
