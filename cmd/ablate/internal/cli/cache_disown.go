package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
)

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
		RunE:              does(s, &r, &r.Instance),
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
	s.show(view.Disowned{KeyOf: keyOf(t), Reason: r.Reason})
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
		if p, err := action.ProvenanceOf(ctx, w.store, e); err != nil || p.Address == t.Address {
			out = append(out, e)
		}
	}
	return out, nil
}
