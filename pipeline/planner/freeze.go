package planner

import (
	"time"

	"ablate/pipeline"
)

// Freeze lists the declarations of a plan's analyses that the lock file does not
// hold yet, each with how many of its trials already have a result.
func (p *Planner) Freeze(plan *Plan, now time.Time) []pipeline.Frozen {
	var out []pipeline.Frozen
	for _, t := range plan.Tasks {
		f, ok := t.node.Stage.(pipeline.Freezer)
		if !ok {
			continue
		}
		address := t.Address.String()
		_, done := p.Frozen[address]
		declared := f.Declared()
		if done || len(declared) == 0 {
			continue
		}
		z := pipeline.Frozen{Address: address, Time: now.UTC().Format(time.RFC3339), Contrasts: declared}
		for dep := range t.node.Deps() {
			z.Trials++
			// A table of results was finished before anything was declared.
			if plan.of[dep.Index].Status == Hit || dep.Kind.Role != pipeline.Trial {
				z.Known++
			}
		}
		out = append(out, z)
	}
	return out
}
