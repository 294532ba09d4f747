// Package run carries out plans: it schedules the tasks over lanes, retries,
// pulls, and publishes what it computes. It renders nothing.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
)

// Launcher runs an action in a process of its own. When it returns nil the
// entry is published.
type Launcher interface {
	// Launch returns ErrLeft when the action goes on without this process.
	Launch(ctx context.Context, r action.Request, progress func(pipeline.Progress)) error
	// LogPath is where the action's log is kept.
	LogPath(k cache.Key) string
}

// ErrLeft says that an action was handed to an executor that computes it
// without us, and that nobody here waits for it.
var ErrLeft = errors.New("left to its executor")

// Executor is a place beyond this process where actions run.
type Executor struct {
	Launcher Launcher
	Slots    int // actions at once
	// Queued says that an action may wait there for long before it starts, so
	// that only the child knows when its timeout has passed.
	Queued bool
}

// Runner carries out plans.
type Runner struct {
	Planner   *planner.Planner
	Launcher  Launcher
	Host      action.Host
	Log       *slog.Logger
	Jobs      int                 // actions at once on this machine; 0 means one per core
	Executors map[string]Executor // by label, beside this machine
	Trace     bool                // let stages say what they read without declaring it
	KeepGoing bool                // after a failure, run what does not depend on it
	Observe   func(Event)         // called by one goroutine at a time; may be nil
	Published func(cache.Entry)   // told of each entry that an action made; may be nil
}

// Run computes what the plan says, and what becomes known on the way. A failed
// step is reported as an event and counted; the error is a *FailedError then.
// Cancelling the context stops the running steps cleanly.
func (r *Runner) Run(ctx context.Context, plan *planner.Plan) (Summary, error) {
	x := newExecution(r, plan)
	defer context.AfterFunc(ctx, x.wake)()
	x.start(ctx)
	x.workers.Wait()
	summary, failed := x.summary()
	switch {
	case ctx.Err() != nil:
		return summary, context.Cause(ctx)
	case len(failed) > 0:
		return summary, &FailedError{Failed: failed, Skipped: Total(summary.Skipped)}
	case len(summary.Left) > 0:
		return summary, ErrLeft
	}
	return summary, nil
}

// FailedError says that steps of a run failed. Each was reported as an event.
type FailedError struct {
	Failed  []*planner.Task
	Skipped int // steps that were not run because of them
}

func (e *FailedError) Error() string {
	if len(e.Failed) == 1 {
		return e.Failed[0].Address.String() + " failed"
	}
	return fmt.Sprintf("%d instances failed", len(e.Failed))
}

// jobs is the number of workers on this machine.
func (r *Runner) jobs() int {
	if r.Jobs > 0 {
		return r.Jobs
	}
	return runtime.NumCPU()
}

// compute runs one step whose key this process has locked.
func (r *Runner) compute(ctx context.Context, plan *planner.Plan, s *planner.Task, threads int, progress func(pipeline.Progress)) error {
	planned, err := s.Action()
	if err != nil {
		return err
	}
	if err := prefetch(ctx, s.Spec(), r.Planner.Sources); err != nil {
		return err
	}
	if !s.Kind().Child {
		now, err := planned.Again()
		if err != nil {
			return err
		}
		w := action.Worker{Store: r.Planner.Store, Host: r.Host, Threads: threads, Trace: r.Trace, Log: r.Log, Progress: progress, Clock: time.Now}
		_, err = w.Compute(ctx, now)
		return err
	}
	req, err := planned.Request()
	if err != nil {
		return err
	}
	req.Threads, req.Trace, req.Resources = threads, r.Trace, s.Runtime().Resources
	if r.queued(s) {
		req.Timeout = s.Runtime().Timeout
	}
	return r.launcher(s).Launch(ctx, req, progress)
}

// launcher is where a step runs, when it needs a process of its own.
func (r *Runner) launcher(s *planner.Task) Launcher {
	if e, ok := r.Executors[s.Executor()]; ok {
		return e.Launcher
	}
	return r.Launcher
}

// queued reports whether a step may wait for long at its executor.
func (r *Runner) queued(s *planner.Task) bool { return r.Executors[s.Executor()].Queued }

// attempts runs a step under its timeout, again after machine failures.
func (r *Runner) attempts(ctx context.Context, plan *planner.Plan, s *planner.Task, threads int, emit func(Event)) error {
	rt := s.Runtime()
	timeout := rt.Timeout
	if r.queued(s) {
		timeout = 0
	}
	for try := 0; ; try++ {
		err := r.attempt(ctx, timeout, func(ctx context.Context) error {
			return r.compute(ctx, plan, s, threads, func(p pipeline.Progress) {
				emit(Event{Type: StageProgress, Progress: p})
			})
		})
		if err == nil || ctx.Err() != nil || try >= rt.Retries || isUserMistake(err) || errors.Is(err, ErrLeft) {
			return err
		}
		emit(Event{Type: StageRetry, Err: err})
	}
}

func (r *Runner) attempt(ctx context.Context, timeout time.Duration, run func(context.Context) error) error {
	if timeout <= 0 {
		return run(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, TimeoutError(timeout))
	defer cancel()
	return run(ctx)
}

// TimeoutError says that an instance took longer than its runtime block allows.
type TimeoutError time.Duration

func (e TimeoutError) Error() string {
	return fmt.Sprintf("the timeout of %s in its runtime block passed", time.Duration(e))
}
