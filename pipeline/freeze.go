package pipeline

import (
	"time"

	"ablate/hcl"
)

// Frozen is what an analysis had declared when its first trials were still to
// come.
type Frozen = hcl.Frozen

// Freezer is a stage whose declarations can be frozen.
type Freezer interface {
	// Declared returns the digest of each declaration by name; nothing where
	// the study does not ask to freeze them.
	Declared() map[string]string
}

// Freeze lists the declarations of a plan's analyses that no lock holds yet,
// with how many of their trials are known already.
func (p *Planner) Freeze(plan *Plan, now time.Time) []Frozen {
	var out []Frozen
	for _, s := range plan.Steps {
		f, ok := s.Node.Stage.(Freezer)
		if !ok {
			continue
		}
		address := s.Address.String()
		_, done := p.Frozen[address]
		declared := f.Declared()
		if done || len(declared) == 0 {
			continue
		}
		z := Frozen{Address: address, Time: now.UTC().Format(time.RFC3339), Contrasts: declared}
		for dep := range s.Node.deps() {
			z.Trials++
			// A table of results was finished before anything was declared.
			if plan.ByNode[dep].Action == Hit || dep.Kind.Block != "train" {
				z.Known++
			}
		}
		out = append(out, z)
	}
	return out
}
