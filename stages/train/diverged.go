package train

import (
	"fmt"
	"maps"
	"slices"

	"ablate/hcl/spec"
	"ablate/pipeline"
)

// warnOf tells the user that the trial diverged. A gradient that is not finite although
// the loss is may be a mistake in a formula.
func (l *loop) warnOf(d *divergence) {
	if !d.slope {
		l.warn("the trial diverged at step %d: the loss is %v", d.step, d.loss)
		return
	}
	text := "the trial diverged at step %d: the gradient is %v, and the loss is finite"
	if len(l.spec.formulas(l.env.Inputs)) > 0 {
		text += ". Look in the formulas for a sqrt, log, pow, std, rms or division whose gradient is infinite. " +
			"The branch of a condition that is not taken counts, too: its gradient is multiplied by 0, and 0 times infinity is not a number"
	}
	l.warn(text, d.step, d.loss)
}

func (l *loop) warn(text string, args ...any) { l.env.Warn(fmt.Sprintf(text, args...)) }

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
