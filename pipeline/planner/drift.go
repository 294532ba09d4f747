package planner

import (
	"context"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/pipeline/action"
)

// Drift is one instance that changed after the plan was saved.
type Drift struct {
	Address string
	What    string // the ingredients that differ, or "added", "removed"
}

// Drift compares the plan with a saved one. A result that has been cached since is
// no difference. What was added and removed comes first: other changes follow from it.
func (p *Plan) Drift(ctx context.Context, saved SavedPlan) []Drift {
	was := make(map[string]SavedTask, len(saved.Steps))
	for _, s := range saved.Steps {
		was[s.Address] = s
	}
	var out, changed []Drift
	for _, t := range p.Tasks {
		address := t.Address.String()
		old, ok := was[address]
		delete(was, address)
		if !ok {
			out = append(out, Drift{address, "added"})
		} else if what := t.changedFrom(ctx, old, saved.notesOf(old)); what != "" {
			changed = append(changed, Drift{address, what})
		}
	}
	for _, s := range saved.Steps {
		if _, left := was[s.Address]; left {
			out = append(out, Drift{s.Address, "removed"})
		}
	}
	return append(out, changed...)
}

// changedFrom names what differs from the saved task with its notes, "" for nothing.
func (t *Task) changedFrom(ctx context.Context, old SavedTask, notes cache.Value) string {
	var fields []string
	switch {
	case old.Key != nil && *old.Key == t.Key:
		return ""
	case old.Key != nil && !t.Key.IsZero():
		for _, d := range t.differencesFrom(ctx, old, notes) {
			fields = append(fields, d.name())
		}
	default: // it waits for a result, now or when the plan was saved
		declared := t.declared()
		if declared.Key(declaredDomain) == old.Declared {
			return ""
		}
		if old.Key == nil && old.Ingredients != nil {
			for _, d := range cache.Diff(*old.Ingredients, declared) {
				fields = append(fields, changedField(d.Path))
			}
		}
	}
	if fields == nil { // what it was is not known
		return "its ingredients changed"
	}
	slices.Sort(fields)
	return strings.Join(slices.Compact(fields), ", ")
}

// differencesFrom lists what differs from a saved task whose key is known; nothing where
// the store lost what it was made of.
func (t *Task) differencesFrom(ctx context.Context, old SavedTask, notes cache.Value) []difference {
	past := pastAction{}
	if old.Ingredients != nil {
		past.ingredients, past.notes = *old.Ingredients, notes
	} else { // it was cached
		store := t.plan.planner.Store
		found, err := store.Lookup(ctx, *old.Key)
		if err != nil || !found[0].OK {
			return nil
		}
		if past, err = readPast(ctx, store, *found[0].Entry); err != nil {
			return nil
		}
	}
	if _, err := t.Action(); err != nil {
		return nil
	}
	defer t.drop()
	return differences(past, t)
}

// changedField names a field that differs from a saved plan.
func changedField(path []string) string {
	if pattern, ok := strings.CutPrefix(path[0], "files "); ok {
		if len(path) > 1 {
			return "the file " + path[1]
		}
		return "the files " + pattern
	}
	if path[0] == "inputs" && len(path) > 2 && strings.Trim(path[2], "0123456789") == "" {
		path = path[:2] // an element of a list of references
	}
	return action.JoinPath(path)
}
