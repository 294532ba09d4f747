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
	Machine   *Machine      // the resources that actions share; nil does not limit them
	Idle      *IdleChildren // keeps reusable children; nil starts a new child each time
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
	share, err := l.Machine.take(ctx, req.Resources, func(waits string) { progress(pipeline.Progress{Waits: waits}) })
	if err != nil {
		return err
	}
	defer share.release()
	log, err := openLog(l.LogPath(req.Key), l.Append)
	if err != nil {
		return err
	}
	defer log.Close()
	command := l.Command
	if req.Reusable { // it runs a user program, which must not outlive it
		command = slices.Insert(slices.Clone(command), 1, superviseCommand)
	}
	cmd := osexec.Command(command[0], command[1:]...)
	cmd.Env = append(childEnvironment(l.Environ, req, l.ViaRemote), share.environment()...)
	if l.Idle != nil && req.Reusable {
		return l.Idle.talk(ctx, cmd, req, log, progress)
	}
	return talk(ctx, cmd, req, log, progress)
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
		mode = os.O_APPEND
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|mode, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return f, nil
}

// inheritedEnv are the variables that a child inherits: what a process needs to
// run, nothing that could change what it computes.
var inheritedEnv = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "LANG", "TZ", "SYSTEMROOT", "LOCALAPPDATA", "APPDATA",
	"USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ABLATE_CACHE_DIR", "CUDA_VISIBLE_DEVICES", "PJRT_PLUGIN_LIBRARY_PATH",
}

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
	return append(out, fmt.Sprintf("GOMAXPROCS=%d", max(1, req.Threads)))
}
