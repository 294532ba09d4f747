package cli

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
)

// estimate says how long the trials of a plan will train, as far as cached
// trials tell: those of the same arithmetic on this machine, or else of the same stage
// of this study. Without either there is no estimate, nor is there one for other
// machines, whose speed is not known here.
func estimate(ctx context.Context, w *workspace, plan *planner.Plan, jobs int) (e view.Estimate, ok bool) {
	var todo []*planner.Task
	for _, t := range plan.Tasks {
		switch t.Status {
		case planner.Run, planner.Resume, planner.Pending:
			if t.Role == pipeline.Trial && t.Survey.Done < 1 && t.Executor() == "" {
				todo = append(todo, t)
			}
		}
	}
	if len(todo) == 0 {
		return e, false
	}
	past := &timings{w: w, plan: plan, host: w.session.host(w.executable).Name, speeds: make(map[string][]speed), seconds: make(map[addr.Stage][]float64)}
	e = view.Estimate{Of: len(todo), Jobs: jobs}
	samples, byTime := 0, 0
	for _, t := range todo {
		seconds, from, ok := past.bySpeed(ctx, t)
		if !ok {
			if seconds, from, ok = past.byTime(ctx, t); ok {
				byTime++
			}
		}
		if ok {
			e.Trials++
			e.Seconds += seconds
			samples = max(samples, from)
		}
	}
	if e.Trials == 0 {
		return e, false
	}
	e.Samples, e.ByTime = samples, byTime == e.Trials
	if e.Jobs <= 0 {
		e.Jobs = runtime.NumCPU()
	}
	e.Jobs = min(e.Jobs, e.Trials)
	return e, true
}

// timings are how long cached trials took, as their provenance says.
type timings struct {
	w    *workspace
	plan *planner.Plan
	host string

	speeds  map[string][]speed       // by numerics class, which tells backends apart
	seconds map[addr.Stage][]float64 // of the plan's cached trials
}

// speed is how fast a trial was.
type speed struct{ perFLOP, flopsPerToken float64 }

// maxSamples is how many trials decide an estimate.
const maxSamples = 8

// bySpeed estimates a trial by its arithmetic, and by the trials of the most similar
// size: small models need more time for an operation.
func (p *timings) bySpeed(ctx context.Context, t *planner.Task) (seconds float64, samples int, ok bool) {
	work, known := t.Work()
	class := action.ClassOf(t.Spec())
	if !known || work.FLOPs() <= 0 || class == "" {
		return 0, 0, false
	}
	all, read := p.speeds[class]
	if !read {
		all = p.readSpeeds(ctx, t.Kind(), class)
		p.speeds[class] = all
	}
	if len(all) == 0 {
		return 0, 0, false
	}
	distance := func(s speed) float64 { return math.Abs(math.Log(s.flopsPerToken / work.FLOPsPerToken)) }
	near := slices.SortedStableFunc(slices.Values(all), func(a, b speed) int { return cmp.Compare(distance(a), distance(b)) })
	near = near[:min(len(near), maxSamples)]
	perFLOP := make([]float64, len(near))
	for i, s := range near {
		perFLOP[i] = s.perFLOP
	}
	return median(perFLOP) * work.FLOPs() * (1 - t.Survey.Done), len(near), true
}

// readSpeeds reads the newest entries of a kind that were computed on this machine, in
// a numerics class.
func (p *timings) readSpeeds(ctx context.Context, kind pipeline.Kind, class string) (out []speed) {
	const most = 100 // entries
	n := 0
	for e, err := range p.w.store.Entries(ctx, kind.Block, kind.Type) {
		if n++; err != nil || n > most {
			break
		}
		own, _, _ := strings.Cut(e.Class, " after ")
		if own != class {
			continue
		}
		prov, err := action.ProvenanceOf(ctx, p.w.store, e)
		if err == nil && prov.Host.Name == p.host && prov.Seconds > 0 && prov.Work != nil && prov.Work.FLOPs > 0 && prov.Work.PerToken > 0 {
			out = append(out, speed{prov.Seconds / prov.Work.FLOPs, prov.Work.PerToken})
		}
	}
	return out
}

// byTime estimates a trial whose arithmetic is unknown, such as that of a program, by
// the trials of its stage that this study has.
func (p *timings) byTime(ctx context.Context, t *planner.Task) (seconds float64, samples int, ok bool) {
	if _, known := t.Work(); known || action.ClassOf(t.Spec()) != "" {
		return 0, 0, false
	}
	stage := t.Address.Stage
	all, read := p.seconds[stage]
	if !read {
		all = p.readSeconds(ctx, stage)
		p.seconds[stage] = all
	}
	if len(all) == 0 {
		return 0, 0, false
	}
	return median(all) * (1 - t.Survey.Done), len(all), true
}

// readSeconds reads how long trials of a stage took: those of the plan that are cached,
// or else those of the study's last run.
func (p *timings) readSeconds(ctx context.Context, stage addr.Stage) (out []float64) {
	var entries []cache.Entry
	for _, t := range p.plan.Tasks {
		if t.Address.Stage == stage && t.Status == planner.Hit {
			entries = append(entries, t.Entry())
		}
	}
	if len(entries) == 0 {
		entries = p.lastEntries(ctx, stage)
	}
	for _, e := range sample(entries, maxSamples) {
		prov, err := action.ProvenanceOf(ctx, p.w.store, e)
		if err == nil && prov.Host.Name == p.host && prov.Seconds > 0 && prov.Address.Stage == stage {
			out = append(out, prov.Seconds)
		}
	}
	return out
}

// lastEntries are the entries of a stage's kind that the study's last run needed.
func (p *timings) lastEntries(ctx context.Context, stage addr.Stage) (out []cache.Entry) {
	of := p.w.graph.Study
	root, err := p.w.store.RootOf(of.Name, of.Dir)
	if err != nil {
		return nil // the run reports it
	}
	ran := root.KeySet()
	for e, err := range p.w.store.Entries(ctx, stage.Block, stage.Type) {
		if err != nil {
			break
		}
		if ran[e.Key] {
			out = append(out, e)
		}
	}
	return out
}

// sample takes at most so many of a list, spread over it.
func sample[T any](list []T, most int) (out []T) {
	for i := 0; i < len(list); i += (len(list) + most - 1) / most {
		out = append(out, list[i])
	}
	return out
}

func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
