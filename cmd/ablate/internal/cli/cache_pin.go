package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
)

func cachePinCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "pin INSTANCE", Short: "Protect an instance's result from gc",
		Long:              "pin protects a cached result, and everything that it depends on, from gc." + exitCodes(""),
		Example:           "  ablate cache pin analysis.factorial.coupling",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, anyInstance, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return cachePinRequest{Instance: args[0]}.do(c.Context(), s)
		},
	}
}

// cachePinRequest asks to protect a result from collection.
type cachePinRequest struct{ Instance string }

func (r cachePinRequest) do(ctx context.Context, s *session) error {
	w, plan, t, err := s.plannedTask(ctx, anyInstance, r.Instance)
	if err != nil {
		return err
	}
	needed := append(plan.Needs(t), t)
	for _, x := range needed {
		if err := x.Cached(); err != nil {
			return err
		}
	}
	for _, x := range needed {
		if err := w.store.AddPin(cache.Pin{Key: x.Key, For: t.Key, Address: x.Address.String(), Time: time.Now().UTC()}); err != nil {
			return err
		}
		s.show(view.Pinned{Address: x.Address.String(), Key: x.Key})
	}
	return nil
}

func cacheUnpinCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "unpin INSTANCE", Short: "Remove a pin",
		Long: "unpin lets gc collect a result, and what it depends on, again, except what another pinned result\n" +
			"depends on." + exitCodes(""),
		Example:           "  ablate cache unpin analysis.factorial.coupling",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, anyInstance, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return cacheUnpinRequest{Instance: args[0]}.do(c.Context(), s)
		},
	}
}

// cacheUnpinRequest asks to remove a pin.
type cacheUnpinRequest struct{ Instance string }

func (r cacheUnpinRequest) do(ctx context.Context, s *session) error {
	w, plan, t, err := s.plannedTask(ctx, anyInstance, r.Instance)
	if err != nil {
		return err
	}
	if t.Key.IsZero() {
		return t.Cached()
	}
	var keys []cache.Key
	for _, x := range append(plan.Needs(t), t) {
		keys = append(keys, x.Key)
	}
	free, ok, err := w.store.Unpin(t.Key, keys...)
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%s is not pinned", t.Address)
	case len(free) == 0:
		s.view().Text(fmt.Sprintf("Other pins still protect %s and what it depends on.\n", t.Address))
	}
	for _, p := range free {
		s.show(view.Unpinned{Address: p.Address, Key: p.Key})
	}
	return nil
}

func cacheDisownCommand(s *session) *cobra.Command {
	var r cacheDisownRequest
	c := &cobra.Command{
		Use: "disown INSTANCE", Short: "Invalidate a bad result so that it is never reused",
		Long: "disown removes a result from the store, together with the training states that led to it, and\n" +
			"keeps a tombstone with the reason. The next run computes the result again; the same bytes are\n" +
			"not accepted from a remote again. disown lists the instances that depend on the result: where\n" +
			"the new result differs, they run again, too." + exitCodes(""),
		Example:           "  ablate cache disown 'train.lm.main[\"norm=derf.paper,seed=42\"]' --reason \"bad memory on node 7\"",
		Args:              argsBetween(1, 1),
		ValidArgsFunction: complete(s, anyInstance, 1),
		RunE: func(c *cobra.Command, args []string) error {
			r.Instance = args[0]
			return r.do(c.Context(), s)
		},
	}
	c.Flags().StringVar(&r.Reason, "reason", "", "why it is bad")
	return c
}

// cacheDisownRequest asks to invalidate a result.
type cacheDisownRequest struct{ Instance, Reason string }

func (r cacheDisownRequest) do(ctx context.Context, s *session) error {
	if r.Reason == "" {
		return errors.New("missing --reason: it is stored with the tombstone")
	}
	w, plan, t, err := s.plannedTask(ctx, anyInstance, r.Instance)
	if err != nil {
		return err
	}
	if err := t.Cached(); err != nil {
		return err
	}
	states, err := statesOf(ctx, w, plan, t)
	if err != nil {
		return err
	}
	// States first: the result could be assembled from them again.
	for _, e := range append(states, t.Entry()) {
		if err := w.store.Disown(e, r.Reason, time.Now()); err != nil {
			return err
		}
	}
	s.show(view.Disowned{Address: t.Address.String(), Key: t.Key, Reason: r.Reason})
	for _, x := range plan.Tasks {
		if slices.Contains(plan.Needs(x), t) {
			s.show(view.DependsOnDisowned{Address: x.Address.String()})
		}
	}
	return nil
}

// statesOf lists the training states that led to an instance's result: those from which
// it would resume, since another instance may have saved them, and all others that it
// saved. A state whose provenance cannot be read may be one of them.
func statesOf(ctx context.Context, w *workspace, plan *planner.Plan, t *planner.Task) ([]cache.Entry, error) {
	out, err := w.planner.States(ctx, plan, t)
	if err != nil {
		return nil, err
	}
	listed := make(map[cache.Key]bool)
	for _, e := range out {
		listed[e.Key] = true
	}
	for e, err := range w.store.Entries(ctx, pipeline.StateBlock, t.Address.Stage.Type) {
		if err != nil {
			return nil, err
		}
		if listed[e.Key] {
			continue
		}
		raw, err := cache.ReadAll(ctx, w.store, e.Provenance)
		var p action.Provenance
		if err != nil || json.Unmarshal(raw, &p) != nil || p.Address == t.Address {
			out = append(out, e)
		}
	}
	return out, nil
}
