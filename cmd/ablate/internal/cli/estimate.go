package cli

import (
	"context"
	"runtime"
	"slices"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/planner"
)

// timings are how long trials took, as their provenance says.
type timings struct {
	perFLOP []float64                // seconds
	byStage map[addr.Stage][]float64 // seconds
	samples int
}

// showEstimate reports how long the trials of a plan will train, if similar trials
// were trained with this store.
func showEstimate(ctx context.Context, w *workspace, plan *planner.Plan, jobs int, beside bool) {
	var todo []*planner.Task
	for _, t := range plan.Tasks {
		switch t.Status {
		case planner.Run, planner.Resume, planner.Pending:
			if t.Role == pipeline.Trial && t.Survey.Done < 1 {
				todo = append(todo, t)
			}
		}
	}
	if len(todo) == 0 {
		return
	}
	past := readTimings(ctx, w, plan, todo)
	e := view.Estimate{Trials: len(todo), Samples: past.samples, Jobs: jobs, Beside: beside}
	if e.Jobs <= 0 {
		e.Jobs = runtime.NumCPU()
	}
	e.Jobs = min(e.Jobs, len(todo))
	known := 0
	for _, t := range todo {
		if seconds, ok := past.estimate(t); ok {
			known++
			e.Seconds += seconds
		}
	}
	if known == 0 {
		return
	}
	e.Seconds *= float64(len(todo)) / float64(known)
	w.session.show(e)
}

// estimate is how long a trial will train: by its arithmetic, or as long as others of
// its stage.
func (p timings) estimate(t *planner.Task) (seconds float64, ok bool) {
	left := 1 - t.Survey.Done
	if work, known := t.Work(); known && work.FLOPs() > 0 && len(p.perFLOP) > 0 {
		return median(p.perFLOP) * work.FLOPs() * left, true
	}
	if of := p.byStage[t.Address.Stage]; len(of) > 0 {
		return median(of) * left, true
	}
	return 0, false
}

// readTimings samples the plan's cached trials and, for stages that have none, the newest
// entries of their kind in the store.
func readTimings(ctx context.Context, w *workspace, plan *planner.Plan, todo []*planner.Task) timings {
	const most = 12 // samples of each sort
	p := timings{byStage: make(map[addr.Stage][]float64)}
	var hits []*planner.Task
	for _, t := range plan.Tasks {
		if t.Role == pipeline.Trial && t.Status == planner.Hit {
			hits = append(hits, t)
		}
	}
	for _, t := range sample(hits, most) {
		p.add(ctx, w, t)
	}
	type kind struct{ block, typ string }
	read := make(map[kind]bool)
	for _, t := range todo {
		k := kind{t.Address.Stage.Block, t.Address.Stage.Type}
		if len(p.byStage[t.Address.Stage]) == 0 && !read[k] {
			read[k] = true
			p.addPast(ctx, w, k.block, k.typ, most)
		}
	}
	return p
}

// sample takes at most so many of a list, spread over it.
func sample[T any](list []T, most int) (out []T) {
	for i := 0; i < len(list); i += (len(list) + most - 1) / most {
		out = append(out, list[i])
	}
	return out
}

// add adds a cached trial.
func (p *timings) add(ctx context.Context, w *workspace, t *planner.Task) {
	seconds, ok := planner.ComputeSeconds(ctx, w.store, t.Entry())
	if !ok || seconds <= 0 {
		return
	}
	p.samples++
	p.byStage[t.Address.Stage] = append(p.byStage[t.Address.Stage], seconds)
	if _, err := t.Action(); err != nil {
		return // described again only to know its size
	}
	if work, ok := t.Work(); ok && work.FLOPs() > 0 {
		p.perFLOP = append(p.perFLOP, seconds/work.FLOPs())
	}
}

// addPast adds the newest entries of a kind.
func (p *timings) addPast(ctx context.Context, w *workspace, block, typ string, most int) {
	n := 0
	for e, err := range w.store.Entries(ctx, block, typ) {
		if err != nil || n == most {
			return
		}
		n++
		if prov, err := readProvenanceOf(ctx, w.store, e); err == nil && prov.Seconds > 0 {
			p.samples++
			p.byStage[prov.Address.Stage] = append(p.byStage[prov.Address.Stage], prov.Seconds)
		}
	}
}

func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
