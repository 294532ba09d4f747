package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
)

// attempts computes a task, again after machine failures.
func (r *Runner) attempts(ctx context.Context, t *planner.Task, threads int, emit func(Event)) error {
	for try := 0; ; try++ {
		err := r.compute(ctx, t, threads, func(p pipeline.Progress) {
			emit(Event{Type: StageProgress, Progress: p})
		})
		if err == nil || ctx.Err() != nil || try >= t.Runtime().Retries || isFinal(err) || errors.Is(err, ErrDetached) {
			return err
		}
		emit(Event{Type: StageRetry, Err: err})
	}
}

// WithTimeout returns a context that ends after the timeout of a runtime block, if that
// has one. An action may wait for long before it starts: the timeout is of what computes
// it.
func WithTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("exceeded the timeout of %s in its runtime block", timeout))
}

// compute computes one task whose key this process has locked.
func (r *Runner) compute(ctx context.Context, t *planner.Task, threads int, progress func(pipeline.Progress)) error {
	planned, err := t.Action()
	if err != nil {
		return err
	}
	if err := prefetch(ctx, t.Spec(), r.Sources); err != nil {
		return err
	}
	if !t.Kind().Child {
		now, err := planned.Redescribe(r.Sources)
		if err != nil {
			return err
		}
		ctx, cancel := WithTimeout(ctx, t.Runtime().Timeout)
		defer cancel()
		w := action.Worker{Store: r.Store, Host: r.Host, Threads: threads, Trace: r.Trace, Log: r.Log, Progress: progress, Clock: time.Now}
		_, err = w.Compute(ctx, now)
		return err
	}
	req, err := planned.Request(r.Sources)
	if err != nil {
		return err
	}
	req.Threads, req.Trace = threads, r.Trace
	req.Resources, req.Timeout = t.Runtime().Resources, t.Runtime().Timeout
	return r.launcher(t).Launch(ctx, req, progress)
}

// prefetcher is sources that can copy remote sources into the store.
type prefetcher interface {
	Prefetch(ctx context.Context, source string) error
}

// prefetch copies what a stage reads from other machines into the store. The
// process that computes it finds it there, and needs neither a network nor the
// user's credentials.
func prefetch(ctx context.Context, stage pipeline.Stage, sources pipeline.Sources) error {
	reader, ok := stage.(pipeline.RemoteReader)
	from, can := sources.(prefetcher)
	if !ok || !can {
		return nil
	}
	for _, source := range reader.Remotes() {
		if err := from.Prefetch(ctx, source); err != nil {
			return err
		}
	}
	return nil
}

// diagnosed is an error about something that the study names, such as a source
// that cannot be fetched.
type diagnosed interface{ Diagnostics() diag.List }

// diagnostics returns the diagnostics that an error carries.
func diagnostics(err error) (diag.List, bool) {
	var d diagnosed
	if errors.As(err, &d) {
		return d.Diagnostics(), true
	}
	return diag.From(err)
}

// isFinal reports whether another attempt would fail the same way.
func isFinal(err error) bool {
	var final FinalError
	_, mistake := diag.From(err)
	return mistake || errors.As(err, &final)
}
