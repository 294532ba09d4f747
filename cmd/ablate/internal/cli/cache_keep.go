package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
	"ablate/stages/record"
)

// ExitDamage is the code of a check that found damage.
const ExitDamage = 4

func (g *globals) cacheVerifyCommand() *cobra.Command {
	var repair bool
	var sample int
	c := &cobra.Command{
		Use:   "verify",
		Short: "Read everything in the store and check its digests",
		Long: "verify reads every entry and every blob that an entry names. What is damaged is moved\n" +
			"aside, so that it counts as absent and is made again; with --repair it is fetched from the\n" +
			"remote. What was given up to save room is no damage." + codes("4 damage found"),
		Example: "  ablate cache verify --sample 100",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.verify(c.Context(), repair, sample)
		},
	}
	c.Flags().BoolVar(&repair, "repair", false, "fetch what is damaged from the remote")
	c.Flags().IntVar(&sample, "sample", 0, "check so many entries, chosen at random; 0 means all")
	return c
}

func (g *globals) verify(ctx context.Context, repair bool, sample int) error {
	store, err := g.openStore()
	if err != nil {
		return err
	}
	lost, err := store.Reindex()
	if err != nil {
		return err
	}
	damaged := len(lost)
	for _, err := range lost {
		g.view().Text(err.Error() + "\n")
	}
	var entries []cache.Entry
	for e, err := range store.Entries(ctx, "", "") {
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	if sample > 0 && sample < len(entries) {
		rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		entries = entries[:sample]
	}
	var broken []cache.Fault
	gone := 0
	checked, err := store.Verify(ctx, entries, func(f cache.Fault) {
		if f.Evicted {
			gone++
			return
		}
		broken = append(broken, f)
		g.view().Object(map[string]any{"type": "damage", "key": f.Entry.Key, "artifact": f.Artifact, "digest": f.Digest, "error": f.Err.Error()})
		g.view().Text(fmt.Sprintf("%s.%s %s, %s: %v\n", f.Entry.Block, f.Entry.Type, f.Entry.Key.String()[:12], f.Artifact, f.Err))
	})
	if err != nil {
		return err
	}
	repaired, err := g.repair(ctx, store, broken, repair)
	if err != nil {
		return err
	}
	g.view().Object(map[string]any{"type": "verified", "entries": len(entries), "blobs": checked, "damaged": len(broken) + damaged, "repaired": repaired, "gone": gone})
	g.view().Text(fmt.Sprintf("%s with %s read: %d damaged, %d repaired, %d not there (given up, or never pulled).\n",
		counted(len(entries), "entry", "entries"), count(checked, "blob"), len(broken)+damaged, repaired, gone))
	if len(broken)+damaged > 0 {
		return exitError{ExitDamage}
	}
	return nil
}

// repair fetches the entries of damaged blobs from the remote.
func (g *globals) repair(ctx context.Context, store *cache.Local, broken []cache.Fault, wanted bool) (int, error) {
	if !wanted || len(broken) == 0 {
		return 0, nil
	}
	r, err := g.openRemote(ctx, nil)
	if err != nil {
		return 0, err
	}
	if r == nil {
		return 0, fmt.Errorf("--repair needs a remote: name one with ABLATE_REMOTE")
	}
	repaired := 0
	for _, f := range broken {
		if _, err := r.Pull(ctx, store, f.Entry, func(name string) bool { return name != f.Artifact }); err != nil {
			g.view().Text(fmt.Sprintf("not repaired: %v\n", err))
			continue
		}
		repaired++
	}
	return repaired, nil
}

func (g *globals) cacheGCCommand() *cobra.Command {
	var apply bool
	var budget string
	var grace time.Duration
	c := &cobra.Command{
		Use:   "gc",
		Short: "Say what could go from the store, and remove it with --apply",
		Long: "gc lists blobs that no entry names, artifacts that no recorded run and no pin needs, and\n" +
			"what crashes left over. With --budget it goes on until the blobs take no more than that:\n" +
			"checkpoints and states that can be made again, those first that cost the least for their\n" +
			"size. Entries, what trials measured and provenance always stay. Where the store does not say for\n" +
			"certain what it needs, because a file of it is damaged, nothing is removed." + codes("4 it is not certain what can be removed"),
		Example: "  ablate cache gc --budget 50GiB --apply",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			limit := int64(-1)
			if budget != "" {
				var err error
				if limit, err = parseSize(budget); err != nil {
					return fmt.Errorf("--budget: %w", err)
				}
			}
			return g.collect(c.Context(), limit, grace, apply)
		},
	}
	c.Flags().BoolVar(&apply, "apply", false, "remove it")
	c.Flags().StringVar(&budget, "budget", "", "how much the blobs may take, for example 50GiB")
	c.Flags().DurationVar(&grace, "grace", 24*time.Hour, "keep what is younger: an action under way may need it")
	return c
}

func (g *globals) collect(ctx context.Context, budget int64, grace time.Duration, apply bool) error {
	store, err := g.openStore()
	if err != nil {
		return err
	}
	c, err := store.Collect(ctx, cache.CollectOptions{
		Budget: budget, Grace: grace, Now: time.Now(),
		Cost: func(ctx context.Context, e cache.Entry) float64 {
			took, _ := planner.Took(ctx, store, e)
			return took
		},
	})
	if err != nil {
		return g.doubtful(err)
	}
	byWhy := make(map[string]int)
	bytes := make(map[string]int64)
	var order []string
	for _, x := range c.Items {
		g.view().Object(map[string]any{"type": "garbage", "path": x.Path, "bytes": x.Bytes, "why": x.Why})
		if byWhy[x.Why] == 0 {
			order = append(order, x.Why)
		}
		byWhy[x.Why]++
		bytes[x.Why] += x.Bytes
	}
	for _, why := range order {
		g.view().Text(fmt.Sprintf("%10s in %6d  %s\n", size(bytes[why]), byWhy[why], why))
	}
	if !apply {
		g.view().Text(fmt.Sprintf("%s could go, %s of blobs would stay. Nothing is removed without --apply.\n", size(c.Bytes()), size(c.Kept)))
		return nil
	}
	freed, err := c.Apply(ctx)
	g.view().Object(map[string]any{"type": "collected", "bytes": freed, "kept": c.Kept})
	g.view().Text(fmt.Sprintf("%s removed, %s of blobs stay.\n", size(freed), size(c.Kept)))
	return g.doubtful(err)
}

// doubtful reports that a garbage collection removed nothing because it is not
// certain what the store needs, which has an exit code of its own.
func (g *globals) doubtful(err error) error {
	var doubt *cache.DoubtError
	if !errors.As(err, &doubt) {
		return err
	}
	g.view().Error(err)
	return exitError{ExitDamage}
}

// evictable reports whether an artifact of an entry may be left out or given up.
func evictable(e cache.Entry, artifact string) bool {
	a, _ := e.Artifact(artifact)
	return cmp.Or(a.Retention, record.LegacyRetention(e, artifact)) == cache.Evict
}

// parseSize reads 50GiB, 20 GB, 1e9.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "KMGTiBkb ")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || v < 0 {
		return 0, fmt.Errorf("%q is no amount such as 50GiB", s)
	}
	units := map[string]float64{
		"": 1, "B": 1, "KB": 1e3, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}
	unit, ok := units[strings.TrimSpace(s[len(digits):])]
	if !ok {
		return 0, fmt.Errorf("%q is no amount such as 50GiB", s)
	}
	return int64(v * unit), nil
}

func (g *globals) cachePinCommand() *cobra.Command {
	return &cobra.Command{
		Use: "pin ADDRESS", Short: "Keep an instance's result from being collected",
		Long:    "pin keeps a cached result and what it rests on, whatever gc is asked to do." + codes(""),
		Example: "  ablate cache pin analysis.factorial.coupling",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.eachNeeded(c.Context(), args[0], func(w *workspace, s *planner.Task) error {
				if err := s.Cached(); err != nil {
					return err
				}
				g.view().Text(fmt.Sprintf("pinned %s  %s\n", s.Key.String()[:12], s.Address))
				return w.store.AddPin(cache.Pin{Key: s.Key, Address: s.Address.String(), Time: time.Now().UTC()})
			})
		},
	}
}

func (g *globals) cacheUnpinCommand() *cobra.Command {
	return &cobra.Command{
		Use: "unpin ADDRESS", Short: "Take a pin back",
		Long:    "unpin lets a result, and what it rests on, be collected again." + codes(""),
		Example: "  ablate cache unpin analysis.factorial.coupling",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.eachNeeded(c.Context(), args[0], func(w *workspace, s *planner.Task) error {
				return w.store.RemovePin(s.Key)
			})
		},
	}
}

// eachNeeded calls f for what an instance rests on, and for it.
func (g *globals) eachNeeded(ctx context.Context, typed string, f func(*workspace, *planner.Task) error) error {
	w, plan, err := g.planned(ctx)
	if err != nil {
		return err
	}
	s, err := g.step(plan, typed)
	if err != nil {
		return err
	}
	for _, x := range append(plan.Needs(s), s) {
		if err := f(w, x); err != nil {
			return err
		}
	}
	return nil
}

func (g *globals) cacheDisownCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "disown ADDRESS", Short: "Retract a bad result: it is not used again, wherever it comes from",
		Long: "disown takes a result out of the store and keeps a tombstone with the reason. The next run\n" +
			"computes it anew; the same bytes are not taken from a remote again. States\n" +
			"that it left on its way go with it. What rests on it is\n" +
			"listed: where the new result differs, it runs again, too." + codes(""),
		Example: "  ablate cache disown 'train.lm.main[\"norm=derf.paper,seed=42\"]' --reason \"bad memory on node 7\"",
		Args:    arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" {
				return fmt.Errorf("say why with --reason: it is kept for those who ask later")
			}
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			s, err := g.step(plan, args[0])
			if err != nil {
				return err
			}
			if err := s.Cached(); err != nil {
				return err
			}
			states, err := statesOf(c.Context(), w.store, s)
			if err != nil {
				return err
			}
			// The states first: from them the same result could be put together.
			for _, e := range append(states, s.Entry) {
				if err := w.store.Disown(e, reason, time.Now()); err != nil {
					return err
				}
			}
			g.view().Object(map[string]any{"type": "disowned", "address": s.Address.String(), "key": s.Key, "reason": reason})
			g.view().Text(fmt.Sprintf("disowned %s  %s\n", s.Key.String()[:12], s.Address))
			for _, x := range plan.Tasks {
				for _, need := range plan.Needs(x) {
					if need == s {
						g.view().Object(map[string]any{"type": "rests_on_disowned", "address": x.Address.String()})
						g.view().Text(fmt.Sprintf("  %s rests on it\n", x.Address))
					}
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why it is bad")
	return c
}

// statesOf lists the states that an instance left behind on its way.
func statesOf(ctx context.Context, store *cache.Local, s *planner.Task) ([]cache.Entry, error) {
	var out []cache.Entry
	for e, err := range store.Entries(ctx, pipeline.StateBlock, s.Address.Stage.Type) {
		if err != nil {
			return nil, err
		}
		raw, err := cache.ReadAll(ctx, store, e.Provenance)
		var p action.Provenance
		if err != nil || json.Unmarshal(raw, &p) != nil || p.Address == s.Address { // whose is not known goes, too
			out = append(out, e)
		}
	}
	return out, nil
}
