package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ablate/cache"
	"ablate/cache/remote"
	"ablate/hcl/study"
	"ablate/pipeline/launch"
	"ablate/pipeline/run"
)

// launchers makes what runs a study's actions: on this machine, over ssh and in Slurm.
type launchers struct{ *workspace }

// executors makes the launchers that the study asks for. The cluster is nil when
// none of them is Slurm.
func (l launchers) executors(detach bool) (map[string]run.Executor, *launch.Cluster, error) {
	c, err := l.session.config()
	if err != nil {
		return nil, nil, err
	}
	if err := c.Unknown(l.graph.Study).Err(); err != nil {
		return nil, nil, err
	}
	var cluster *launch.Cluster
	out := make(map[string]run.Executor)
	for _, label := range l.executorLabels() {
		e := c.Executors[label]
		x := run.Executor{}
		switch e.Type {
		case "slurm":
			if cluster == nil {
				if cluster, err = l.cluster(); err != nil {
					return nil, nil, err
				}
			}
			x = run.Executor{Launcher: launch.Slurm{Cluster: cluster, Config: e, Detach: detach}, Slots: e.Jobs}
			if detach { // submit everything; the job array limits how many run
				x.Slots = max(x.Slots, len(l.graph.Study.Instances))
			}
		case "ssh":
			if x, err = l.sshExecutor(e); err != nil {
				return nil, nil, err
			}
		}
		if !e.Shared {
			if x.Launcher, err = l.viaRemote(label, x.Launcher); err != nil {
				return nil, nil, err
			}
		}
		out[label] = x
	}
	if detach && cluster == nil {
		return nil, nil, errors.New("--detach needs a slurm executor, and this study uses none: instances on this machine or over ssh stop with this process. Start ablate with nohup, setsid or tmux instead")
	}
	return out, cluster, nil
}

func (l launchers) sshExecutor(e study.Executor) (run.Executor, error) {
	path, err := program()
	if err != nil {
		return run.Executor{}, err
	}
	ssh := &launch.SSH{Config: e, Program: path, Store: e.Store, Logs: l.store.LogDir(),
		Version: programVersion(l.executable), Environ: l.session.app.Environ, Lease: l.lease, Idle: new(launch.IdleChildren)}
	if ssh.Store == "" && e.Shared {
		ssh.Store = l.store.Dir()
	}
	if l.remote != nil {
		ssh.Remote, ssh.Namespace = l.remote.URL(), l.remote.Namespace()
	}
	l.session.idleOnHosts = append(l.session.idleOnHosts, ssh.Idle)
	return run.Executor{Launcher: ssh, Slots: ssh.Slots()}, nil
}

// executorLabels are the executors that the study asks for, beside this machine.
func (l launchers) executorLabels() []string {
	seen := make(map[string]bool)
	var out []string
	for _, inst := range l.graph.Study.Instances {
		if label := inst.Runtime.Executor; label != "" && label != study.LocalExecutor && !seen[label] {
			seen[label] = true
			out = append(out, label)
		}
	}
	return out
}

// viaRemote makes a launcher exchange inputs and results through the remote.
func (l launchers) viaRemote(label string, to run.Launcher) (run.Launcher, error) {
	if l.remote == nil {
		return nil, fmt.Errorf("executor %q has shared = false, so its results travel through a remote, but none is configured: name one with ABLATE_REMOTE or in a configuration file", label)
	}
	return launch.ViaRemote{
		Launcher: to,
		Push: func(ctx context.Context, keys ...cache.Key) error {
			found, err := l.store.Lookup(ctx, keys...)
			for _, f := range found {
				if err == nil && f.OK {
					_, err = remote.PushEntry(ctx, l.store, l.remote, *f.Entry)
				}
			}
			return err
		},
		Pull: func(ctx context.Context, k cache.Key) error {
			_, err := remote.Through{Tiered: remote.Tiered{Local: l.store, Remote: l.remote}}.Lookup(ctx, k)
			return err
		},
	}, nil
}

// cluster follows this user's jobs in Slurm.
func (l launchers) cluster() (*launch.Cluster, error) {
	path, err := program()
	if err != nil {
		return nil, err
	}
	s := l.session
	dir, err := filepath.Abs(l.store.Dir())
	if err != nil {
		return nil, fmt.Errorf("finding the store: %w", err)
	}
	c := &launch.Cluster{
		Store: dir, Logs: l.store.LogDir(), Program: path, Version: programVersion(l.executable), Log: s.logger(),
		Published: func(ctx context.Context, keys ...cache.Key) ([]bool, error) {
			found, err := l.store.Lookup(ctx, keys...)
			out := make([]bool, len(found))
			for i, f := range found {
				out[i] = f.OK && len(f.Absent) == 0
			}
			return out, err
		},
		Notify: func(format string, args ...any) { s.view().Note(format+"\n", args...) },
	}
	if l.remote != nil {
		c.Remote, c.Namespace = l.remote.URL(), l.remote.Namespace()
		c.PublishedRemotely = func(ctx context.Context, keys ...cache.Key) ([]bool, error) {
			entries, err := l.remote.Find(ctx, keys...)
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
func (l launchers) lease(name string) (release func() error, ok bool, err error) {
	return l.store.TryLock(cache.String(name).Key("ablate slot v1"))
}

// machine is the resources of this machine that actions may take. GPUs are listed
// only if an instance asks for one.
func (l launchers) machine(ctx context.Context) *launch.Machine {
	m := &launch.Machine{Memory: launch.FreeMemory, Lease: l.lease}
	for _, inst := range l.graph.Study.Instances {
		if inst.Runtime.Resources.GPUs > 0 {
			visible, restricted := l.session.lookupEnv("CUDA_VISIBLE_DEVICES")
			m.GPUs = launch.GPUs(ctx, visible, restricted)
			break
		}
	}
	return m
}

// liveJobs finds the study's jobs in Slurm's queue. A store that never submitted any
// has none.
func (l launchers) liveJobs(ctx context.Context) map[cache.Key]launch.Job {
	if _, err := os.Stat(filepath.Join(l.store.Dir(), "spool")); err != nil {
		return nil
	}
	c, err := l.cluster()
	if err != nil {
		return nil
	}
	jobs, err := c.Live(ctx)
	if err != nil {
		l.session.view().Note("Cannot query Slurm: %v", err)
	}
	return jobs
}
