package cli

import (
	"context"
	"fmt"
	"time"

	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

// saved says what the cache spares.
func (g *globals) saved(s planner.Savings) string {
	if s.Trials == 0 || s.Seconds <= 0 {
		return ""
	}
	g.view().Object(struct {
		Type string `json:"type"`
		planner.Savings
	}{"saved", s})
	about := ""
	if s.Estimated {
		about = "about "
	}
	return fmt.Sprintf("The cache saves %s, %s%s of training.", count(s.Trials, "trial"), about, view.Duration(seconds(s.Seconds)))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// pulls sums up what a run's pulls took. Its events come one at a time.
type pulls struct {
	steps   []*planner.Task
	elapsed time.Duration
}

// watch passes events on, and counts the pulls among them.
func (p *pulls) watch(plan *planner.Plan, on func(run.Event)) func(run.Event) {
	return func(e run.Event) {
		if e.Type == run.StagePulled {
			p.steps = append(p.steps, plan.Task(e.Address))
			p.elapsed += e.Elapsed
		}
		on(e)
	}
}

// tell compares the pulls with what computing the same had taken elsewhere: a
// slow remote can cost more than it saves.
func (p *pulls) tell(ctx context.Context, g *globals, w *workspace) {
	if len(p.steps) == 0 {
		return
	}
	computed := 0.0
	for _, s := range p.steps {
		took, _ := planner.Took(ctx, w.store, s.Entry)
		computed += took
	}
	g.view().Object(map[string]any{"type": "pulls", "instances": len(p.steps), "seconds": p.elapsed.Seconds(), "computing_took": computed})
	verb := "saved"
	spared := seconds(computed) - p.elapsed
	if spared < 0 {
		verb, spared = "lost", -spared
	}
	g.view().Note("Pulling %s took %s, computing the same had taken %s: the remote %s %s.", count(len(p.steps), "instance"),
		view.Duration(p.elapsed), view.Duration(seconds(computed)), verb, view.Duration(spared))
}
