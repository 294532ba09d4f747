package launch

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"ablate/pipeline"
)

// share is the part of a machine that one action holds.
type share struct {
	host     string // "" is this machine
	gpus     []string
	pinned   bool
	giveBack func() // nil gives nothing back
}

// environment pins the child to its host and its GPUs.
func (s *share) environment() []string {
	var out []string
	if s.host != "" {
		out = append(out, "host "+s.host)
	}
	if s.pinned {
		out = append(out, "CUDA_VISIBLE_DEVICES="+strings.Join(s.gpus, ","))
	}
	return out
}

func (s *share) release() {
	if s != nil && s.giveBack != nil {
		s.giveBack()
	}
}

// sharePoll is how often a waiting action tries again.
const sharePoll = 200 * time.Millisecond

// waitForShare tries until there is a share, and reports why there is none. Before it
// waits or gives up, it calls yield, which gives back something that is held but not
// used, or returns false.
func waitForShare(ctx context.Context, progress func(pipeline.Progress), yield func() bool, try func() (s *share, why string, err error)) (*share, error) {
	reported := ""
	for {
		s, why, err := try()
		if s != nil {
			return s, nil
		}
		if yield() {
			continue
		}
		if err != nil {
			return nil, err
		}
		if why != reported {
			progress(pipeline.Progress{Waits: why})
			reported = why
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(sharePoll):
		}
	}
}

// names are leased among all processes that use one store. The zero value is ready to
// use.
type names struct {
	mu   sync.Mutex
	held map[string]bool // by this process, which need not ask for them
}

// lease leases n things of a kind, or none: release is then nil.
func (l *names) lease(lease func(string) (func() error, bool, error), kind string, things []string, n int) (got []string, release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var releases []func() error
	giveBack := func() {
		for i, release := range releases {
			release() // a lease that cannot be released ends with this process
			delete(l.held, kind+" "+got[i])
		}
	}
	for _, thing := range things {
		name := kind + " " + thing
		if len(got) == n || l.held[name] {
			continue
		}
		release, ok, err := lease(name)
		if err != nil {
			giveBack()
			return nil, nil, fmt.Errorf("leasing %s: %w", name, err)
		}
		if !ok {
			continue
		}
		if l.held == nil {
			l.held = make(map[string]bool)
		}
		l.held[name] = true
		got, releases = append(got, thing), append(releases, release)
	}
	if len(got) < n {
		giveBack()
		return nil, nil, nil
	}
	return got, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		giveBack()
	}, nil
}
