package program

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"ablate/cache"
	"ablate/pipeline"
)

// exitAgain is the exit status by which a program says: checkpointed, call me
// again. It is EX_TEMPFAIL of sysexits.h.
const exitAgain = 75

// Run runs the program to its end, resuming from what it last committed, and
// stores the declared outputs. metrics names the output for rows, "" for none.
func (s Spec) Run(ctx context.Context, env *pipeline.Env, metrics string) error {
	dir, err := makeScratch(s, env)
	if err != nil {
		return err
	}
	defer dir.Remove()
	kept, err := openCheckpoints(ctx, s, env.Inputs, env.States)
	if err != nil {
		return err
	}
	if err := kept.restore(ctx, dir); err != nil {
		return err
	}
	if kept.last > 0 {
		env.Log.Info("resuming from a checkpoint", "number", kept.last)
		if env.Resumes != nil {
			env.Resumes(kept.entry)
		}
	}
	printed, err := s.untilDone(ctx, env, dir, kept)
	if err != nil {
		return err
	}
	if err := s.collect(env, dir, metrics, printed); err != nil {
		return err
	}
	return kept.finish(ctx)
}

// Mark returns the key of the first checkpoint: all others follow it.
func (s Spec) Mark(in pipeline.Inputs) (cache.Key, error) {
	c, err := newCheckpoints(s, in, nil)
	if err != nil {
		return cache.Key{}, err
	}
	return c.key(1), nil
}

// Survey reports the checkpoint from which Run would resume.
func (s Spec) Survey(ctx context.Context, in pipeline.Inputs, states pipeline.States) (pipeline.Survey, error) {
	kept, err := openCheckpoints(ctx, s, in, states)
	if err != nil || kept.last == 0 {
		return pipeline.Survey{}, err
	}
	return pipeline.Survey{Text: fmt.Sprintf("resumes from checkpoint %d of its unfinished run", kept.last)}, nil
}

// untilDone calls the program until it does not ask to be called again. A program
// that asks without having committed a new checkpoint would loop forever. printed is the
// end of what the last call printed.
func (s Spec) untilDone(ctx context.Context, env *pipeline.Env, dir Scratch, kept *checkpoints) (printed *Tail, err error) {
	for {
		before := kept.last
		p := &call{spec: s, env: env, dir: dir, kept: kept, resumed: before > 0}
		err := p.run(ctx)
		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err == nil:
			return &p.printed, nil
		case !errors.As(err, &exit):
			return nil, err
		case !asksAgain(err):
			return nil, fmt.Errorf("%s: %s%s", strings.Join(s.Argv, " "), describeExit(exit), p.printed.LastLines())
		case kept.last == before:
			return nil, fmt.Errorf("%s exited with status %d, which asks to be called again, but committed no checkpoint since its last call%s",
				strings.Join(s.Argv, " "), exitAgain, p.printed.LastLines())
		}
		env.Log.Info("calling the program again", "checkpoint", kept.last)
	}
}

// asksAgain reports whether an error is the exit status that asks for another call.
func asksAgain(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == exitAgain
}

// describeExit says how a program failed.
func describeExit(exit *exec.ExitError) string {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return "it was killed (SIGKILL), perhaps because memory ran out"
	}
	return exit.Error()
}
