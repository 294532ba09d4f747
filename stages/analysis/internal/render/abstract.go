package render

import (
	"fmt"
	"slices"
	"strings"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// Abstract says the declared contrasts, the interactions and the verdicts of a
// factorial in sentences with their numbers. Every claim rests on an adjusted
// interval.
func Abstract(r answer.Result) []string {
	var out []string
	for _, x := range r.All() {
		for _, s := range sentences(x) {
			if r.Others != nil {
				s = x.Response + ": " + s
			}
			out = append(out, s)
		}
	}
	return out
}

// sentences are those about one response.
func sentences(r answer.Result) []string {
	f := factorial{r}
	var out []string
	for _, c := range r.Contrasts {
		switch {
		case c.Estimate == nil:
		case c.Kind == "declared":
			out = append(out, f.declaredSentence(c))
		case c.Kind == "interaction" && len(c.Terms) == 2:
			out = append(out, f.interactionSentence(c)+f.hidden(c))
		case c.Kind == "interaction" && clear(c):
			out = append(out, f.higherSentence(c))
		case c.Kind == "equivalence" && c.Verdict != "":
			out = append(out, fmt.Sprintf("%s: %s (%s).", shortName(c), c.Verdict, f.evidence(c)))
		}
	}
	return out
}

// evidence is the estimate and the interval that a claim rests on.
func (r factorial) evidence(c answer.Contrast) string {
	if c.LowAdjusted == nil {
		return "no interval"
	}
	return "adjusted interval " + numeral.Between(c.LowAdjusted, c.HighAdjusted)
}

// clear reports whether an adjusted interval excludes 0.
func clear(c answer.Contrast) bool {
	return c.LowAdjusted != nil && (*c.LowAdjusted > 0 || *c.HighAdjusted < 0)
}

func (r factorial) declaredSentence(c answer.Contrast) string {
	s := fmt.Sprintf("%s is %s (%s)", c.Name, numeral.Signed(c.Estimate, halfOf(c.Low, c.High)), r.evidence(c))
	switch {
	case c.Planned && r.Standing.Known == 0:
		s += ", planned before any of its trials had a result"
	case c.Planned:
		s += ", planned when some of its results were known"
	case r.Standing != nil && r.Standing.Time != "":
		s += ", exploratory: it was changed after the freeze"
	}
	return s + "."
}

func (r factorial) interactionSentence(c answer.Contrast) string {
	a, b := c.Terms[0], c.Terms[1]
	change := numeral.Signed(c.Estimate, halfOf(c.Low, c.High))
	over := r.averagedOver(a.Factor, b.Factor) + overText(c)
	switch {
	case c.Constant && *c.Estimate == 0:
		return fmt.Sprintf("The difference between %s and %s is the same under %s as under %s in every replicate%s.", a.Level, a.Baseline, b.Level, b.Baseline, over)
	case c.Low == nil:
		return fmt.Sprintf("The difference between %s and %s changes by %s when %s goes from %s to %s%s; there is no interval.",
			a.Level, a.Baseline, change, b.Factor, b.Baseline, b.Level, over)
	case clear(c):
		return fmt.Sprintf("The difference between %s and %s changes by %s when %s goes from %s to %s%s (%s).",
			a.Level, a.Baseline, change, b.Factor, b.Baseline, b.Level, over, r.evidence(c))
	}
	s := fmt.Sprintf("The data do not show whether the difference between %s and %s depends on %s%s: from %s to %s it changes by %s (%s)",
		a.Level, a.Baseline, b.Factor, over, b.Baseline, b.Level, change, r.evidence(c))
	if c.Detect != nil {
		s += fmt.Sprintf("; four of five studies of this size would find a change of %s", numeral.Significant(*c.Detect, 2))
	}
	return s + "."
}

// higherSentence states an interaction of three factors or more.
func (r factorial) higherSentence(c answer.Contrast) string {
	var gaps, factors []string
	for _, t := range c.Terms {
		gaps, factors = append(gaps, t.Difference()), append(factors, t.Factor)
	}
	last := len(factors) - 1
	return fmt.Sprintf("%s and %s interact: %s is %s%s (%s).", join(factors[:last]), factors[last], strings.Join(gaps, " × "), numeral.Signed(c.Estimate, halfOf(c.Low, c.High)), overText(c), r.evidence(c))
}

// hidden says that a higher interaction is found, so that an average over its factors
// differs between their levels; "" without one.
func (r factorial) hidden(c answer.Contrast) string {
	var over []string
	for _, x := range r.Contrasts {
		if x.Kind != "interaction" || !clear(x) || len(x.Terms) <= len(c.Terms) || !within(c.Terms, x.Terms) {
			continue
		}
		for _, t := range x.Terms {
			if !slices.ContainsFunc(c.Terms, func(own answer.Term) bool { return own.Factor == t.Factor }) && !slices.Contains(over, t.Factor) {
				over = append(over, t.Factor)
			}
		}
	}
	if over == nil {
		return ""
	}
	return fmt.Sprintf(" This average hides that the change depends on %s; the affected gaps are shown.", join(over))
}

// within reports whether the factors of some terms are among those of others.
func within(some, others []answer.Term) bool {
	for _, t := range some {
		if !slices.ContainsFunc(others, func(x answer.Term) bool { return x.Factor == t.Factor }) {
			return false
		}
	}
	return true
}

// averagedOver names the factors that a contrast of two factors averages over.
func (r factorial) averagedOver(factors ...string) string {
	var others []string
	for _, f := range r.Factors {
		if f.Name != factors[0] && f.Name != factors[1] {
			others = append(others, f.Name)
		}
	}
	if len(others) == 0 {
		return ""
	}
	return ", averaged over " + join(others)
}
