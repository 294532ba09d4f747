package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"time"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// Exit codes of ablate exec in an allocation. Slurm requeues on ExitStopped
// where the cluster says so.
const (
	ExitStopped = 75 // it kept what it had reached and wants to be called again
	ExitUnseen  = 76 // the spool is not visible from the node
)

// ErrUnseen says that a node does not see the coordinator's folder.
var ErrUnseen = errors.New("the spool folder cannot be read")

// ErrStopped says that the actions of an allocation ended early and can go on.
var ErrStopped = errStopped

// ErrTimeLimit is the cause of a context that Slurm's warning cancelled.
var ErrTimeLimit = errors.New("the allocation's time is almost over")

// Node computes the actions of one task of a batch, one after another, on a
// node of the cluster.
type Node struct {
	Spool     string // the batch's folder; Unpack makes it where the coordinator's is not seen
	Environ   []string
	Local     Local
	Published func(context.Context, cache.Key) (bool, error)
	Log       *slog.Logger
}

// Run returns ErrStopped, ErrUnseen, or that an action failed: the coordinator
// has been told why.
func (n Node) Run(ctx context.Context) error {
	task, _ := strconv.Atoi(n.environ("SLURM_ARRAY_TASK_ID"))
	number, _ := strconv.Atoi(n.environ("SLURM_RESTART_COUNT")) // absent the first time
	raw, err := os.ReadFile(filepath.Join(n.Spool, taskFile(task)))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnseen, err)
	}
	var requests []action.Request
	if err := json.Unmarshal(raw, &requests); err != nil {
		return fmt.Errorf("reading the requests of a task: %w", err)
	}
	failed := 0
	for _, req := range requests {
		err := n.compute(ctx, req, number)
		switch {
		case ctx.Err() != nil:
			return n.stopped(context.Cause(ctx))
		case err != nil:
			n.Log.Error("failed", "address", req.Address.String(), "error", err)
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d actions failed", failed, len(requests))
	}
	return nil
}

// compute runs one action and writes what it answers into this attempt's file.
func (n Node) compute(ctx context.Context, req action.Request, number int) error {
	if ok, err := n.Published(ctx, req.Key); ok || err != nil {
		return err
	}
	before := attempts(n.Spool, req.Key)
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
	best := 0
	said := time.Time{}
	l := n.Local
	l.Append = len(before) > 0
	// Slurm has given the allocation what was asked for, GPUs included.
	err = l.Launch(ctx, req, func(p pipeline.Progress) {
		const often = time.Second // a file server sees this, for every trial
		best = max(best, p.Step)
		if p.Step == p.Steps || time.Since(said) >= often {
			said = time.Now()
			answer.send(message{Progress: &p})
		}
	})
	switch {
	case err == nil:
		answer.send(message{Done: &struct{}{}})
	case ctx.Err() != nil || errors.Is(err, errStopped):
		err = standstill(before, best, context.Cause(ctx))
		if err != nil {
			answer.send(message{Failed: newFailure(err)})
			return err
		}
		answer.send(message{Progress: &pipeline.Progress{Step: best}})
		answer.send(message{Stopped: &struct{}{}})
		return errStopped
	default:
		answer.send(message{Failed: newFailure(err)})
	}
	return err
}

// standstill refuses to go on for ever when two allocations in a row have
// ended at their time limit and come no further.
func standstill(before []attempt, best int, cause error) error {
	if !errors.Is(cause, ErrTimeLimit) || len(before) == 0 {
		return nil
	}
	last := before[len(before)-1]
	if !last.stopped || best > last.best {
		return nil
	}
	return fmt.Errorf("two allocations in a row ended at their time limit at step %d: give the executor more time, or the stage a checkpoint { every } that one allocation can reach", best)
}

// stopped asks Slurm to run the job again when its time is over. A job that is
// preempted is requeued by Slurm, and one that is cancelled shall not come back.
func (n Node) stopped(cause error) error {
	if !errors.Is(cause, ErrTimeLimit) {
		return ErrStopped
	}
	out, err := osexec.Command("scontrol", "requeue", n.environ("SLURM_JOB_ID")).CombinedOutput()
	if err != nil { // the coordinator submits it again
		n.Log.Warn("the job cannot be requeued", "error", err, "scontrol", string(out))
	}
	return ErrStopped
}

func (n Node) environ(name string) string {
	for _, kv := range n.Environ {
		if len(kv) > len(name) && kv[:len(name)] == name && kv[len(name)] == '=' {
			return kv[len(name)+1:]
		}
	}
	return ""
}
