package launch

import (
	"context"
	"errors"
	"fmt"
	osexec "os/exec"
	"slices"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/process"
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
	Idle      *IdleChildren // keeps reusable children; nil starts a new child for each action

	names names
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

// Launch implements run.Launcher. It skips hosts that do not answer. An action whose host
// is lost is moved to another one, but not for ever: it may be why they are lost.
func (s *SSH) Launch(ctx context.Context, req action.Request, progress func(pipeline.Progress)) error {
	if n := req.Resources.Nodes; n > 1 {
		return severalNodes(n)
	}
	if n := req.Resources.GPUs; n > s.Config.GPUs {
		return finalf("asks for %s, but executor %q has gpus = %d", GPUCount(n), s.Config.Label, s.Config.GPUs)
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
	for losses := 0; len(hosts) > 0; {
		c, err := s.child(ctx, hosts, req, progress)
		if err != nil {
			return err
		}
		host := c.share.host // a child that is kept may give it back
		err = c.compute(ctx, req, log, s.Idle, progress)
		var exit *osexec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != sshFailed {
			return s.explain(host, err)
		}
		hosts = slices.DeleteFunc(hosts, func(h string) bool { return h == host })
		failures = append(failures, fmt.Errorf("%s: %s", host, c.tail.text()))
		if c.conversation.started {
			if losses++; losses == lossesToFail {
				return s.explain(host, err)
			}
			hosts = append(hosts, host) // only the connection may have broken
			progress(pipeline.Progress{Waits: fmt.Sprintf("lost the connection to %s, and starts again", host)})
		}
	}
	return fmt.Errorf("no host of executor %q can be reached; try ssh by hand: %w", s.Config.Label, errors.Join(failures...))
}

// child returns an idle child that can compute the request, or one to be started on
// one of the hosts, with a slot there.
func (s *SSH) child(ctx context.Context, hosts []string, req action.Request, progress func(pipeline.Progress)) (*child, error) {
	c := &child{hosts: hosts, environment: slices.Concat([]string{s.Config.Label}, s.words(req), req.Environ), affinity: req.Affinity, resources: req.Resources,
		command: func(c *child) *osexec.Cmd { return s.command(c.share, req) }, tail: new(tailWriter)}
	return s.Idle.child(c, req, func() (*share, error) {
		got, err := s.slot(ctx, hosts, req.Resources.GPUs, progress)
		if err == nil && !got.pinned && (c.holds() || req.Supervised) { // processes that were given no device use the same one
			s.Idle.releaseShared(got.host)
		}
		return got, err
	})
}

// command starts a child on a host. It runs in a process group of its own and ends
// with its stdin.
func (s *SSH) command(at *share, req action.Request) *osexec.Cmd {
	const alive = 15
	return osexec.Command("ssh", "-o", "BatchMode=yes", "-o", fmt.Sprintf("ServerAliveInterval=%d", alive), at.host, s.remote(at, req))
}

// explain says what to do about errors of ssh.
func (s *SSH) explain(host string, err error) error {
	if errors.Is(err, osexec.ErrNotFound) {
		return finalf("ssh is not installed on this machine: install it, or choose another executor")
	}
	var exit *osexec.ExitError
	switch {
	case !errors.As(err, &exit):
		return err
	case exit.ExitCode() == sshFailed:
		return fmt.Errorf("the connection to %s broke: %w", host, err)
	case exit.ExitCode() == 127 || exit.ExitCode() == 126:
		return finalf("%s has no ablate at %s: install it there, or set program = \"…\" in executor %q", host, s.program(), s.Config.Label)
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
func (s *SSH) remote(at *share, req action.Request) string {
	words := []string{"exec", "env", "-i", `HOME="$HOME"`, `PATH="$PATH"`, `USER="$USER"`}
	if at.pinned {
		words = append(words, "CUDA_VISIBLE_DEVICES="+strings.Join(at.gpus, ","))
	}
	if req.Threads > 0 {
		words = append(words, fmt.Sprintf("GOMAXPROCS=%d", req.Threads))
	}
	return strings.Join(append(words, s.words(req)...), " ")
}

// words are the part of the command that is the same on all hosts.
func (s *SSH) words(req action.Request) []string {
	var words []string
	if s.Store != "" {
		words = append(words, process.ShellQuote("ABLATE_CACHE_DIR="+s.Store))
	}
	if !s.Config.Shared {
		words = append(words, process.ShellQuote("ABLATE_REMOTE="+s.Remote), process.ShellQuote("ABLATE_REMOTE_NAMESPACE="+s.Namespace))
	}
	for _, kv := range s.Environ {
		if strings.HasPrefix(kv, debugVariable+"=") {
			words = append(words, process.ShellQuote(kv))
		}
	}
	words = append(words, process.ShellQuote(s.program()))
	if req.Supervised {
		words = append(words, superviseCommand)
	}
	words = append(words, "exec")
	if !s.Config.Shared {
		words = append(words, "--through")
	}
	return words
}

// slot waits for a free slot on one of the hosts.
func (s *SSH) slot(ctx context.Context, hosts []string, gpus int, progress func(pipeline.Progress)) (*share, error) {
	yield := func() bool { return s.Idle.releaseOne(hosts...) }
	return waitForShare(ctx, progress, yield, func() (*share, string, error) {
		for _, h := range hosts {
			if got, err := s.try(h, gpus); got != nil || err != nil {
				return got, "", err
			}
		}
		return nil, "waits for a free slot on " + strings.Join(hosts, ", "), nil
	})
}

// try takes a slot and GPUs on a host, or neither.
func (s *SSH) try(host string, gpus int) (*share, error) {
	_, slot, err := s.names.lease(s.Lease, "ssh "+host+" slot", numbers(s.perHost()), 1)
	if slot == nil || err != nil {
		return nil, err
	}
	got, devices, err := s.names.lease(s.Lease, "ssh "+host+" gpu", numbers(s.Config.GPUs), gpus)
	if devices == nil || err != nil {
		slot()
		return nil, err
	}
	return &share{host: host, gpus: got, pinned: s.Config.GPUs > 0, giveBack: func() { devices(); slot() }}, nil
}

// numbers are the names of n things on a host.
func numbers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strconv.Itoa(i)
	}
	return out
}
