package cli

import (
	"time"

	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

// journal makes an observer that also records events in the store, where other
// processes can follow the run. A store that cannot be written to has no journal.
func (w *workspace) journal(plan *planner.Plan, observe func(run.Event)) (also func(run.Event), closeFile func()) {
	if plan.Clean() {
		return observe, func() {}
	}
	j, err := run.NewJournal(w.store.RunDir(), w.graph.Study.Name, w.graph.Study.Dir, time.Now())
	if err != nil {
		return observe, func() {}
	}
	return func(e run.Event) {
		j.Observe(e)
		observe(e)
	}, func() { j.Close() }
}
