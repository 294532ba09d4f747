package launch

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// Local launches children on this machine.
type Local struct {
	Command   []string      // the program and its arguments, for example {"/usr/bin/ablate", "exec"}
	Environ   []string      // the parent's environment; only allowlisted names pass
	Logs      string        // folder for the children's logs
	Append    bool          // append to an existing log
	ViaRemote bool          // pass the credentials of the remote to children
	Machine   *Machine      // the resources that actions share; nil does not limit them: one action runs at a time
	Idle      *IdleChildren // keeps reusable children; nil starts a new child for each action
	Grace     time.Duration // how long a child may take to stop cleanly; 0 means 20 seconds
}

// superviseCommand is the command of ablate that supervises another.
const superviseCommand = "supervise"

// LogPath implements run.Launcher.
func (l Local) LogPath(k cache.Key) string {
	hex := k.String()
	return filepath.Join(l.Logs, hex[:2], hex+".log")
}

// Launch implements run.Launcher.
func (l Local) Launch(ctx context.Context, req action.Request, progress func(pipeline.Progress)) error {
	c, err := l.child(ctx, req, progress)
	if err != nil {
		return err
	}
	log, err := openLog(l.LogPath(req.Key), l.Append)
	if err != nil {
		c.stop()
		return err
	}
	defer log.Close()
	return c.compute(ctx, req, log, l.Idle, progress)
}

// child returns an idle child that can compute the request, or one to be started. It
// has its share of the machine.
func (l Local) child(ctx context.Context, req action.Request, progress func(pipeline.Progress)) (*child, error) {
	c := &child{environment: childEnvironment(l.Environ, req, l.ViaRemote), affinity: req.Affinity, resources: req.Resources, grace: l.Grace,
		command: func(c *child) *osexec.Cmd { return l.command(c, req) }}
	return l.Idle.child(c, req, func() (*share, error) {
		switch {
		case l.Machine == nil: // the action may use all that the allocation has
			l.Idle.releaseHeld()
		case req.Resources.GPUs == 0 && (c.holds() || req.Supervised): // processes that were given no device use the same one
			l.Idle.releaseShared("")
		}
		return l.Machine.take(ctx, req.Resources, progress, func() bool { return l.Idle.releaseOne("") })
	})
}

// command is the command of a child's process.
func (l Local) command(c *child, req action.Request) *osexec.Cmd {
	words := l.Command
	if req.Supervised {
		words = slices.Insert(slices.Clone(words), 1, superviseCommand)
	}
	cmd := osexec.Command(words[0], words[1:]...)
	cmd.Env = append(slices.Clone(c.environment), fmt.Sprintf("GOMAXPROCS=%d", max(1, req.Threads)))
	return cmd
}

// openLog creates an action's log; with keep it appends to an existing one.
func openLog(path string, keep bool) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("creating the log folder: %w", err)
	}
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() { // opening a FIFO would block
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("opening the log: %w", err)
		}
	}
	mode := os.O_TRUNC
	if keep {
		mode = 0
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|mode, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return f, nil
}

// inheritedEnv are the variables that a child inherits: what a process needs to run,
// and what decides the numerics class, which the child must find as its parent did.
// Nothing else that could change what it computes passes.
var inheritedEnv = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "LANG", "TZ", "SYSTEMROOT", "LOCALAPPDATA", "APPDATA",
	"USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ABLATE_CACHE_DIR", "CUDA_VISIBLE_DEVICES", "PJRT_PLUGIN_LIBRARY_PATH",
	debugVariable, "VIRTUAL_ENV", "CONDA_PREFIX",
}

// debugVariable turns instructions of the processor off, and with them the kernels
// that use them. The Go runtime reads it when a process starts.
const debugVariable = "GODEBUG"

// remoteEnv are the prefixes of variables with the address and the credentials of a
// remote.
var remoteEnv = []string{"ABLATE_REMOTE", "AWS_", "GOOGLE_", "AZURE_"}

// childEnvironment filters the parent's environment. A program that starts the tasks
// of its job with srun needs the variables of Slurm.
func childEnvironment(environ []string, req action.Request, viaRemote bool) []string {
	var out []string
	ofSlurm := req.Resources.Nodes > 1 || req.Resources.TasksPerNode > 0
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if runtime.GOOS == "windows" {
			name = strings.ToUpper(name)
		}
		ofRemote := func(prefix string) bool { return viaRemote && strings.HasPrefix(name, prefix) }
		if slices.Contains(inheritedEnv, name) || slices.Contains(req.Passes, name) || slices.ContainsFunc(remoteEnv, ofRemote) ||
			ofSlurm && strings.HasPrefix(name, "SLURM_") {
			out = append(out, kv)
		}
	}
	return out
}
