package train

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"ablate/hcl/spec"
	"ablate/pipeline"
)

// divergence is a value that ends a trial: a loss, or the norm of a gradient whose loss
// is finite.
type divergence struct {
	step  int
	name  string // of its row
	value float64
}

// Error implements error.
func (d *divergence) Error() string { return fmt.Sprintf("at step %d %s", d.step, d.finding()) }

// finding says what the value is.
func (d *divergence) finding() string {
	what := map[string]string{trainLoss: "the loss", validationLoss: "the loss on validation text", gradientNorm: "the gradient"}[d.name]
	return fmt.Sprintf("%s is %.7g", what, d.value)
}

// warnOf tells the user that the trial diverged. A gradient that is not finite although
// the loss is may be a mistake in a formula.
func (l *loop) warnOf(d *divergence) {
	text := fmt.Sprintf("the trial diverged at step %d: %s", d.step, d.finding())
	switch limit := l.spec.Diverge; {
	case d.name != gradientNorm && limit > 0 && d.value > limit && !math.IsInf(d.value, 1):
		text += fmt.Sprintf(", above diverge_above = %v", limit)
	case d.name == gradientNorm:
		text += ", and the loss is finite"
		if len(l.spec.formulas(l.env.Inputs)) > 0 {
			text += ". Look in the formulas for a sqrt, log, pow, std, rms or division whose gradient is infinite. " +
				"The branch of a condition that is not taken counts, too: its gradient is multiplied by 0, and 0 times infinity is not a number"
		}
	}
	l.env.Warn(text)
}

// formulas has what the study declares as mathematics for the trial, by attribute:
// "norm.y".
func (t *LM) formulas(in pipeline.Inputs) map[string]string {
	out := make(map[string]string)
	add := func(prefix string, s any) {
		for _, f := range spec.Formulas(s) {
			out[prefix+f.Path] = f.Formula.String()
		}
	}
	add("", t)
	for _, attr := range slices.Sorted(maps.Keys(in.Refs)) {
		for i, ref := range in.Refs[attr] {
			prefix := attr + "."
			if len(in.Refs[attr]) > 1 {
				prefix = fmt.Sprintf("%s.%d.", attr, i)
			}
			add(prefix, ref.Stage)
		}
	}
	return out
}
