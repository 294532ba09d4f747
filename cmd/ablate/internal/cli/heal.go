package cli

import (
	"context"
	"fmt"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
)

// healing runs a plan. If it fails and damage was found in the store, everything
// that the study has there is checked, and the study is planned and run again: what
// is damaged is then fetched from the remote or computed.
func (r runRequest) healing(ctx context.Context, s *session, w *workspace, plan *planner.Plan) error {
	found := w.store.DamageCount()
	err := r.run(ctx, w, plan)
	for range 2 { // a second time for what only the first one reached
		now := w.store.DamageCount()
		if err == nil || ctx.Err() != nil || now == found {
			return err
		}
		damaged, checkErr := checkResults(ctx, w.store, plan)
		if checkErr != nil {
			return checkErr
		}
		s.view().Note("The store is damaged. Checked all results of this study: %s moved aside. Running again.", view.Counted(damaged, "more blob was", "more blobs were"))
		found = w.store.DamageCount()
		var planErr error
		if w, plan, planErr = r.plan(ctx, s); planErr != nil {
			return planErr
		}
		err = r.run(ctx, w, plan)
	}
	return err
}

// checkResults reads everything that a store has of a plan, and counts the damaged
// blobs.
func checkResults(ctx context.Context, store *cache.Local, plan *planner.Plan) (damaged int, err error) {
	var keys []cache.Key
	for _, t := range plan.Tasks {
		if !t.Key.IsZero() {
			keys = append(keys, t.Key)
		}
	}
	found, err := store.Lookup(ctx, keys...)
	if err != nil {
		return 0, err
	}
	var entries []cache.Entry
	for _, f := range found {
		if f.OK {
			entries = append(entries, *f.Entry)
		}
	}
	for e, err := range store.Entries(ctx, cache.StateBlock, "") { // from which trials resume
		if err != nil {
			return 0, err
		}
		entries = append(entries, e)
	}
	_, err = store.Verify(ctx, entries, func(f cache.Fault) {
		if !f.Missing {
			damaged++
		}
	})
	return damaged, err
}

// remakeDocuments writes the ingredients and the provenance of cached results anew
// where the store lost them and the remote does not have them.
func remakeDocuments(ctx context.Context, store *cache.Local, plan *planner.Plan) error {
	for _, t := range plan.Tasks {
		if t.Status != planner.Hit || len(t.Lost) == 0 {
			continue
		}
		a, err := t.Action()
		if err == nil {
			err = action.Remake(ctx, store, a, t.Entry(), t.Lost)
		}
		if err != nil {
			return fmt.Errorf("writing the lost documents of %s again: %w", t.Address, err)
		}
		t.Lost = nil
	}
	return nil
}
