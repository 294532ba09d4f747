package launch

import (
	"context"
	"errors"
	"os"
	osexec "os/exec"
	"strings"
	"sync"

	"ablate/pipeline"
	"ablate/pipeline/action"
)

// IdleChildren keeps children that supervised a user program, for the next one:
// starting a process of this size takes longer than a trivial program does. A child
// is kept after a success only, and is reused only for actions with the same
// environment. The zero value is ready to use.
type IdleChildren struct {
	mu       sync.Mutex
	children map[string][]*conversation // by environment
}

// talk has an idle child compute an action, or starts one.
func (i *IdleChildren) talk(ctx context.Context, cmd *osexec.Cmd, req action.Request, log *os.File, progress func(pipeline.Progress)) error {
	environment := strings.Join(cmd.Env, "\x00")
	if c := i.take(environment); c != nil {
		reuse := req
		reuse.Log = log.Name()
		if last, err := c.ask(ctx, reuse, progress); last != nil || ctx.Err() != nil {
			return i.finish(ctx, environment, c, req, log, last, err)
		}
		c.end() // it died, most likely while it waited: a new one shows whether the action is at fault
	}
	c, err := start(cmd, log)
	if err != nil {
		return err
	}
	last, err := c.ask(ctx, req, progress)
	return i.finish(ctx, environment, c, req, log, last, err)
}

// finish keeps the child after a success, and ends it otherwise.
func (i *IdleChildren) finish(ctx context.Context, environment string, c *conversation, req action.Request, log *os.File, last *message, err error) error {
	if err == nil && canRedirect && ctx.Err() == nil && last != nil && last.Done != nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.children == nil {
			i.children = make(map[string][]*conversation)
		}
		i.children[environment] = append(i.children[environment], c)
		return nil
	}
	return outcome(ctx, req, log, last, errors.Join(err, c.end()))
}

// take returns an idle child with an environment, nil where there is none.
func (i *IdleChildren) take(environment string) *conversation {
	i.mu.Lock()
	defer i.mu.Unlock()
	list := i.children[environment]
	if len(list) == 0 {
		return nil
	}
	i.children[environment] = list[:len(list)-1]
	return list[len(list)-1]
}

// Close ends the children.
func (i *IdleChildren) Close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, list := range i.children {
		for _, c := range list {
			c.end()
		}
	}
	i.children = nil
}
