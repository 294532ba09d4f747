package cli

import (
	"slices"
	"time"

	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

// journal makes an observer that also records events in the store, where other
// processes can follow the run. A store that cannot be written to has no journal.
func (w *workspace) journal(plan *planner.Plan, observe func(run.Event)) (also func(run.Event), closeFile func()) {
	if plan.Clean() {
		return observe, func() {}
	}
	j, err := run.NewJournal(w.store.RunDir(), w.graph.Study.Name, w.graph.Study.Dir, outline(w, plan), time.Now())
	if err != nil {
		return observe, func() {}
	}
	return func(e run.Event) {
		j.Observe(e)
		observe(e)
	}, func() { j.Close() }
}

// outline is what the journal records of a plan.
func outline(w *workspace, plan *planner.Plan) *run.Outline {
	o := &run.Outline{Part: w.planner.Select != nil}
	for _, t := range plan.Tasks {
		i := run.Outlined{Address: t.Address.String(), Block: t.Block, Label: t.Label, Trial: t.Role == pipeline.Trial,
			Key: t.Key, Status: t.Status, Done: t.Survey.Done}
		for _, f := range w.graph.Instance(t.Address).Factors {
			i.Levels = append(i.Levels, f.Label)
		}
		if !slices.ContainsFunc(i.Levels, func(label string) bool { return label != "" }) {
			i.Levels = nil
		}
		o.Instances = append(o.Instances, i)
	}
	o.Replicate, o.Response = questionOf(plan)
	return o
}
