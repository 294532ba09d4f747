package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ablate/cache/fsys"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/run"
)

// Exit codes of ablate exec in an allocation. Slurm requeues on ExitStopped
// where the cluster says so.
const (
	ExitStopped = 75 // it saved its progress and wants to be run again
	ExitUnseen  = 76 // the spool is not visible from the node
)

// ErrUnseen says that a node does not see the coordinator's spool.
var ErrUnseen = errors.New("the spool folder cannot be read")

// ErrTimeLimit is the cause of a context that Slurm's warning cancelled.
var ErrTimeLimit = errors.New("the allocation's time is almost over")

// Allocation computes the actions of one task of a batch, one after another, on a
// node of the cluster. It keeps children from one action to the next.
type Allocation struct {
	Spool string // the batch's folder; Unpack makes it where the coordinator's is not visible
	Local Local
	Log   *slog.Logger
}

// Run computes the actions. It returns ErrStopped, ErrUnseen, or that an action
// failed; why is in the spool.
func (n Allocation) Run(ctx context.Context) error {
	task, _ := strconv.Atoi(n.environ("SLURM_ARRAY_TASK_ID"))
	number, _ := strconv.Atoi(n.environ("SLURM_RESTART_COUNT")) // absent the first time
	raw, err := fsys.ReadRegular(filepath.Join(n.Spool, taskFile(task)), maxSpoolFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnseen, err)
	}
	var requests []action.Request
	if err := json.Unmarshal(raw, &requests); err != nil {
		return fmt.Errorf("reading the requests of a task: %w", err)
	}
	var idle IdleChildren
	defer idle.Close()
	n.Local.Idle = &idle
	failed := 0
	for _, req := range requests {
		err := n.compute(ctx, req, number)
		switch {
		case ctx.Err() != nil:
			return n.stopped(context.WithoutCancel(ctx), context.Cause(ctx))
		case err != nil:
			n.Log.Error("action failed", "address", req.Address.String(), "error", err)
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d actions failed", failed, len(requests))
	}
	return nil
}

// compute computes one action and writes its messages to this attempt's file.
func (n Allocation) compute(ctx context.Context, req action.Request, number int) error {
	var before attempt
	before.read(newestAttempts(n.Spool)[req.Key])
	f, err := os.OpenFile(filepath.Join(n.Spool, attemptFile(req.Key, number)), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnseen, err)
	}
	defer f.Close()
	answer := &answerer{enc: json.NewEncoder(f)}
	n.Log.Info("start", "address", req.Address.String(), "key", req.Key.String(), "attempt", number)
	if req.Threads == 0 {
		req.Threads, _ = strconv.Atoi(n.environ("SLURM_CPUS_ON_NODE"))
	}
	best, reports := 0, &reporter{file: f, answer: answer}
	l := n.Local
	l.Append = before.path != ""
	// Slurm has given the allocation the resources, GPUs included.
	err = l.Launch(ctx, req, func(p pipeline.Progress) {
		best = max(best, p.Step)
		reports.report(p)
	})
	switch {
	case err == nil:
		reports.flush()
		answer.send(message{Done: &struct{}{}})
	case ctx.Err() != nil || errors.Is(err, ErrStopped):
		err = checkProgress(before, best, context.Cause(ctx))
		if err != nil {
			answer.send(message{Failed: newFailure(err)})
			return err
		}
		answer.send(message{Progress: &pipeline.Progress{Step: best}})
		answer.send(message{Stopped: &struct{}{}})
		return ErrStopped
	default:
		answer.send(message{Failed: newFailure(err)})
	}
	return err
}

// reporter writes progress to the file of an attempt. The longer the file, the less
// often: the file server sees the reports of every trial. It belongs to one goroutine.
type reporter struct {
	file   io.Seeker
	answer *answerer
	sent   time.Time
	held   *pipeline.Progress // the last report, if it was too soon
}

func (r *reporter) report(p pipeline.Progress) {
	size, _ := r.file.Seek(0, io.SeekCurrent) // never fails for a file
	if r.held = &p; p.Step == p.Steps || time.Since(r.sent) >= run.ProgressGap(size) {
		r.sent = time.Now()
		r.flush()
	}
}

// flush writes the last report if it was held.
func (r *reporter) flush() {
	if r.held != nil {
		r.answer.send(message{Progress: r.held})
		r.held = nil
	}
}

// checkProgress fails when two allocations in a row ended at their time limit and
// the second got no further, since a third would not either.
func checkProgress(before attempt, best int, cause error) error {
	if !errors.Is(cause, ErrTimeLimit) || !before.stopped || best > before.best {
		return nil
	}
	return fmt.Errorf("two allocations in a row ended at their time limit at step %d: raise the executor's time, or lower checkpoint { every } so that one allocation reaches a checkpoint", best)
}

// stopped asks Slurm to run the job again when its time limit ended it. Slurm itself
// requeues a job that is preempted, and one that is cancelled must not come back.
func (n Allocation) stopped(ctx context.Context, cause error) error {
	if !errors.Is(cause, ErrTimeLimit) {
		return ErrStopped
	}
	if _, err := runSlurm(ctx, "scontrol", "requeue", n.environ("SLURM_JOB_ID")); err != nil { // the coordinator submits it again
		n.Log.Warn("cannot requeue the job", "error", err)
	}
	return ErrStopped
}

func (n Allocation) environ(name string) string {
	for _, kv := range n.Local.Environ {
		if len(kv) > len(name) && kv[:len(name)] == name && kv[len(name)] == '=' {
			return kv[len(name)+1:]
		}
	}
	return ""
}
