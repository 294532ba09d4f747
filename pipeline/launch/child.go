package launch

import (
	"context"
	"errors"
	"io"
	"os"
	osexec "os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// child is a child process, or one to be started, with its share of a machine.
type child struct {
	environment []string // what its process can read: equal for processes that can replace each other
	hosts       []string // where it may be started; nil is this machine
	affinity    pipeline.Affinity
	resources   study.Resources
	share       *share
	command     func(*child) *osexec.Cmd // starts a process for the action
	tail        *tailWriter              // writes the log; nil where the process writes it
	*conversation

	timer *time.Timer // of an idle child that holds a device
}

// holds reports whether the child keeps a device open, so that it keeps its share of
// the machine while it is idle.
func (c *child) holds() bool { return c.affinity.Process != "" }

// canFollow reports whether the child's log can change with the action.
func (c *child) canFollow() bool { return canRedirect || c.tail != nil }

// serves reports whether the child can compute what another would be started for.
func (c *child) serves(other *child) bool {
	environment := c.environment
	if c.holds() { // without its host and devices: they are the child's
		environment = environment[:len(environment)-len(c.share.environment())]
		if other.hosts != nil && !slices.Contains(other.hosts, c.share.host) {
			return false
		}
	}
	return c.affinity.Process == other.affinity.Process && c.resources == other.resources && slices.Equal(environment, other.environment)
}

// compute has the child compute an action, and ends the child unless idle keeps it.
func (c *child) compute(ctx context.Context, req action.Request, log *os.File, idle *IdleChildren, progress func(pipeline.Progress)) error {
	last, err := c.ask(ctx, req, log, progress)
	if err == nil && ctx.Err() == nil && last != nil && last.Done != nil && req.Reusable && idle.keep(c) {
		return nil
	}
	return outcome(ctx, req, log, last, errors.Join(err, c.stop()))
}

// ask has the child compute an action. An idle child that says nothing died while it
// waited, and a new one takes its place.
func (c *child) ask(ctx context.Context, req action.Request, log *os.File, progress func(pipeline.Progress)) (*message, error) {
	if c.tail != nil {
		if err := c.tail.follow(log.Name()); err != nil {
			return nil, err
		}
	}
	if c.conversation != nil {
		again, silent := req, true
		if c.tail == nil {
			again.Log = log.Name()
		}
		last, err := c.conversation.ask(ctx, again, func(p pipeline.Progress) { silent = false; progress(p) })
		if last != nil || !silent || ctx.Err() != nil {
			return last, err
		}
		c.conversation.end()
	}
	var err error
	if c.conversation, err = start(c.command(c), c.log(log)); err != nil {
		return nil, err
	}
	return c.conversation.ask(ctx, req, progress)
}

func (c *child) log(file *os.File) io.Writer {
	if c.tail != nil {
		return c.tail
	}
	return file // the process itself writes, also after this one has died
}

// stop ends the child's process, if it has one, and gives its share back.
func (c *child) stop() error {
	defer c.share.release()
	if c.tail != nil {
		defer c.tail.close()
	}
	if c.conversation == nil {
		return nil
	}
	return c.conversation.end()
}

// tailWriter writes what a child logs to the log of its action, which changes, and
// keeps the end for a message.
type tailWriter struct {
	mu   sync.Mutex
	to   *os.File
	kept []byte
}

// follow changes to the log of another action.
func (t *tailWriter) follow(path string) error {
	log, err := openLog(path, true)
	if err != nil {
		return err
	}
	t.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.to, t.kept = log, nil
	return nil
}

// Write implements io.Writer.
func (t *tailWriter) Write(p []byte) (int, error) {
	const most = 400
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-most):]
	if t.to != nil {
		t.to.Write(p) // a log that cannot be written ends no trial
	}
	return len(p), nil
}

func (t *tailWriter) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to != nil {
		t.to.Close()
		t.to = nil
	}
}

func (t *tailWriter) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.kept))
}
