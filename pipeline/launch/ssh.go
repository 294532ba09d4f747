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

// SSH launches actions on a list of hosts, with the system's ssh: its
// configuration, its keys. A child there speaks the protocol of Local's.
type SSH struct {
	Config    study.Executor
	Program   string // ablate's path there
	Store     string // the store's folder there; "" is the one that is configured there
	Remote    string // through which hosts work that do not see the store
	Namespace string // of the remote
	Logs      string
	Version   string
	Environ   []string // from which a stage's declared variables are passed
	Lease     func(name string) (release func() error, ok bool, err error)

	mu   sync.Mutex
	busy map[string]bool // slots that this process has
}

// Slots is how many actions run at once on all hosts.
func (s *SSH) Slots() int { return s.perHost() * len(s.Config.Hosts) }

// perHost is what a host can do at once: a GPU each, where it has any.
func (s *SSH) perHost() int {
	switch {
	case s.Config.Jobs > 0:
		return s.Config.Jobs
	case s.Config.GPUs > 0:
		return s.Config.GPUs
	}
	return 1
}

// LogPath implements pipeline.Launcher.
func (s *SSH) LogPath(k cache.Key) string { return Local{Logs: s.Logs}.LogPath(k) }

// unreachable is ssh's own exit code.
const unreachable = 255

// Launch implements pipeline.Launcher. A host that does not answer is passed
// over.
func (s *SSH) Launch(ctx context.Context, req action.Request, progress func(pipeline.Progress)) error {
	if n := req.Resources.GPUs; n > s.Config.GPUs {
		return fmt.Errorf("it asks for %d GPUs, and executor %q says gpus = %d", n, s.Config.Label, s.Config.GPUs)
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
	var away []error
	for len(hosts) > 0 {
		got, err := s.slot(ctx, hosts, req.Resources.GPUs, progress)
		if err != nil {
			return err
		}
		err = s.on(ctx, got, req, log, progress)
		got.free()
		var exit *osexec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != unreachable {
			return err
		}
		away = append(away, fmt.Errorf("%s: %s", got.host, got.complaint))
		hosts = slices.DeleteFunc(hosts, func(h string) bool { return h == got.host })
	}
	return fmt.Errorf("no host of executor %q can be reached; try ssh by hand: %w", s.Config.Label, errors.Join(away...))
}

// on computes an action on one host.
func (s *SSH) on(ctx context.Context, at *sshSlot, req action.Request, log io.Writer, progress func(pipeline.Progress)) error {
	const alive = 15
	cmd := osexec.CommandContext(context.WithoutCancel(ctx), "ssh", "-o", "BatchMode=yes", "-o", fmt.Sprintf("ServerAliveInterval=%d", alive), at.host, s.remote(at, req))
	tail := &lastWords{to: log}
	err := talk(ctx, cmd, req, tail, progress)
	at.complaint = tail.text()
	if errors.Is(err, osexec.ErrNotFound) {
		return errors.New("there is no ssh on this machine: install it, or choose another executor")
	}
	var exit *osexec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == 127 || exit.ExitCode() == 126) {
		return fmt.Errorf("%s has no ablate at %s: install it there, or name it with program = \"…\" in executor %q", at.host, s.program(), s.Config.Label)
	}
	return err
}

func (s *SSH) program() string {
	if s.Config.Program != "" {
		return s.Config.Program
	}
	return s.Program
}

// remote is the command for the host's shell. The environment starts empty, as
// every child's, but for what a process needs to live.
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
	words = append(words, quote(s.program()), "exec")
	if !s.Config.Shared {
		words = append(words, "--through")
	}
	return strings.Join(words, " ")
}

// sshSlot is a place on a host, with its GPUs.
type sshSlot struct {
	host      string
	gpus      []string
	pinned    bool
	names     []string
	releases  []func() error
	complaint string
	owner     *SSH
}

// slot waits for a free place on one of the hosts.
func (s *SSH) slot(ctx context.Context, hosts []string, gpus int, progress func(pipeline.Progress)) (*sshSlot, error) {
	for said := false; ; said = true {
		for _, h := range hosts {
			got, err := s.try(h, gpus)
			if got != nil || err != nil {
				return got, err
			}
		}
		if !said {
			progress(pipeline.Progress{Waits: "waits for a free place on " + strings.Join(hosts, ", ")})
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(machineAgain):
		}
	}
}

// try takes a place and GPUs on a host, or nothing.
func (s *SSH) try(host string, gpus int) (*sshSlot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := &sshSlot{host: host, owner: s, pinned: s.Config.GPUs > 0}
	ok, err := s.some(got, "place", s.perHost(), 1, nil)
	if ok && err == nil {
		ok, err = s.some(got, "gpu", s.Config.GPUs, gpus, &got.gpus)
	}
	if !ok || err != nil {
		got.give()
		return nil, err
	}
	return got, nil
}

// some leases n of so many things on a host.
func (s *SSH) some(got *sshSlot, what string, of, n int, taken *[]string) (bool, error) {
	for i := 0; i < of && n > 0; i++ {
		name := fmt.Sprintf("ssh %s %s %d", got.host, what, i)
		if s.busy[name] {
			continue
		}
		release, ok, err := s.Lease(name)
		if err != nil {
			return false, fmt.Errorf("leasing a place on %s: %w", got.host, err)
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
	t.give()
}

// give returns what was leased. Called with the owner's mu held.
func (t *sshSlot) give() {
	for i, name := range t.names {
		delete(t.owner.busy, name)
		t.releases[i]() // a lease that cannot be given back ends with this process
	}
}

// lastWords keeps the end of what passes through, for a message.
type lastWords struct {
	to   io.Writer
	mu   sync.Mutex
	kept []byte
}

// Write implements io.Writer.
func (l *lastWords) Write(p []byte) (int, error) {
	const most = 400
	l.mu.Lock()
	l.kept = append(l.kept, p...)
	l.kept = l.kept[max(0, len(l.kept)-most):]
	l.mu.Unlock()
	return l.to.Write(p)
}

func (l *lastWords) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.kept))
}
