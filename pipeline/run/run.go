// Package run carries out plans: it schedules tasks over this machine and other
// executors, retries, pulls, and publishes results. It renders nothing.
package run

import (
	"context"
	"errors"
	"log/slog"
	"runtime"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
)

// Launcher runs an action in a process of its own.
type Launcher interface {
	// Launch returns nil once the entry is published, and ErrDetached when the
	// action runs on without this process.
	Launch(ctx context.Context, r action.Request, progress func(pipeline.Progress)) error
	// LogPath is where the action's log is kept.
	LogPath(k cache.Key) string
}

// ErrDetached says that an action was handed to an executor that computes it
// without this process.
var ErrDetached = errors.New("detached; still running on its executor")

// ErrLost is the cause that stops an action whose lease was lost. What runs on an
// executor then belongs to the other machine, too.
var ErrLost = errors.New("lost the lease: another machine is computing this result")

// FinalError is a failure that another attempt would only repeat: the executor lacks what
// the action asks for, or refuses it. Retries are for failures of the action's process.
type FinalError struct{ Err error }

func (e FinalError) Error() string { return e.Err.Error() }

func (e FinalError) Unwrap() error { return e.Err }

// Executor is a place other than this process where actions run.
type Executor struct {
	Launcher Launcher
	Slots    int // actions at once
}

// Runner carries out plans.
type Runner struct {
	Store     planner.Store
	Sources   pipeline.Sources
	Launcher  Launcher
	Host      action.Host
	Log       *slog.Logger
	Jobs      int                 // actions at once on this machine; 0 means one per core
	Executors map[string]Executor // by label, beside this machine
	Trace     bool                // let stages report what they read without declaring it
	KeepGoing bool                // after a failure, run what does not depend on it
	Observe   func(Event)         // called by one goroutine at a time; may be nil
	Published func(cache.Entry)   // called with each entry that an action made; may be nil
	Known     func([]cache.Key)   // called with keys that become known during the run; may be nil
}

// Run computes what the plan says, and what becomes known on the way. A failed
// task is reported as an event and counted; the error is then a *FailedError.
// Cancelling the context stops running tasks cleanly.
func (r *Runner) Run(ctx context.Context, plan *planner.Plan) (Summary, error) {
	x := newExecution(r, plan)
	defer context.AfterFunc(ctx, x.wake)()
	x.start(ctx)
	x.workers.Wait()
	summary, failed := x.summary()
	switch {
	case ctx.Err() != nil:
		return summary, context.Cause(ctx)
	case failed != nil:
		return summary, failed
	case len(summary.Detached) > 0:
		return summary, ErrDetached
	}
	return summary, nil
}

// DeclaredFiles lists the files of the study that unfinished tasks of a plan read, as
// the study names them.
func DeclaredFiles(plan *planner.Plan) []pipeline.Files {
	var out []pipeline.Files
	for _, t := range plan.Tasks {
		if reader, ok := t.Spec().(pipeline.FileReader); ok && t.Status != planner.Hit {
			out = append(out, reader.DeclaredFiles()...)
		}
	}
	return out
}

// jobs is the number of workers on this machine.
func (r *Runner) jobs() int {
	if r.Jobs > 0 {
		return r.Jobs
	}
	return runtime.NumCPU()
}

// launcher is where a task runs that needs a process of its own.
func (r *Runner) launcher(t *planner.Task) Launcher {
	if e, ok := r.Executors[t.Executor()]; ok {
		return e.Launcher
	}
	return r.Launcher
}
