package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	osexec "os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"ablate/cache"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// SSH launches actions on a list of hosts with the system's ssh, its configuration
// and its keys. A child there speaks the same protocol as one of Local.
type SSH struct {
	Config    study.Executor
	Program   string // ablate's path on the hosts
	Store     string // the store's folder on the hosts; "" is the one configured there
	Remote    string // the URL of the remote, for hosts that do not see the store
	Namespace string // of the remote
	Logs      string
	Version   string
	Environ   []string // the environment that declared variables are read from
	Lease     func(name string) (release func() error, ok bool, err error)

	mu   sync.Mutex
	busy map[string]bool // slots that this process holds
}

// Slots is how many actions run at once on all hosts.
func (s *SSH) Slots() int { return s.perHost() * len(s.Config.Hosts) }

// perHost is how many actions run at once on a host: one per GPU where it has any.
func (s *SSH) perHost() int {
	switch {
	case s.Config.Jobs > 0:
		return s.Config.Jobs
	case s.Config.GPUs > 0:
		return s.Config.GPUs
	}
	return 1
}

// LogPath implements run.Launcher.
func (s *SSH) LogPath(k cache.Key) string { return Local{Logs: s.Logs}.LogPath(k) }

// sshFailed is the exit code of ssh itself, for example where a host cannot be
// reached.
const sshFailed = 255

// Launch implements run.Launcher. It skips hosts that do not answer.
func (s *SSH) Launch(ctx context.Context, req action.Request, progress func(pipeline.Progress)) error {
	if n := req.Resources.Nodes; n > 1 {
		return severalNodes(n)
	}
	if n := req.Resources.GPUs; n > s.Config.GPUs {
		return fmt.Errorf("asks for %d GPUs, but executor %q has gpus = %d", n, s.Config.Label, s.Config.GPUs)
	}
	req.Program = s.Version
	for _, kv := range s.Environ { // not on the command line, which others on the host can read
		if name, _, _ := strings.Cut(kv, "="); slices.Contains(req.Passes, name) {
			req.Environ = append(req.Environ, kv)
		}
	}
	log, err := openLog(s.LogPath(req.Key), false)
	if err != nil {
		return err
	}
	defer log.Close()
	hosts := slices.Clone(s.Config.Hosts)
	var failures []error
	for len(hosts) > 0 {
		got, err := s.slot(ctx, hosts, req.Resources.GPUs, progress)
		if err != nil {
			return err
		}
		err = s.on(ctx, got, req, log, progress)
		got.free()
		var exit *osexec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != sshFailed {
			return err
		}
		failures = append(failures, fmt.Errorf("%s: %s", got.host, got.said))
		hosts = slices.DeleteFunc(hosts, func(h string) bool { return h == got.host })
	}
	return fmt.Errorf("no host of executor %q can be reached; try ssh by hand: %w", s.Config.Label, errors.Join(failures...))
}

// on computes an action on one host.
func (s *SSH) on(ctx context.Context, at *sshSlot, req action.Request, log io.Writer, progress func(pipeline.Progress)) error {
	const alive = 15
	cmd := osexec.CommandContext(context.WithoutCancel(ctx), "ssh", "-o", "BatchMode=yes", "-o", fmt.Sprintf("ServerAliveInterval=%d", alive), at.host, s.remote(at, req))
	tail := &tailWriter{to: log}
	err := talk(ctx, cmd, req, tail, progress)
	at.said = tail.text()
	if errors.Is(err, osexec.ErrNotFound) {
		return errors.New("ssh is not installed on this machine: install it, or choose another executor")
	}
	var exit *osexec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == 127 || exit.ExitCode() == 126) {
		return fmt.Errorf("%s has no ablate at %s: install it there, or set program = \"…\" in executor %q", at.host, s.program(), s.Config.Label)
	}
	return err
}

func (s *SSH) program() string {
	if s.Config.Program != "" {
		return s.Config.Program
	}
	return s.Program
}

// remote returns the command for the host's shell. As for every child, the
// environment holds only what a process needs to run.
func (s *SSH) remote(at *sshSlot, req action.Request) string {
	words := []string{"exec", "env", "-i", `HOME="$HOME"`, `PATH="$PATH"`, `USER="$USER"`}
	if s.Store != "" {
		words = append(words, quote("ABLATE_CACHE_DIR="+s.Store))
	}
	if !s.Config.Shared {
		words = append(words, quote("ABLATE_REMOTE="+s.Remote), quote("ABLATE_REMOTE_NAMESPACE="+s.Namespace))
	}
	if at.pinned {
		words = append(words, "CUDA_VISIBLE_DEVICES="+strings.Join(at.gpus, ","))
	}
	if req.Threads > 0 {
		words = append(words, fmt.Sprintf("GOMAXPROCS=%d", req.Threads))
	}
	words = append(words, quote(s.program()))
	if req.Supervised {
		words = append(words, superviseCommand)
	}
	words = append(words, "exec")
	if !s.Config.Shared {
		words = append(words, "--through")
	}
	return strings.Join(words, " ")
}

// sshSlot is a slot on a host, with its GPUs.
type sshSlot struct {
	host     string
	gpus     []string
	pinned   bool
	names    []string
	releases []func() error
	said     string // the end of what ssh printed
	owner    *SSH
}

// slot waits for a free slot on one of the hosts.
func (s *SSH) slot(ctx context.Context, hosts []string, gpus int, progress func(pipeline.Progress)) (*sshSlot, error) {
	for reported := false; ; reported = true {
		for _, h := range hosts {
			got, err := s.try(h, gpus)
			if got != nil || err != nil {
				return got, err
			}
		}
		if !reported {
			progress(pipeline.Progress{Waits: "waits for a free slot on " + strings.Join(hosts, ", ")})
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(slotPoll):
		}
	}
}

// try takes a slot and GPUs on a host, or neither.
func (s *SSH) try(host string, gpus int) (*sshSlot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := &sshSlot{host: host, owner: s, pinned: s.Config.GPUs > 0}
	ok, err := s.lease(got, "slot", s.perHost(), 1, nil)
	if ok && err == nil {
		ok, err = s.lease(got, "gpu", s.Config.GPUs, gpus, &got.gpus)
	}
	if !ok || err != nil {
		got.release()
		return nil, err
	}
	return got, nil
}

// lease leases n of so many numbered things on a host.
func (s *SSH) lease(got *sshSlot, what string, of, n int, taken *[]string) (bool, error) {
	for i := 0; i < of && n > 0; i++ {
		name := fmt.Sprintf("ssh %s %s %d", got.host, what, i)
		if s.busy[name] {
			continue
		}
		release, ok, err := s.Lease(name)
		if err != nil {
			return false, fmt.Errorf("leasing a slot on %s: %w", got.host, err)
		}
		if !ok {
			continue
		}
		if s.busy == nil {
			s.busy = make(map[string]bool)
		}
		s.busy[name] = true
		got.names, got.releases = append(got.names, name), append(got.releases, release)
		if taken != nil {
			*taken = append(*taken, fmt.Sprint(i))
		}
		n--
	}
	return n == 0, nil
}

func (t *sshSlot) free() {
	t.owner.mu.Lock()
	defer t.owner.mu.Unlock()
	t.release()
}

// release releases what was leased. Called with the owner's mu held.
func (t *sshSlot) release() {
	for i, name := range t.names {
		delete(t.owner.busy, name)
		t.releases[i]() // a lease that cannot be released ends with this process
	}
}

// tailWriter keeps the end of what it passes on, for a message.
type tailWriter struct {
	to   io.Writer
	mu   sync.Mutex
	kept []byte
}

// Write implements io.Writer.
func (l *tailWriter) Write(p []byte) (int, error) {
	const most = 400
	l.mu.Lock()
	l.kept = append(l.kept, p...)
	l.kept = l.kept[max(0, len(l.kept)-most):]
	l.mu.Unlock()
	return l.to.Write(p)
}

func (l *tailWriter) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.kept))
}
