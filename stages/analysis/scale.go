package analysis

import (
	"math"
	"slices"

	"ablate/hcl/diag"
	"ablate/stages/analysis/internal/design"
)

// Scales on which responses are compared.
const (
	linearScale = "linear"
	logScale    = "log"
)

// checkScale refuses responses that have no logarithm.
func (f *Factorial) checkScale(t *design.Table, response string) diag.List {
	if f.Scale != logScale {
		return nil
	}
	for _, c := range f.Contrasts {
		if c.Constant != nil && !(*c.Constant > 0) {
			return diag.Errorf(diag.Path{"contrast"}, "No logarithm", "%q has the constant %v. Logarithms need numbers above 0: remove scale, or choose another constant.", c.Name, *c.Constant)
		}
	}
	for _, x := range t.Trials {
		if !x.Diverged && !x.Censored && !(x.Response > 0) {
			return diag.Errorf(diag.Path{"scale"}, "No logarithm", "A trial has %s = %v. Logarithms need responses above 0: remove scale, or choose another response.", response, x.Response)
		}
	}
	return nil
}

// scaled is a response on the scale of the analysis.
func (f *Factorial) scaled(v float64) float64 {
	if f.Scale == logScale {
		return math.Log(v)
	}
	return v
}

// logarithms is a table with the logarithms of its responses.
func logarithms(t *design.Table) *design.Table {
	out := *t
	out.Trials = slices.Clone(t.Trials)
	for i := range out.Trials {
		out.Trials[i].Response = math.Log(out.Trials[i].Response)
	}
	return &out
}
