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
	Command []string // the program and its arguments, for example {"/usr/bin/ablate", "exec"}
	Environ []string // the parent's environment; only allowlisted names pass
	Logs    string   // folder for the children's logs
	Append  bool     // go on with a log that is there
	Through bool     // the child needs what opens the remote
	Machine *Machine // what actions may take of this machine; nil takes no care
	Idle    *Idle    // keeps children that may take another action; nil starts each anew
}

// LogPath implements pipeline.Launcher.
func (l Local) LogPath(k cache.Key) string {
	hex := k.String()
	return filepath.Join(l.Logs, hex[:2], hex+".log")
}

// Launch implements pipeline.Launcher.
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
	cmd := osexec.Command(l.Command[0], l.Command[1:]...)
	cmd.Env = append(childEnvironment(l.Environ, req.Threads, req.Passes, l.Through), share.environment()...)
	if l.Idle != nil && req.Again {
		return l.Idle.talk(ctx, cmd, req, log, progress)
	}
	return talk(ctx, cmd, req, log, progress)
}

// openLog makes an action's log, or goes on with the one that is there.
func openLog(path string, more bool) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("making the log folder: %w", err)
	}
	how := os.O_TRUNC
	if more {
		how = os.O_APPEND
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return f, nil
}

// passed are the variables that a child inherits: what a process needs to live,
// nothing that could change what it computes.
var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "LANG", "TZ", "SYSTEMROOT", "LOCALAPPDATA", "APPDATA",
	"USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ABLATE_CACHE_DIR", "CUDA_VISIBLE_DEVICES", "PJRT_PLUGIN_LIBRARY_PATH",
}

// passedThrough are the prefixes of what opens a remote.
var passedThrough = []string{"ABLATE_REMOTE", "AWS_", "GOOGLE_", "AZURE_"}

func childEnvironment(environ []string, threads int, passes []string, through bool) []string {
	var out []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if runtime.GOOS == "windows" {
			name = strings.ToUpper(name)
		}
		opens := func(prefix string) bool { return through && strings.HasPrefix(name, prefix) }
		if slices.Contains(passed, name) || slices.Contains(passes, name) || slices.ContainsFunc(passedThrough, opens) {
			out = append(out, kv)
		}
	}
	return append(out, fmt.Sprintf("GOMAXPROCS=%d", max(1, threads)))
}
