package run

import (
	"context"
	"os"
	"slices"
	"time"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
)

// This file records how a task ended, and what that means for its dependents.

// done reports a task that this run computed. How long that took is without its wait for
// a device, a host or Slurm, where the provenance can be read. An entry that was there
// before, and lacked an artifact, keeps its own.
func (x *execution) done(ctx context.Context, t *planner.Task, elapsed time.Duration) {
	if p, err := action.ProvenanceOf(ctx, x.runner.Store, t.Entry()); err == nil {
		elapsed = min(elapsed, p.Finished.Sub(p.Started))
	}
	if x.runner.Published != nil {
		x.runner.Published(t.Entry())
	}
	x.emit(t, Event{Type: StageDone, Elapsed: elapsed})
	x.finish(ctx, t, &x.ran)
}

// finish adds a task to a list of finished ones and releases its dependents.
func (x *execution) finish(ctx context.Context, t *planner.Task, list *[]*planner.Task) {
	x.mu.Lock()
	delete(x.todo, t)
	*list = append(*list, t)
	free := x.release(t)
	x.mu.Unlock()

	invalid, err := x.plan.Advance(ctx, x.runner.Store, free)
	x.known(free)

	x.mu.Lock()
	for _, f := range free {
		switch {
		case slices.Contains(invalid, f):
		case x.todo[f.SameAs()]:
			x.blocked[f] = 1
		default:
			x.lane(f).add(f)
		}
	}
	x.changed.Broadcast()
	x.mu.Unlock()
	for i, f := range invalid {
		if i > 0 { // one cause is reported once
			x.skip(f)
			continue
		}
		x.fail(ctx, f, err, 0)
	}
}

// known reports the keys that tasks got.
func (x *execution) known(tasks []*planner.Task) {
	var keys []cache.Key
	for _, t := range tasks {
		if !t.Key.IsZero() {
			keys = append(keys, t.Key)
		}
	}
	if x.runner.Known != nil && len(keys) > 0 {
		x.runner.Known(keys)
	}
}

// release counts a finished task off its dependents and returns those that wait
// for nothing more. Called with mu held.
func (x *execution) release(t *planner.Task) []*planner.Task {
	if t.Role == pipeline.Definition { // nothing waits for it
		return nil
	}
	var free []*planner.Task
	for _, user := range x.waiting(t) {
		if _, waits := x.blocked[user]; !waits {
			continue
		}
		x.blocked[user]--
		if x.blocked[user] == 0 {
			delete(x.blocked, user)
			free = append(free, user)
		}
	}
	return free
}

// waiting lists the tasks that may wait for a task: those that refer to it, and
// those of the same key.
func (x *execution) waiting(t *planner.Task) []*planner.Task {
	return slices.Concat(x.plan.Users(t), x.plan.Duplicates(t))
}

// fail reports a failed task and skips its dependents. Without KeepGoing it stops
// the run.
func (x *execution) fail(ctx context.Context, t *planner.Task, err error, elapsed time.Duration) {
	if ctx.Err() != nil { // stopped, not failed
		return
	}
	if list, ok := diagnostics(err); ok {
		err = t.Place(list).Err()
	}
	x.emit(t, Event{Type: StageFailed, Err: err, Elapsed: elapsed, LogPath: x.logPath(t, elapsed)})
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.todo, t)
	x.failed = append(x.failed, t)
	x.skipUsers(t)
	if !x.runner.KeepGoing {
		x.stopping = true
	}
	x.changed.Broadcast()
}

// logPath returns where the log of a task is that failed after some time, "" where no
// process was started. A log from before is that of an earlier run.
func (x *execution) logPath(t *planner.Task, elapsed time.Duration) string {
	const skew = time.Minute // of the clock of the machine that wrote it
	if !t.Kind().Child || elapsed == 0 {
		return ""
	}
	path := x.runner.launcher(t).LogPath(t.Key)
	info, err := os.Stat(path)
	if err != nil || time.Since(info.ModTime()) > elapsed+skew {
		return ""
	}
	return path
}

// detach leaves a task to its executor and skips its dependents.
func (x *execution) detach(t *planner.Task) {
	x.emit(t, Event{Type: StageDetached})
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.todo, t)
	x.detached = append(x.detached, t)
	x.skipUsers(t)
	x.changed.Broadcast()
}

func (x *execution) skip(t *planner.Task) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.todo, t)
	x.skipped = append(x.skipped, t)
	x.skipUsers(t)
	x.changed.Broadcast()
}

// skipUsers gives up what depends on a task. Called with mu held.
func (x *execution) skipUsers(t *planner.Task) {
	for _, user := range x.waiting(t) {
		if _, waits := x.blocked[user]; !waits || !x.todo[user] {
			continue
		}
		delete(x.blocked, user)
		delete(x.todo, user)
		x.skipped = append(x.skipped, user)
		x.skipUsers(user)
	}
}
