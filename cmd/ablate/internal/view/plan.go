package view

import (
	"fmt"
	"strings"

	"ablate/pipeline"
	"ablate/pipeline/planner"
)

// PlanSteps prints a plan for programs, one event an instance. Without --json it
// prints nothing.
func (v *View) PlanSteps(p *planner.Plan) {
	if !v.opts.JSON {
		return
	}
	for _, s := range p.Tasks {
		v.Show(PlanStepOf(s))
	}
}

// foldAbove is how many instances of a stage with the same action and reason are
// listed one by one.
const foldAbove = 3

// Plan renders a plan, stage by stage. Instances with the same action and reason
// share a line.
func (v *View) Plan(p *planner.Plan) string {
	return v.plan(p, func(t *planner.Task) string { return string(t.Status) + "\x00" + t.Reason.Text })
}

// PlanInBrief renders a plan with a line for all instances of a stage with the same
// action. Of several reasons it gives the first.
func (v *View) PlanInBrief(p *planner.Plan) string {
	return v.plan(p, func(t *planner.Task) string { return string(t.Status) })
}

// plan renders a plan. Many instances of a stage with the same key share a line.
func (v *View) plan(p *planner.Plan, key func(*planner.Task) string) string {
	var b strings.Builder
	for i := 0; i < len(p.Tasks); {
		j := i
		for j < len(p.Tasks) && p.Tasks[j].Address.Stage == p.Tasks[i].Address.Stage {
			j++
		}
		v.stage(&b, p.Tasks[i:j], key)
		i = j
	}
	b.WriteString("\n" + planLine(p) + "\n")
	return b.String()
}

// planLine summarises a plan in one line.
func planLine(p *planner.Plan) string {
	if len(p.Tasks) == 0 {
		return "Nothing to do: the study has no instances."
	}
	if p.Clean() {
		all := fmt.Sprintf("all %d instances are", len(p.Tasks))
		if len(p.Tasks) == 1 {
			all = "the instance is"
		}
		return fmt.Sprintf("Nothing to do: %s cached (%s).", all, Count(p.CountTrials(planner.Hit), "trial"))
	}
	line := fmt.Sprintf("Plan: %d to run, ", p.Count(planner.Run))
	if n := p.Count(planner.Resume); n > 0 {
		line += fmt.Sprintf("%d to resume, ", n)
	}
	if n := p.Count(planner.Pull); n > 0 {
		line += fmt.Sprintf("%d to pull, ", n)
	}
	if n := p.Count(planner.Same); n > 0 {
		line += Count(n, "duplicate") + ", "
	}
	line += fmt.Sprintf("%d cached, %d pending", p.Count(planner.Hit), p.Count(planner.Pending))
	run, pending := p.CountTrials(planner.Run, planner.Resume)-onlyEvaluated(p), p.CountTrials(planner.Pending)
	switch {
	case run+pending == 0:
		line += "; no trial to train"
	case pending == 0:
		line += fmt.Sprintf("; %s to train", Count(run, "trial"))
	default:
		line += fmt.Sprintf("; up to %s to train", Count(run+pending, "trial"))
	}
	return line + workText(p) + "."
}

// onlyEvaluated counts the trials whose states are all cached, and which only need
// to be evaluated again.
func onlyEvaluated(p *planner.Plan) (n int) {
	for _, s := range p.Tasks {
		if s.Role == pipeline.Trial && s.Status == planner.Resume && s.Survey.Done == 1 {
			n++
		}
	}
	return n
}

// workText says how large the trials are that a run trains.
func workText(p *planner.Plan) string {
	var least, most, memory int64
	var flops float64
	for _, s := range p.Tasks {
		if s.Status != planner.Run && s.Status != planner.Resume {
			continue
		}
		w, ok := s.Work()
		if !ok || s.Survey.Done == 1 {
			continue
		}
		if least == 0 || w.Parameters < least {
			least = w.Parameters
		}
		most = max(most, w.Parameters)
		memory = max(memory, w.Memory.Total())
		flops += w.FLOPs() * (1 - s.Survey.Done)
	}
	if most == 0 {
		return ""
	}
	size := quantity(float64(most))
	if small := quantity(float64(least)); small != size {
		size = small + " to " + size
	}
	return fmt.Sprintf(", of %s parameters and about %s of memory each, %s FLOP in total", size, Size(memory), quantity(flops))
}

func (v *View) stage(b *strings.Builder, steps []*planner.Task, key func(*planner.Task) string) {
	var order []string
	groups := make(map[string][]*planner.Task)
	for _, s := range steps {
		id := key(s)
		if groups[id] == nil {
			order = append(order, id)
		}
		groups[id] = append(groups[id], s)
	}
	for _, id := range order {
		g := groups[id]
		if len(g) > foldAbove || len(g) == len(steps) && len(g) > 1 {
			b.WriteString(v.line(g[0], fmt.Sprintf("%s (%d instances)", g[0].Address.Stage, len(g)), reasonOf(g)))
			continue
		}
		for _, s := range g {
			b.WriteString(v.line(s, s.Address.String(), s.Reason.Text))
		}
	}
}

// symbols mark actions with and without colour.
var symbols = map[planner.Status]struct{ mark, colour string }{
	planner.Hit: {"=", dim}, planner.Pull: {"↓", blue}, planner.Resume: {"»", blue},
	planner.Run: {"+", green}, planner.Same: {"≡", dim}, planner.Pending: {"?", yellow},
}

// reasonOf is the reason of several tasks, or that of the first.
func reasonOf(tasks []*planner.Task) string {
	others := make(map[string]bool)
	for _, t := range tasks {
		others[t.Reason.Text] = true
	}
	if len(others) == 1 {
		return tasks[0].Reason.Text
	}
	return fmt.Sprintf("%s; %s: ablate run -v or ablate plan lists them", tasks[0].Reason.Text, Count(len(others)-1, "other reason"))
}

func (v *View) line(s *planner.Task, name, reason string) string {
	sym := symbols[s.Status]
	head := v.paint(sym.colour, fmt.Sprintf("%s %-7s", sym.mark, s.Status))
	if s.Status == planner.Hit {
		return fmt.Sprintf("  %s %s\n", head, name)
	}
	return fmt.Sprintf("  %s %s\n            %s\n", head, name, v.paint(dim, reason))
}
