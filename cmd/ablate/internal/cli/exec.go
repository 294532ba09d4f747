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
	"ablate/pipeline/launch"
)

// execCommand is the child process of a run. It is hidden, because only run and its
// executors write the requests that it reads.
func execCommand(s *session) *cobra.Command {
	var r execRequest
	c := &cobra.Command{
		Use: "exec", Hidden: true, Args: noArgs,
		Short: "Compute actions (started by run)",
		Long:  "exec computes the actions that it reads from standard input. ablate run starts it." + exitCodes(""),
		RunE:  does(s, &r),
	}
	c.Flags().StringVar(&r.Spool, "spool", "", "compute the actions of a batch in a Slurm allocation: the batch's `folder`, or - for standard input")
	c.Flags().BoolVar(&r.Through, "through", false, "read inputs from the remote and send results there")
	return c
}

// execRequest asks to compute actions: those on standard input, or those of a batch.
type execRequest struct {
	Spool   string // "" means standard input
	Through bool   // reach the store of the run through the remote
}

func (r execRequest) do(ctx context.Context, s *session) error {
	if r.Spool != "" {
		return r.serveAllocation(ctx, s)
	}
	store, err := s.openStore()
	if err != nil {
		return err
	}
	reached, err := r.store(ctx, s, store)
	if err != nil {
		return err
	}
	digest, err := digestExecutable(store.StatCache())
	if err != nil {
		return err
	}
	answers := s.app.Stdout
	if answers == os.Stdout {
		os.Stdout = os.Stderr // libraries may print; stdout carries the protocol
	}
	child := launch.Child{
		Kinds: s.app.Kinds, Store: reached, Memo: store.Memo(digest), Host: s.host(digest), Program: programVersion(digest),
		Sources: func(dir string) (pipeline.Sources, error) {
			lock, list := hcl.ReadLock(dir)
			return remoteSources(dir, lock, nil, store), append(list, lock.Damaged...).Err()
		},
		Log: childLog(s),
	}
	if err := child.Serve(ctx, s.app.Stdin, answers); err != nil {
		return errors.Join(exitError{ExitError}, fmt.Errorf("reported to the parent: %w", err))
	}
	return nil
}

// store is the local store or, with --through, the local store with the remote
// behind it.
func (r execRequest) store(ctx context.Context, s *session, local *cache.Local) (cache.Store, error) {
	if !r.Through {
		return local, nil
	}
	behind, err := s.openRemote(ctx, nil)
	if err == nil && behind == nil {
		err = errors.New("--through needs a remote, and none is configured")
	}
	if err != nil {
		return nil, err
	}
	return remote.Through{Tiered: remote.Tiered{Local: local, Remote: behind}}, nil
}

// serveAllocation computes the actions of a batch, one after another, until Slurm
// announces the time limit. Processes are kept between actions (launch.Allocation).
func (r execRequest) serveAllocation(ctx context.Context, s *session) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer onTimeLimit(func() { cancel(launch.ErrTimeLimit) })()
	log := childLog(s)
	err := r.serveBatch(ctx, s, log)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, launch.ErrStopped):
		log.Info("stopped", "error", err)
		return exitError{launch.ExitStopped}
	case errors.Is(err, launch.ErrUnseen):
		log.Error("the store is not visible on this node", "error", err)
		return exitError{launch.ExitUnseen}
	}
	log.Error("failed", "error", err)
	return exitError{ExitError}
}

func (r execRequest) serveBatch(ctx context.Context, s *session, log *slog.Logger) error {
	if _, err := os.Stat(r.Spool); !r.Through && err != nil { // opening the store would create it
		return fmt.Errorf("%w: %w", launch.ErrUnseen, err)
	}
	store, err := s.openStore()
	if err != nil {
		return err
	}
	path, err := program()
	if err != nil {
		return err
	}
	command := []string{path, "exec"}
	spool := r.Spool
	if r.Through {
		command = append(command, "--through")
		if spool, err = launch.Unpack(s.app.Stdin, store.Dir()); err != nil {
			return err
		}
	}
	return launch.Allocation{
		Spool: spool, Log: log,
		Local: launch.Local{Command: command, Environ: s.app.Environ, Logs: store.LogDir(), ViaRemote: r.Through},
	}.Run(ctx)
}

// childLog is the log of a child process, which its parent keeps in a file.
func childLog(s *session) *slog.Logger {
	return slog.New(slog.NewTextHandler(s.app.Stderr, &slog.HandlerOptions{ReplaceAttr: shortTime}))
}

// shortTime leaves the date out of log lines.
func shortTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.String(slog.TimeKey, a.Value.Time().Format(time.TimeOnly))
	}
	return a
}
