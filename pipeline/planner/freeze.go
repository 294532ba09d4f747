package planner

import (
	"time"

	"ablate/pipeline"
)

// Freeze lists the declarations of a plan's analyses that no lock holds yet,
// with how many of their trials are known already.
func (p *Planner) Freeze(plan *Plan, now time.Time) []pipeline.Frozen {
	var out []pipeline.Frozen
	for _, s := range plan.Tasks {
		f, ok := s.node.Stage.(pipeline.Freezer)
		if !ok {
			continue
		}
		address := s.Address.String()
		_, done := p.Frozen[address]
		declared := f.Declared()
		if done || len(declared) == 0 {
			continue
		}
		z := pipeline.Frozen{Address: address, Time: now.UTC().Format(time.RFC3339), Contrasts: declared}
		for dep := range s.node.Deps() {
			z.Trials++
			// A table of results was finished before anything was declared.
			if plan.of[dep].Status == Hit || dep.Kind.Role != pipeline.Trial {
				z.Known++
			}
		}
		out = append(out, z)
	}
	return out
}
