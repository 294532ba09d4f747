package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/launch"
)

const (
	followEvery = 200 * time.Millisecond // between two reads of a followed log
	queueEvery  = 5 * time.Second        // between two queries of Slurm's queue
)

func logsCommand(s *session) *cobra.Command {
	var r logsRequest
	c := &cobra.Command{
		Use:   "logs INSTANCE",
		Short: "Print what an instance's process logged",
		Long: "logs prints the log of the last time that the instance, as the study now describes it, was\n" +
			"computed with this store." + exitCodes(""),
		Example:           "  ablate logs --follow 'train.lm.main[\"seed=42\"]'",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, anyInstance, 1),
		RunE:              does(s, &r, &r.Instance),
	}
	c.Flags().BoolVarP(&r.Follow, "follow", "f", false, "continue while the instance is being computed")
	return c
}

// logsRequest asks for the log of an instance.
type logsRequest struct {
	Instance string
	Follow   bool
}

func (r logsRequest) do(ctx context.Context, s *session) error {
	w, _, t, err := s.plannedTask(ctx, anyInstance, r.Instance)
	if err != nil {
		return err
	}
	if t.Key.IsZero() {
		return fmt.Errorf("%s has no log yet: it %s", t.Address, t.Reason.Text)
	}
	f, err := fsys.OpenRegular(launch.Local{Logs: w.store.LogDir()}.LogPath(t.Key))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no log: it was not computed with this store, or not in a process of its own", t.Address)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	watch := &keyWatch{w: w, key: t.Key}
	return copyLog(ctx, s, f, func() bool { return r.Follow && watch.computing(ctx) })
}

// keyWatch observes whether a key is being computed.
type keyWatch struct {
	w       *workspace
	key     cache.Key
	queried time.Time // when Slurm's queue was last queried
	queued  bool      // what it answered
}

// computing reports whether a process here or a Slurm job is computing the key.
func (k *keyWatch) computing(ctx context.Context) bool {
	if k.w.store.Locked(k.key) {
		return true
	}
	if time.Since(k.queried) >= queueEvery {
		k.queried, k.queued = time.Now(), launchers{k.w}.liveJobs(ctx)[k.key].Text != ""
	}
	return k.queued
}

// copyLog prints a log, and what is added to it while more returns true.
func copyLog(ctx context.Context, s *session, f io.Reader, more func() bool) error {
	for {
		again := more() // before the read, so that the last lines are not missed
		raw, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		if len(raw) > 0 {
			s.show(view.Log{Text: string(raw)})
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
