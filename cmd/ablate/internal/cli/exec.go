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
	"ablate/hcl"
	"ablate/pipeline"
	"ablate/pipeline/exec"
)

// execCommand is the child process of a run. It is hidden: its input is a
// request that only run writes.
func (g *globals) execCommand() *cobra.Command {
	var spool string
	c := &cobra.Command{
		Use: "exec", Hidden: true, Args: noArgs,
		Short: "Compute one action (run starts this by itself)",
		RunE: func(c *cobra.Command, _ []string) error {
			if spool != "" {
				return g.serveAllocation(c.Context(), spool)
			}
			store, err := g.openStore()
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
			child := exec.Child{
				Kinds: g.app.Kinds, Store: store, Memo: store.Memo(digest), Host: pipeline.ThisHost(digest), Program: programVersion(digest),
				Sources: func(dir string) (pipeline.Sources, error) {
					lock, list := hcl.ReadLock(dir)
					return remoteSources(dir, lock, nil, store), list.Err()
				},
				Log: slog.New(slog.NewTextHandler(g.app.Stderr, &slog.HandlerOptions{ReplaceAttr: shortTime})),
			}
			if err := child.Serve(c.Context(), g.app.Stdin, answers); err != nil {
				return errors.Join(exitError{ExitError}, fmt.Errorf("told the parent: %w", err))
			}
			return nil
		},
	}
	c.Flags().StringVar(&spool, "spool", "", "compute the actions of a task of a batch, in an allocation: the batch's `folder`")
	return c
}

// serveAllocation computes what a batch has for this allocation, each action in
// a process of its own. Slurm's signals stop it: what was reached is kept.
func (g *globals) serveAllocation(ctx context.Context, spool string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer onTimeLimit(func() { cancel(exec.ErrTimeLimit) })()
	log := slog.New(slog.NewTextHandler(g.app.Stderr, &slog.HandlerOptions{ReplaceAttr: shortTime}))
	err := g.serveBatch(ctx, spool, log)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrStopped):
		log.Info("stopped", "error", err)
		return exitError{exec.ExitStopped}
	case errors.Is(err, exec.ErrUnseen):
		log.Error("the store is not visible here", "error", err)
		return exitError{exec.ExitUnseen}
	}
	log.Error("failed", "error", err)
	return exitError{ExitError}
}

func (g *globals) serveBatch(ctx context.Context, spool string, log *slog.Logger) error {
	if _, err := os.Stat(spool); err != nil { // before a store is made where none should be
		return fmt.Errorf("%w: %w", exec.ErrUnseen, err)
	}
	store, err := g.openStore()
	if err != nil {
		return err
	}
	program, err := executable()
	if err != nil {
		return fmt.Errorf("finding the running program: %w", err)
	}
	return exec.Node{
		Spool: spool, Environ: g.app.Environ, Log: log,
		Local: exec.Local{Command: []string{program, "exec"}, Environ: g.app.Environ, Logs: store.LogDir()},
		Published: func(ctx context.Context, k cache.Key) (bool, error) {
			found, err := store.Lookup(ctx, k)
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
