package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/pipeline/launch"
)

// followEvery is how often a followed log is looked at.
const followEvery = 200 * time.Millisecond

// queueEvery is how often Slurm's queue is asked about a followed log.
const queueEvery = 5 * time.Second

func (g *globals) logsCommand() *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use:   "logs ADDRESS",
		Short: "Print what an instance's process logged",
		Long: "logs prints the log of the last time that the instance, as the study now stands, was\n" +
			"computed on this store." + codes(""),
		Example: "  ablate logs --follow 'train.lm.main[\"seed=42\"]'",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			w, s, err := g.plannedStep(c.Context(), args[0])
			if err != nil {
				return err
			}
			if s.Key.IsZero() {
				return fmt.Errorf("%s has no log yet: it %s", s.Address, s.Reason.Text)
			}
			f, err := os.Open(launch.Local{Logs: w.store.LogDir()}.LogPath(s.Key))
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s has no log: it was not computed on this store, or not in a process of its own", s.Address)
			}
			if err != nil {
				return err
			}
			defer f.Close()
			return g.copyLog(c.Context(), f, func() bool { return follow && g.computing(w, s.Key) })
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on while the instance is being computed")
	return c
}

// computing reports whether a process here or a job of Slurm's is at a key.
func (g *globals) computing(w *workspace, k cache.Key) bool {
	if w.store.Locked(k) {
		return true
	}
	if time.Since(g.asked) >= queueEvery {
		g.asked, g.jobs = time.Now(), g.live(w)
	}
	return g.jobs[k] != ""
}

// copyLog prints a log, and what is added while more says so.
func (g *globals) copyLog(ctx context.Context, f io.Reader, more func() bool) error {
	for {
		again := more()
		raw, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		if len(raw) > 0 {
			g.view().Object(map[string]string{"type": "log", "text": string(raw)})
			g.view().Text(string(raw))
		}
		if !again {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(followEvery):
		}
	}
}
