package launch

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	osexec "os/exec"
	"slices"
	"time"

	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/run"
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
	grace       time.Duration            // how long its process may take to stop; 0 is stopGrace
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

// compute has the child compute an action within its timeout, and ends the child unless
// idle keeps it.
func (c *child) compute(ctx context.Context, req action.Request, log *os.File, idle *IdleChildren, progress func(pipeline.Progress)) error {
	ctx, cancel := run.WithTimeout(ctx, req.Timeout)
	defer cancel()
	last, err := c.ask(ctx, req, log, progress)
	if err == nil && ctx.Err() == nil && last != nil && last.Done != nil && req.Reusable && c.tail.complete() && idle.keep(c) {
		return nil
	}
	return outcome(ctx, req, log, last, errors.Join(err, c.stop()))
}

// ask has the child compute an action. An idle child that ends without having read the
// request has died while idle, and is replaced.
func (c *child) ask(ctx context.Context, req action.Request, log *os.File, progress func(pipeline.Progress)) (*message, error) {
	if c.conversation != nil {
		again, err := c.logTo(log, req)
		if err != nil {
			return nil, err
		}
		last, err := c.conversation.ask(ctx, again, progress)
		if c.conversation.started || ctx.Err() != nil {
			return last, err
		}
		c.conversation.end()
		c.conversation = nil
	}
	first, err := c.logTo(log, req)
	if err != nil {
		return nil, err
	}
	if c.conversation, err = start(c.command(c), c.log(log), cmp.Or(c.grace, stopGrace)); err != nil {
		return nil, err
	}
	return c.conversation.ask(ctx, first, progress)
}

// logTo changes the child's log, and returns the request with what the process has to
// do for that.
func (c *child) logTo(log *os.File, req action.Request) (action.Request, error) {
	switch {
	case c.tail == nil && c.conversation != nil:
		req.Log = log.Name()
	case c.tail != nil:
		if req.Reusable {
			req.LogEnd = newLogEnd()
		}
		return req, c.tail.follow(log.Name(), req.LogEnd)
	}
	return req, nil
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
