package launch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ablate/cache"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/process"
	"ablate/pipeline/run"
)

// Slurm launches actions in the allocations of a cluster, as one executor block
// says. All executors of one cluster share a Cluster.
type Slurm struct {
	Cluster *Cluster
	Config  study.Executor
	Detach  bool // return once actions are submitted
}

// LogPath implements run.Launcher.
func (s Slurm) LogPath(k cache.Key) string { return Local{Logs: s.Cluster.Logs}.LogPath(k) }

// Launch implements run.Launcher. It adopts the job of an earlier coordinator
// where there is one.
func (s Slurm) Launch(ctx context.Context, req action.Request, progress func(pipeline.Progress)) error {
	w := &watch{slurm: s, request: req, progress: progress, ended: make(chan error, 1)}
	s.Cluster.add(w)
	select {
	case err := <-w.ended:
		return err
	case <-ctx.Done():
		taken := errors.Is(context.Cause(ctx), run.ErrLost) // the job is the other machine's
		s.Cluster.release(w, s.Config.OnInterrupt == "cancel" && !taken)
		if err := <-w.ended; errors.Is(err, run.ErrDetached) && !taken {
			return err
		}
		return context.Cause(ctx)
	}
}

// timeLimitNotice is how long before its time limit a job is warned.
const timeLimitNotice = 120 * time.Second

// submission returns the arguments of sbatch for a batch.
func (s Slurm) submission(b *batch, spool string) []string {
	c := s.Config
	args := []string{
		"--parsable", "--job-name=" + b.name(), "--comment=" + b.comment(),
		"--kill-on-invalid-dep=yes", "--requeue", "--open-mode=append",
		fmt.Sprintf("--nodes=%d", max(1, b.Resources.Nodes)), tasks(b.Resources), "--chdir=/",
		fmt.Sprintf("--array=0-%d%%%d", len(b.Tasks)-1, max(1, c.Jobs/c.PerAllocation)),
	}
	if c.Shared {
		args = append(args, "--output="+filepath.Join(s.nodePath(spool), "task-%a.out"))
	} else {
		args = append(args, "--output="+s.nodeLog(b)+"%a")
	}
	before := timeLimitNotice
	if c.Time > 0 {
		before = min(timeLimitNotice, c.Time/4)
		args = append(args, fmt.Sprintf("--time=%d", (c.Time+time.Minute-1)/time.Minute)) // Slurm counts minutes
	}
	args = append(args, fmt.Sprintf("--signal=B:USR1@%d", int(before/time.Second)))
	if c.Partition != "" {
		args = append(args, "--partition="+c.Partition)
	}
	if n := b.Resources.CPUs; n > 0 {
		args = append(args, "--cpus-per-task="+strconv.Itoa(n))
	}
	if n := b.Resources.GPUs; n > 0 {
		args = append(args, "--gres=gpu:"+strconv.Itoa(n))
	}
	if n := b.Resources.Memory; n > 0 {
		const mebibyte = 1 << 20
		args = append(args, fmt.Sprintf("--mem=%dM", (n+mebibyte-1)/mebibyte)) // 0 would be all of the node's
	}
	return append(args, c.Arguments...)
}

// tasks is the option for the number of tasks. The batch script runs once; a program
// starts the tasks of its job with srun.
func tasks(r study.Resources) string {
	if r.Nodes <= 1 && r.TasksPerNode == 0 {
		return "--ntasks=1"
	}
	return fmt.Sprintf("--ntasks-per-node=%d", max(1, r.TasksPerNode))
}

// nodeLog is where a job writes its output on a node that does not see the store.
func (s Slurm) nodeLog(b *batch) string { return "/tmp/" + b.name() + "-" }

// script returns the batch script. With exec, the signals that Slurm sends to the
// batch process reach ablate. Where the store is not visible, the script holds the
// requests.
func (s Slurm) script(spool, parcel string) string {
	program := s.Cluster.Program
	if s.Config.Program != "" {
		program = s.Config.Program
	}
	words := []string{"exec", "env"}
	switch {
	case s.Config.Shared:
		words = append(words, "ABLATE_CACHE_DIR="+s.nodePath(s.Cluster.Store), program, "exec", "--spool", s.nodePath(spool))
	default:
		words = append(words, "ABLATE_REMOTE="+s.Cluster.Remote, "ABLATE_REMOTE_NAMESPACE="+s.Cluster.Namespace)
		if s.Config.Store != "" {
			words = append(words, "ABLATE_CACHE_DIR="+s.Config.Store)
		}
		words = append(words, program, "exec", "--through", "--spool", "-")
	}
	for i, w := range words {
		words[i] = process.ShellQuote(w)
	}
	text := "#!/bin/sh\n" + strings.Join(words, " ")
	if !s.Config.Shared {
		text += " <<'END'\n" + parcel + "\nEND"
	}
	return text + "\n"
}

// nodePath is a path in the store's folder as the nodes see it.
func (s Slurm) nodePath(path string) string {
	rest, ok := strings.CutPrefix(path, s.Cluster.Store)
	if s.Config.Store == "" || !ok {
		return path
	}
	return s.Config.Store + rest
}
