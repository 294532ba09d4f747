package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/planner"
)

func cacheGCCommand(s *session) *cobra.Command {
	var r cacheGCRequest
	c := &cobra.Command{
		Use:   "gc",
		Short: "List what can be removed from the store; remove it with --apply",
		Long: "gc lists blobs that no entry names, artifacts and logs that no recorded run and no pin needs,\n" +
			"journals of old runs, and leftovers of crashes. Logs may take 256 MiB. What clients of cache\n" +
			"serve pushed stays. With --budget it also lists checkpoints and training states, which can be\n" +
			"computed again, until the blobs fit the budget; those that cost least to compute per byte go\n" +
			"first. Entries, metrics and provenance are never removed. If a damaged file makes it uncertain\n" +
			"what the store needs, nothing is removed." +
			exitCodes("4 it is uncertain what can be removed"),
		Example: "  ablate cache gc --budget 50GiB --apply",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	c.Flags().BoolVar(&r.Apply, "apply", false, "remove it")
	c.Flags().StringVar(&r.Budget, "budget", "", "the `size` that the blobs may take, such as 50GiB")
	c.Flags().DurationVar(&r.Grace, "grace", 24*time.Hour, "keep files younger than this, because a running action may need them")
	return c
}

// cacheGCRequest asks what can be removed from the store.
type cacheGCRequest struct {
	Apply  bool
	Budget string // "" means none
	Grace  time.Duration
}

func (r cacheGCRequest) do(ctx context.Context, s *session) error {
	if r.Grace < 0 {
		return fmt.Errorf("--grace: must be 0 or more, not %s", r.Grace)
	}
	budget := int64(-1)
	if r.Budget != "" {
		var err error
		if budget, err = parseSize(r.Budget); err != nil {
			return fmt.Errorf("--budget: %w", err)
		}
	}
	store, err := s.openStore()
	if err != nil {
		return err
	}
	o := cache.CollectOptions{
		Budget: budget, Grace: r.Grace, Now: time.Now(),
		Cost: func(ctx context.Context, e cache.Entry) float64 {
			took, _ := planner.ComputeSeconds(ctx, store, e)
			return took
		},
	}
	c, err := store.Collect(ctx, o)
	if err != nil {
		return inDoubt(s, err)
	}
	orphans, err := orphansOf(ctx, store, c, o)
	if err != nil {
		return inDoubt(s, err)
	}
	var list []view.Garbage
	for _, x := range c.Items {
		g := view.Garbage{Path: x.Path, Bytes: x.Bytes, Why: x.Why}
		list = append(list, g)
		s.show(g)
	}
	s.view().Text(view.GarbageTable(list))
	if !r.Apply {
		s.show(view.Collectable{Bytes: c.Bytes(), Kept: c.Kept, Young: c.Young, Files: len(c.Items)})
		r.tellYoung(s, c)
		s.view().Text(orphans)
		return nil
	}
	freed, err := c.Apply(ctx)
	if err != nil {
		return inDoubt(s, err)
	}
	s.show(view.Collected{Bytes: freed, Kept: c.Kept})
	r.tellYoung(s, c)
	s.view().Text(orphans)
	return nil
}

// orphansOf says what a collection keeps for studies whose folders do not exist, and how
// to give it up. The folder may be on a disk that is not mounted, or on another machine
// with the same store, so only the user knows that a study was deleted.
func orphansOf(ctx context.Context, store *cache.Local, c *cache.Collection, o cache.CollectOptions) (string, error) {
	roots, err := store.Roots()
	if err != nil {
		return "", err
	}
	orphans := make(map[string]bool)
	var records strings.Builder
	for _, root := range roots {
		if _, err := os.Stat(root.Dir); errors.Is(err, fs.ErrNotExist) {
			path := store.RootPath(root.Study, root.Dir)
			orphans[path] = true
			fmt.Fprintf(&records, "    %s  of %s in %s, %s\n", path, root.Study, root.Dir, root.Time.Local().Format("2006-01-02"))
		}
	}
	if len(orphans) == 0 {
		return "", nil
	}
	o.Ignore = func(r cache.Root) bool { return orphans[store.RootPath(r.Study, r.Dir)] }
	without, err := store.Collect(ctx, o)
	if err != nil || without.Bytes() <= c.Bytes() {
		return "", err
	}
	return fmt.Sprintf("%s is kept only for studies whose folders do not exist on this machine. If a study was deleted, remove the record of its last run:\n\n%s",
		view.Size(without.Bytes()-c.Bytes()), &records), nil
}

// tellYoung says what is kept for its age alone. Without it, a collection on the day of a
// run would seem to find nothing.
func (r cacheGCRequest) tellYoung(s *session, c *cache.Collection) {
	if c.Young > 0 {
		s.view().Text(fmt.Sprintf("A further %s is kept because it is younger than %s: a running action may need it. If none is running, add --grace 0s.\n",
			view.Size(c.Young), view.Duration(r.Grace)))
	}
}

// inDoubt gives an exit code of its own to a collection that removed nothing because
// the store does not say for certain what it needs.
func inDoubt(s *session, err error) error {
	var doubt *cache.DoubtError
	if !errors.As(err, &doubt) {
		return err
	}
	s.view().Error(err)
	return exitError{ExitDamage}
}

// parseSize reads sizes such as 50GiB, 20 GB and 1e9.
func parseSize(text string) (int64, error) {
	units := map[string]float64{
		"": 1, "B": 1, "KB": 1e3, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}
	digits := strings.TrimRight(text, "KMGTiBkb ")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	unit, known := units[strings.TrimSpace(text[len(digits):])]
	if err != nil || !known || !(v >= 0) || v*unit >= 1<<63 {
		return 0, fmt.Errorf("%q is not a size such as 50GiB", text)
	}
	return int64(v * unit), nil
}
