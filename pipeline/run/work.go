package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ablate/pipeline/planner"
)

// lockPoll is how often a task is tried again whose key another process is
// computing. Much longer than a stat, much shorter than a trial.
const lockPoll = 300 * time.Millisecond

// waitGap is the time between two reports that a task waits. The page of ablate ui
// takes a task that has not reported for 15 s as abandoned.
const waitGap = 5 * time.Second

// work carries one task out, or puts it back when another process is computing the
// same key. The lock is given back before dependents are released: a duplicate of the
// task would find it taken.
func (x *execution) work(ctx context.Context, t *planner.Task, threads int) {
	var end func()
	unlock, ok, err := x.runner.Store.TryLock(t.Key)
	switch {
	case err != nil:
		end = func() { x.fail(ctx, t, fmt.Errorf("locking the key: %w", err), 0) }
	case !ok:
		end = func() { x.retryLater(ctx, t) }
	default:
		x.mu.Lock()
		delete(x.waits, t)
		x.mu.Unlock()
		end = x.locked(ctx, t, threads)
		unlock() // what cannot be unlocked ends with this process
	}
	x.mu.Lock()
	x.held[t.Key]--
	x.lane(t).running--
	x.mu.Unlock()
	end()
}

// locked carries out a task whose key this process has locked. It returns what is to be
// done once the lock is given back.
func (x *execution) locked(ctx context.Context, t *planner.Task, threads int) (end func()) {
	found, err := x.plan.Settle(ctx, x.runner.Store, t)
	switch {
	case err != nil:
		return func() { x.fail(ctx, t, err, 0) }
	case found:
		return func() {
			x.emit(t, Event{Type: StageHit})
			x.finish(ctx, t, &x.hit)
		}
	case t.Status == planner.Pull:
		if end := x.pull(ctx, t); end != nil {
			return end
		}
	}
	x.emit(t, Event{Type: StageStart})
	started := time.Now()
	err = x.compute(ctx, t, threads)
	elapsed := time.Since(started)
	switch {
	case err == nil:
		return func() { x.done(ctx, t, elapsed) }
	case errors.Is(err, ErrLost) && ctx.Err() == nil: // the other machine's result will do
		return func() { x.retryLater(ctx, t) }
	case errors.Is(err, ErrDetached):
		return func() { x.detach(t) }
	}
	return func() { x.fail(ctx, t, err, elapsed) }
}

// compute computes a locked task and finds its entry, which may be there after a failure,
// too: the process published it, and was killed or lost before it could say so. The error
// is ErrLost when the lease was lost meanwhile.
func (x *execution) compute(ctx context.Context, t *planner.Task, threads int) error {
	held, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() { // ends with held
		select {
		case <-x.runner.Store.Lost(t.Key):
			stop(ErrLost)
		case <-held.Done():
		}
	}()
	err := x.runner.attempts(held, t, threads, func(e Event) { x.emit(t, e) })
	if err != nil && errors.Is(context.Cause(held), ErrLost) {
		return ErrLost
	}
	found, unknown := x.plan.Settle(ctx, x.runner.Store, t)
	switch {
	case found:
		return nil
	case err != nil:
		return err
	case unknown != nil:
		return unknown
	}
	return fmt.Errorf("the action ended without publishing an entry for key %s", t.Key)
}

// pull copies a task's entry here. It returns how the task ends, or nil where the entry
// cannot be pulled: it is computed instead.
func (x *execution) pull(ctx context.Context, t *planner.Task) (end func()) {
	started := time.Now()
	err := x.runner.Store.(planner.Puller).Pull(ctx, t.Entry(), t.Evictable)
	found := false
	if err == nil {
		found, err = x.plan.Settle(ctx, x.runner.Store, t)
	}
	switch {
	case err != nil:
		x.emit(t, Event{Type: StageRetry, Err: fmt.Errorf("pulling failed, computing instead: %w", err)})
		return nil
	case !found:
		return nil
	}
	elapsed := time.Since(started)
	return func() {
		x.emit(t, Event{Type: StagePulled, Elapsed: elapsed})
		x.mu.Lock()
		x.pulled = append(x.pulled, t)
		x.mu.Unlock()
		x.finish(ctx, t, &x.hit)
	}
}

// retryLater puts back a task that another process is computing, or an equal task of this
// run.
func (x *execution) retryLater(ctx context.Context, t *planner.Task) {
	x.mu.Lock()
	report := x.held[t.Key] == 0 && time.Since(x.waits[t]) >= waitGap
	if report {
		x.waits[t] = time.Now()
	}
	x.mu.Unlock()
	if report {
		x.emit(t, Event{Type: StageWaiting})
	}
	x.workers.Go(func() {
		select {
		case <-ctx.Done():
		case <-time.After(lockPoll):
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.lane(t).add(t)
		x.changed.Broadcast()
	})
}

func (x *execution) emit(t *planner.Task, e Event) {
	if x.runner.Observe == nil {
		return
	}
	e.Time, e.Address, e.Key, e.Block, e.Role, e.Label = time.Now(), t.Address, t.Key, t.Block, t.Role, t.Label
	x.events.Lock()
	defer x.events.Unlock()
	x.runner.Observe(e)
}
