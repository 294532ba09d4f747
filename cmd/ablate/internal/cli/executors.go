package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ablate/cache"
	"ablate/cache/remote"
	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline/launch"
	"ablate/pipeline/run"
)

// executors makes the launchers that a study asks for. The cluster is nil when
// none of them is Slurm's.
func (g *globals) executors(w *workspace, detach bool) (map[string]run.Executor, *launch.Cluster, error) {
	c, err := g.config()
	if err != nil {
		return nil, nil, err
	}
	if err := c.Unknown(w.graph.Study).Err(); err != nil {
		return nil, nil, err
	}
	program, err := executable()
	if err != nil {
		return nil, nil, fmt.Errorf("finding the running program: %w", err)
	}
	var cluster *launch.Cluster
	out := make(map[string]run.Executor)
	for _, label := range w.labels() {
		e := c.Executors[label]
		switch e.Type {
		case "slurm":
			if cluster == nil {
				if cluster, err = g.cluster(w); err != nil {
					return nil, nil, err
				}
			}
			slots := e.Jobs
			if detach { // nobody waits: the array's limit holds them back
				slots = max(slots, len(w.graph.Study.Instances))
			}
			out[label] = run.Executor{Launcher: launch.Slurm{Cluster: cluster, Config: e, Detach: detach}, Slots: slots, Queued: true}
		case "ssh":
			s := &launch.SSH{Config: e, Program: program, Store: e.Store, Logs: w.store.LogDir(),
				Version: programVersion(w.executable), Environ: g.app.Environ, Lease: w.lease}
			if s.Store == "" && e.Shared {
				s.Store = w.store.Dir()
			}
			if w.remote != nil {
				s.Remote, s.Namespace = w.remote.URL(), w.remote.Namespace()
			}
			out[label] = run.Executor{Launcher: s, Slots: s.Slots()}
		}
		if !e.Shared {
			x := out[label]
			if x.Launcher, err = w.apart(label, x.Launcher); err != nil {
				return nil, nil, err
			}
			out[label] = x
		}
	}
	return out, cluster, nil
}

// labels are those of the executors that the study asks for, beside this machine.
func (w *workspace) labels() []string {
	seen := make(map[string]bool)
	var out []string
	for _, inst := range w.graph.Study.Instances {
		if label := inst.Runtime.Executor; label != "" && label != study.LocalExecutor && !seen[label] {
			seen[label] = true
			out = append(out, label)
		}
	}
	return out
}

// apart lets a launcher work through the remote.
func (w *workspace) apart(label string, l run.Launcher) (run.Launcher, error) {
	if w.remote == nil {
		return nil, fmt.Errorf("executor %q has shared = false, so its results travel by a remote, and there is none: name one with ABLATE_REMOTE or in a configuration file", label)
	}
	return launch.Apart{
		Launcher: l,
		Send: func(ctx context.Context, keys ...cache.Key) error {
			found, err := w.store.Lookup(ctx, keys...)
			for _, f := range found {
				if err == nil && f.OK {
					_, err = remote.PushEntry(ctx, w.store, w.remote, f.Entry)
				}
			}
			return err
		},
		Bring: func(ctx context.Context, k cache.Key) error {
			_, err := remote.Through{Tiered: remote.Tiered{Local: w.store, Remote: w.remote}}.Lookup(ctx, k)
			return err
		},
	}, nil
}

// cluster follows this user's jobs in Slurm.
func (g *globals) cluster(w *workspace) (*launch.Cluster, error) {
	program, err := executable()
	if err != nil {
		return nil, fmt.Errorf("finding the running program: %w", err)
	}
	log, err := g.logger(g.app.Stderr)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(w.store.Dir())
	if err != nil {
		return nil, fmt.Errorf("finding the store: %w", err)
	}
	c := &launch.Cluster{
		Store: dir, Logs: w.store.LogDir(), Program: program, Version: programVersion(w.executable), Log: log,
		Published: func(ctx context.Context, keys ...cache.Key) ([]bool, error) {
			found, err := w.store.Lookup(ctx, keys...)
			out := make([]bool, len(found))
			for i, f := range found {
				out[i] = f.OK && len(f.Absent) == 0
			}
			return out, err
		},
		Say: func(format string, args ...any) { g.view().Note(format+"\n", args...) },
	}
	if w.remote != nil {
		c.Remote, c.Namespace = w.remote.URL(), w.remote.Namespace()
		c.Afar = func(ctx context.Context, keys ...cache.Key) ([]bool, error) {
			entries, err := w.remote.Find(ctx, keys...)
			out := make([]bool, len(keys))
			for i, e := range entries {
				out[i] = e != nil
			}
			return out, err
		}
	}
	return c, nil
}

// lease takes a name among all processes that use this store.
func (w *workspace) lease(name string) (release func() error, ok bool, err error) {
	return w.store.TryLock(cache.String(name).Key("ablate slot v1"))
}

// machine is what actions may take of this machine.
func (g *globals) machine(ctx context.Context, w *workspace) *launch.Machine {
	named := false
	for _, kv := range g.app.Environ {
		named = named || strings.HasPrefix(kv, "CUDA_VISIBLE_DEVICES=")
	}
	m := &launch.Machine{Memory: launch.FreeMemory, Lease: w.lease}
	for _, inst := range w.graph.Study.Instances {
		if inst.Runtime.Resources.GPUs > 0 { // nobody else needs to know
			m.GPUs = launch.GPUs(ctx, g.environ("CUDA_VISIBLE_DEVICES"), named)
			break
		}
	}
	return m
}

// live finds jobs in Slurm's queue. A machine without Slurm has none.
func (g *globals) live(w *workspace) map[cache.Key]string {
	if _, err := os.Stat(filepath.Join(w.store.Dir(), "spool")); err != nil {
		return nil
	}
	c, err := g.cluster(w)
	if err != nil {
		return nil
	}
	jobs, err := c.Live()
	if err != nil {
		g.view().Note("Slurm's queue is not known: %v", err)
	}
	return jobs
}

// checkDetach refuses to detach from a run that nobody would go on with.
func checkDetach(executors map[string]run.Executor) error {
	for _, e := range executors {
		if e.Queued {
			return nil
		}
	}
	return errors.New("--detach leaves trials to a slurm executor, and this study asks for none: what runs on this machine or over ssh needs this process. Start it with nohup, setsid or tmux instead")
}

// unknownExecutors warns where run would refuse.
func (g *globals) unknownExecutors(s *study.Study) {
	c, err := g.config()
	if err != nil {
		return // somebody else reports it
	}
	list := c.Unknown(s)
	for i := range list {
		list[i].Severity = diag.Warning
	}
	g.view().Diagnostics(list)
}
