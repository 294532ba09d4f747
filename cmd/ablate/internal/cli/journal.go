package cli

import (
	"slices"
	"time"

	"ablate/cmd/ablate/internal/view"
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

// history is what the journals of past and present runs say of a study's instances.
type history struct{ past map[string]run.Past }

// history reads the journals of the study.
func (w *workspace) history() (history, error) {
	past, err := run.History(w.store.RunDir(), w.graph.Study.Name, w.graph.Study.Dir)
	return history{past}, err
}

// failure is the failure of a task's last attempt, if it still has to be computed and
// has not changed since.
func (h history) failure(t *planner.Task) (e view.Failure, ok bool) {
	r := h.past[t.Address.String()].Failure
	if r == nil || t.Status == planner.Hit || t.Key != r.Key {
		return e, false
	}
	return view.Failure{Address: r.Address, Time: r.Time, Error: lastShown(r.Error), Log: r.Log}, true
}

// showFailures shows the failures among the tasks of a plan. Cached tasks have none, so
// a plan of nothing else reads no journals.
func showFailures(w *workspace, plan *planner.Plan) error {
	if plan.Clean() {
		return nil
	}
	past, err := w.history()
	if err != nil {
		return err
	}
	var failed []view.Failure
	for _, t := range plan.Tasks {
		if e, ok := past.failure(t); ok {
			failed = append(failed, e)
		}
	}
	w.session.view().Failures(failed)
	return nil
}

// progress adds to the state of a running task what its run has reported.
func (h history) progress(t *planner.Task, e *view.Status) {
	p := h.past[t.Address.String()]
	e.Metrics = p.Metrics
	if p.Steps > 0 {
		e.Step, e.Steps = &p.Step, &p.Steps
	}
	if left, ok := p.Left(time.Now()); ok {
		seconds := left.Round(time.Second).Seconds()
		e.SecondsLeft = &seconds
	}
}
