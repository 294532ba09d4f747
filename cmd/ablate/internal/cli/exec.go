package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cache/remote"
	"ablate/hcl"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/launch"
)

// execCommand is the child process of a run. It is hidden: its input is a
// request that only run writes.
func (g *globals) execCommand() *cobra.Command {
	var spool string
	var through bool
	c := &cobra.Command{
		Use: "exec", Hidden: true, Args: noArgs,
		Short: "Compute one action (run starts this by itself)",
		RunE: func(c *cobra.Command, _ []string) error {
			if spool != "" {
				return g.serveAllocation(c.Context(), spool, through)
			}
			store, err := g.openStore()
			if err != nil {
				return err
			}
			seen, err := g.through(c.Context(), store, through)
			if err != nil {
				return err
			}
			digest, err := digestExecutable(store.StatCache())
			if err != nil {
				return err
			}
			answers := g.app.Stdout
			if answers == os.Stdout {
				os.Stdout = os.Stderr // what a library prints belongs into the log
			}
			child := launch.Child{
				Kinds: g.app.Kinds, Store: seen, Memo: store.Memo(digest), Host: action.ThisHost(digest), Program: programVersion(digest),
				Sources: func(dir string) (pipeline.Sources, error) {
					lock, list := hcl.ReadLock(dir)
					return remoteSources(dir, lock, nil, store), append(list, lock.Damaged...).Err()
				},
				Log: slog.New(slog.NewTextHandler(g.app.Stderr, &slog.HandlerOptions{ReplaceAttr: shortTime})),
			}
			if err := child.Serve(c.Context(), g.app.Stdin, answers); err != nil {
				return errors.Join(exitError{ExitError}, fmt.Errorf("told the parent: %w", err))
			}
			return nil
		},
	}
	c.Flags().StringVar(&spool, "spool", "", "compute the actions of a task of a batch, in an allocation: the batch's `folder`, or - to read it")
	c.Flags().BoolVar(&through, "through", false, "bring inputs from the remote, and send results there")
	return c
}

// through is the store, by way of the remote where the coordinator's folder is
// not seen.
func (g *globals) through(ctx context.Context, store *cache.Local, through bool) (cache.Store, error) {
	if !through {
		return store, nil
	}
	r, err := g.openRemote(ctx, nil)
	if err == nil && r == nil {
		err = errors.New("there is no remote to work through")
	}
	if err != nil {
		return nil, err
	}
	return remote.Through{Tiered: remote.Tiered{Local: store, Remote: r}}, nil
}

// serveAllocation computes what a batch has for this allocation, each action in
// a process of its own. Slurm's signals stop it: what was reached is kept.
func (g *globals) serveAllocation(ctx context.Context, spool string, through bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer onTimeLimit(func() { cancel(launch.ErrTimeLimit) })()
	log := slog.New(slog.NewTextHandler(g.app.Stderr, &slog.HandlerOptions{ReplaceAttr: shortTime}))
	err := g.serveBatch(ctx, spool, through, log)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, launch.ErrStopped):
		log.Info("stopped", "error", err)
		return exitError{launch.ExitStopped}
	case errors.Is(err, launch.ErrUnseen):
		log.Error("the store is not visible here", "error", err)
		return exitError{launch.ExitUnseen}
	}
	log.Error("failed", "error", err)
	return exitError{ExitError}
}

func (g *globals) serveBatch(ctx context.Context, spool string, through bool, log *slog.Logger) error {
	if _, err := os.Stat(spool); !through && err != nil { // before a store is made where none should be
		return fmt.Errorf("%w: %w", launch.ErrUnseen, err)
	}
	store, err := g.openStore()
	if err != nil {
		return err
	}
	program, err := executable()
	if err != nil {
		return fmt.Errorf("finding the running program: %w", err)
	}
	command := []string{program, "exec"}
	if through {
		command = append(command, "--through")
		if spool, err = launch.Unpack(g.app.Stdin, store.Dir()); err != nil {
			return err
		}
	}
	seen, err := g.through(ctx, store, through)
	if err != nil {
		return err
	}
	return launch.Node{
		Spool: spool, Environ: g.app.Environ, Log: log,
		Local: launch.Local{Command: command, Environ: g.app.Environ, Logs: store.LogDir(), Through: through},
		Published: func(ctx context.Context, k cache.Key) (bool, error) {
			found, err := seen.Lookup(ctx, k)
			return err == nil && found[0].OK && len(found[0].Absent) == 0, err
		},
	}.Run(ctx)
}

// shortTime keeps log lines readable.
func shortTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.String(slog.TimeKey, a.Value.Time().Format(time.TimeOnly))
	}
	return a
}
