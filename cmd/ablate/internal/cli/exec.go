package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ablate/hcl"
	"ablate/pipeline"
	"ablate/pipeline/exec"
)

// execCommand is the child process of a run. It is hidden: its input is a
// request that only run writes.
func (g *globals) execCommand() *cobra.Command {
	return &cobra.Command{
		Use: "exec", Hidden: true, Args: noArgs,
		Short: "Compute one action (run starts this by itself)",
		RunE: func(c *cobra.Command, _ []string) error {
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
				Kinds: g.app.Kinds, Store: store, Memo: store.Memo(digest), Host: pipeline.ThisHost(digest),
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
}

// shortTime keeps log lines readable.
func shortTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.String(slog.TimeKey, a.Value.Time().Format(time.TimeOnly))
	}
	return a
}
