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
func (f *Factorial) checkScale(t *design.Table) diag.List {
	if f.Scale != logScale {
		return nil
	}
	for _, x := range t.Trials {
		if !x.Diverged && !(x.Response > 0) {
			return diag.Errorf(diag.Path{"scale"}, "No logarithm", "A trial has %s = %v. Logarithms need responses above 0: remove scale, or choose another response.", f.Response, x.Response)
		}
	}
	return nil
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
