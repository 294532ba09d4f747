package view

import (
	"fmt"
	"strings"

	"ablate/pipeline"
	"ablate/pipeline/planner"
)

// planStep is one instance of a plan for programs. Its fields are fixed.
type planStep struct {
	Type    string           `json:"type"`
	Address string           `json:"address"`
	Block   string           `json:"block"`
	Action  planner.Status   `json:"action"`
	Reason  string           `json:"reason"`
	Key     *string          `json:"key"` // null while pending
	Changes []planner.Change `json:"changes,omitempty"`
}

// PlanObjects prints a plan for programs.
func (v *View) PlanObjects(p *planner.Plan) {
	if !v.opts.JSON {
		return
	}
	for _, s := range p.Tasks {
		o := planStep{Type: "plan_step", Address: s.Address.String(), Block: s.Block, Action: s.Status, Reason: s.Reason.Text, Changes: s.Reason.Changes}
		if !s.Key.IsZero() {
			k := s.Key.String()
			o.Key = &k
		}
		v.Object(o)
	}
}

// foldAbove is how many instances of a stage with one action and one reason
// are still listed one by one.
const foldAbove = 3

// Plan draws a plan, stage by stage. What alike instances have in common is
// said once.
func (v *View) Plan(p *planner.Plan) string {
	var b strings.Builder
	for i := 0; i < len(p.Tasks); {
		j := i
		for j < len(p.Tasks) && p.Tasks[j].Address.Stage == p.Tasks[i].Address.Stage {
			j++
		}
		v.stage(&b, p.Tasks[i:j])
		i = j
	}
	b.WriteString("\n" + v.PlanLine(p) + "\n")
	return b.String()
}

// PlanLine sums a plan up in one line.
func (v *View) PlanLine(p *planner.Plan) string {
	count := func(a planner.Status) int { return p.Count(a) }
	if p.Clean() {
		all := fmt.Sprintf("all %d instances are", len(p.Tasks))
		if len(p.Tasks) == 1 {
			all = "the instance is"
		}
		return fmt.Sprintf("Nothing to do: %s cached (%s).", all, plural(p.CountTrials(planner.Hit), "trial"))
	}
	line := fmt.Sprintf("Plan: %d to run, ", count(planner.Run))
	if n := count(planner.Resume); n > 0 {
		line += fmt.Sprintf("%d to resume, ", n)
	}
	if n := count(planner.Pull); n > 0 {
		line += fmt.Sprintf("%d to pull, ", n)
	}
	if n := count(planner.Same); n > 0 {
		line += fmt.Sprintf("%d the same as others, ", n)
	}
	line += fmt.Sprintf("%d cached, %d pending", count(planner.Hit), count(planner.Pending))
	run, pending := p.CountTrials(planner.Run, planner.Resume)-onlyLooks(p), p.CountTrials(planner.Pending)
	switch {
	case run+pending == 0:
		line += "; no trial is trained"
	case pending == 0:
		line += fmt.Sprintf("; %s to train", plural(run, "trial"))
	default:
		line += fmt.Sprintf("; up to %s to train", plural(run+pending, "trial"))
	}
	return line + v.workText(p) + "."
}

// onlyLooks is how many trials have states for all of their steps, and want
// something read from them.
func onlyLooks(p *planner.Plan) (n int) {
	for _, s := range p.Tasks {
		if s.Role == pipeline.Trial && s.Status == planner.Resume && s.Survey.Done == 1 {
			n++
		}
	}
	return n
}

// workText says how large the trials are that a run would train.
func (v *View) workText(p *planner.Plan) string {
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
	size := Quantity(float64(most))
	if small := Quantity(float64(least)); small != size {
		size = small + " to " + size
	}
	return fmt.Sprintf(", of %s parameters and about %sB of memory, %s FLOP in all", size, Quantity(float64(memory)), Quantity(flops))
}

// Quantity prints a large number with three digits and a prefix.
func Quantity(v float64) string {
	for _, unit := range []struct {
		size   float64
		prefix string
	}{{1e18, "E"}, {1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.size {
			return fmt.Sprintf("%.3g%s", v/unit.size, unit.prefix)
		}
	}
	return fmt.Sprintf("%.3g", v)
}

func (v *View) stage(b *strings.Builder, steps []*planner.Task) {
	type group struct {
		steps []*planner.Task
	}
	var order []string
	groups := make(map[string]*group)
	for _, s := range steps {
		id := string(s.Status) + "\x00" + s.Reason.Text
		if groups[id] == nil {
			groups[id] = &group{}
			order = append(order, id)
		}
		groups[id].steps = append(groups[id].steps, s)
	}
	for _, id := range order {
		g := groups[id].steps
		if len(g) > foldAbove || len(g) == len(steps) && len(g) > 1 {
			b.WriteString(v.line(g[0], fmt.Sprintf("%s (%d instances)", g[0].Address.Stage, len(g))))
			continue
		}
		for _, s := range g {
			b.WriteString(v.line(s, s.Address.String()))
		}
	}
}

// symbols stand for actions in any colour, or none.
var symbols = map[planner.Status]struct{ mark, colour string }{
	planner.Hit: {"=", dim}, planner.Pull: {"↓", blue}, planner.Resume: {"»", blue},
	planner.Run: {"+", green}, planner.Same: {"≡", dim}, planner.Pending: {"?", yellow},
}

func (v *View) line(s *planner.Task, name string) string {
	sym := symbols[s.Status]
	head := v.paint(sym.colour, fmt.Sprintf("%s %-7s", sym.mark, s.Status))
	if s.Status == planner.Hit {
		return fmt.Sprintf("  %s %s\n", head, name)
	}
	return fmt.Sprintf("  %s %s\n            %s\n", head, name, v.paint(dim, s.Reason.Text))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
