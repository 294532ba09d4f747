package exec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"ablate/cache"
	"ablate/pipeline"
)

// grace is how long a child may take to stop cleanly once it was asked to.
const grace = 20 * time.Second

// Local launches children on this machine.
type Local struct {
	Command []string // the program and its arguments, for example {"/usr/bin/ablate", "exec"}
	Environ []string // the parent's environment; only allowlisted names pass
	Logs    string   // folder for the children's logs
	Append  bool     // go on with a log that is there
	Through bool     // the child needs what opens the remote
	Machine *Machine // what actions may take of this machine; nil takes no care
}

// LogPath implements pipeline.Launcher.
func (l Local) LogPath(k cache.Key) string {
	hex := k.String()
	return filepath.Join(l.Logs, hex[:2], hex+".log")
}

// Launch implements pipeline.Launcher.
func (l Local) Launch(ctx context.Context, req pipeline.Request, progress func(pipeline.Progress)) error {
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
	return talk(ctx, cmd, req, log, progress)
}

// talk starts a child that speaks the protocol, and follows it to its end.
func talk(ctx context.Context, cmd *osexec.Cmd, req pipeline.Request, log io.Writer, progress func(pipeline.Progress)) error {
	cmd.Stderr = log
	cmd.SysProcAttr = detached()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("piping to the child: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("piping from the child: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting a child process: %w", err)
	}
	// Stopping is closing stdin; what does not stop within the grace is killed.
	stop := context.AfterFunc(ctx, func() {
		stdin.Close()
		time.AfterFunc(grace, func() { cmd.Process.Kill() })
	})
	defer stop()
	return converse(ctx, cmd, req, stdin, stdout, log, progress)
}

// converse sends the request, follows the answer and reaps the child.
func converse(ctx context.Context, cmd *osexec.Cmd, req pipeline.Request, stdin io.WriteCloser,
	stdout io.Reader, log io.Writer, progress func(pipeline.Progress)) error {
	var done, stopped bool
	var failed *failure
	sent := json.NewEncoder(stdin).Encode(req)
	read := readMessages(stdout, func(m message) {
		switch {
		case m.Progress != nil:
			progress(*m.Progress)
		case m.Done != nil:
			done = true
		case m.Stopped != nil:
			stopped = true
		case m.Failed != nil:
			failed = m.Failed
		}
	})
	stdin.Close()
	io.Copy(io.Discard, stdout)
	waited := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case failed != nil:
		return failed.err()
	case done:
		return nil
	case stopped:
		return errStopped
	}
	err := errors.Join(sent, read, waited)
	if err == nil {
		err = errors.New("it ended without an answer")
	}
	fmt.Fprintln(log, "the process ended early:", err)
	return fmt.Errorf("the child process of %s died: %w", req.Address, err)
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
var passedThrough = []string{"ABLATE_REMOTE", "AWS_"}

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
