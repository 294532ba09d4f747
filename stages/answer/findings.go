package answer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ablate/stages/answer/numeral"
)

// Finding is a result in a sentence with its numbers.
type Finding struct {
	Text  string
	Clear bool // the data decide it
}

// Findings says the declared contrasts, the interactions and the verdicts of a factorial in
// sentences, and the gaps of a design with one factor. Each names what was measured, since
// a page can have several responses and scales. Every claim rests on an adjusted interval;
// those of a Recovery do not.
func Findings(r Result) []Finding {
	var out []Finding
	for _, x := range r.All() {
		out = append(out, findings(x)...)
	}
	return out
}

// FindingsOf says what the document of an analysis found; nothing for kinds without
// sentences.
func FindingsOf(kind string, document []byte) []Finding {
	switch kind {
	case "factorial":
		var r Result
		if json.Unmarshal(document, &r) == nil {
			return Findings(r)
		}
	case "recovery":
		var r Recovery
		if json.Unmarshal(document, &r) == nil {
			return r.Findings()
		}
	case "trajectory":
		var r Trajectory
		if json.Unmarshal(document, &r) == nil {
			return r.Findings()
		}
	case "dose":
		var r Dose
		if json.Unmarshal(document, &r) == nil {
			return r.Findings()
		}
	}
	return nil
}

// InOrder lists findings once each: what the data show before what they leave open.
func InOrder(found []Finding) []Finding {
	var out []Finding
	for _, clear := range []bool{true, false} {
		for _, f := range found {
			if f.Clear == clear && !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// Sentences are the texts of findings.
func Sentences(list []Finding) []string {
	var out []string
	for _, f := range list {
		out = append(out, f.Text)
	}
	return out
}

// findings are those about one response.
func findings(r Result) []Finding {
	var out []Finding
	for _, c := range r.Contrasts {
		switch {
		case c.Estimate == nil:
		case c.Kind == "declared":
			out = append(out, Finding{r.declaredSentence(c), c.Clear()})
		case c.Kind == "gap" && len(r.compared()) == 1 && len(c.Terms) == 1:
			out = append(out, Finding{gapText(c, r.Measured()), c.shown()})
		case c.Kind == "interaction" && len(c.Terms) == 2:
			out = append(out, Finding{r.interactionSentence(c) + r.hidden(c), c.shown()})
		case c.Kind == "interaction" && c.Clear():
			out = append(out, Finding{r.higherSentence(c), true})
		case c.Kind == "equivalence" && c.Verdict != "":
			out = append(out, Finding{fmt.Sprintf("%s in %s: %s (%s).", c.ShortName(), r.Measured(), c.Verdict, r.verdictEvidence(c)), c.Verdict != Undecided})
		}
	}
	return out
}

// compared names the factors with several levels.
func (r Result) compared() (names []string) {
	for _, f := range r.Factors {
		if f.varies() {
			names = append(names, f.Name)
		}
	}
	return names
}

// Undecided is the verdict where neither equivalence nor its opposite is shown.
const Undecided = "cannot tell"

// Clear reports whether the adjusted interval excludes 0.
func (c Contrast) Clear() bool {
	return c.LowAdjusted != nil && (*c.LowAdjusted > 0 || *c.HighAdjusted < 0)
}

// same reports whether all replicates show the same at both levels. Where all show the same
// change, that may be rounding: without an interval it is no claim.
func (c Contrast) same() bool { return c.Constant && *c.Estimate == 0 }

// shown reports whether a sentence about a gap or an interaction is a finding.
func (c Contrast) shown() bool { return c.Clear() || c.same() }

// ShortName is the name of a contrast where its kind is not said beside it.
func (c Contrast) ShortName() string {
	if len(c.Terms) > 1 && c.Kind == "interaction" {
		return gapsOf(c.Terms)
	}
	if c.Kind == "main" || c.Family == "equivalence of main" {
		return c.Name + " (main)"
	}
	return c.Name
}

// Interval prints the interval of a contrast; "" without one.
func (c Contrast) Interval() string { return numeral.Between(c.Low, c.High, c.limits()...) }

// AdjustedInterval prints the adjusted interval; "" without one.
func (c Contrast) AdjustedInterval() string {
	return numeral.Between(c.LowAdjusted, c.HighAdjusted, c.limits()...)
}

// limits are the numbers beside 0 that intervals are compared with.
func (c Contrast) limits() []float64 {
	if c.Margin == nil {
		return nil
	}
	return []float64{-*c.Margin, *c.Margin}
}

// gapsOf is the gaps whose product an interaction is.
func gapsOf(terms []Term) string {
	var gaps []string
	for _, t := range terms {
		gaps = append(gaps, t.Difference())
	}
	return strings.Join(gaps, " × ")
}

// OverText says over which levels an average is, where some are left out, and at which
// where one remains.
func (c Contrast) OverText() string {
	var over, at []string
	for _, name := range slices.Sorted(maps.Keys(c.Over)) {
		if levels := name + " = " + join(c.Over[name]); c.heldAt(name) {
			at = append(at, levels)
		} else {
			over = append(over, levels)
		}
	}
	var parts []string
	if over != nil {
		parts = append(parts, "over "+strings.Join(over, "; "))
	}
	if at != nil {
		parts = append(parts, "at "+strings.Join(at, "; "))
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// heldAt reports whether one level of a factor remains, so that no average is over it.
func (c Contrast) heldAt(factor string) bool { return len(c.Over[factor]) == 1 }

func join(words []string) string { return strings.Join(words, ", ") }

// Measured names the response and where it was read, on the scale of the comparison.
func (r Result) Measured() string {
	if r.Scale == "log" {
		return "the logarithm of " + Measure(r.Response, r.At)
	}
	return Measure(r.Response, r.At)
}

// evidence is the interval that a claim rests on.
func evidence(c Contrast) string {
	if c.LowAdjusted == nil {
		return "no interval"
	}
	return "adjusted interval " + c.AdjustedInterval()
}

// verdictEvidence is what a verdict rests on: Holm's rule can find a contrast within the
// margin of which the adjusted interval is not.
func (r Result) verdictEvidence(c Contrast) string {
	if r.Margin == nil || c.LowAdjusted == nil || c.PHolm == nil || *c.PHolm > r.Margin.Alpha {
		return evidence(c)
	}
	m := r.Margin
	above, below := *c.HighAdjusted >= m.Margin, *c.LowAdjusted <= -m.Margin
	if m.Direction == "equivalent" && (above || below) || m.Direction != "equivalent" && (m.Better == "lower" && above || m.Better != "lower" && below) {
		return "p (Holm) " + numeral.Probability(c.PHolm) + ", " + evidence(c)
	}
	return evidence(c)
}

func change(c Contrast) string { return numeral.Signed(c.Estimate, numeral.Half(c.Low, c.High)) }

func (r Result) declaredSentence(c Contrast) string {
	s := fmt.Sprintf("%s is %s in %s (%s)", c.Name, change(c), r.Measured(), evidence(c))
	switch {
	case c.Planned && r.Standing.Known == 0:
		s += ", planned before any of its trials had a result"
	case c.Planned && r.Standing.Known == r.Standing.Trials:
		s += ", declared when all results were known"
	case c.Planned:
		s += ", planned when some of its results were known"
	case r.Standing != nil && r.Standing.Time != "":
		s += ", exploratory: it was changed after the freeze"
	}
	return s + "."
}

// gapText compares what was measured at two levels of a factor.
func gapText(c Contrast, what string) string {
	t := c.Terms[0]
	level, baseline := NameLevel(t.Factor, t.Level), NameLevel(t.Factor, t.Baseline)
	changes := fmt.Sprintf("When %s goes from %s to %s, %s changes by %s", t.Factor, t.Baseline, t.Level, what, change(c))
	switch {
	case c.same():
		return fmt.Sprintf("In every replicate, %s is the same at %s as at %s.", what, level, baseline)
	case c.Low == nil:
		return changes + "; there is no interval."
	case c.Clear():
		return fmt.Sprintf("%s (%s).", changes, evidence(c))
	}
	return fmt.Sprintf("The data do not show whether %s differs between %s and %s: it changes by %s (%s)%s.", what, baseline, level, change(c), evidence(c), sensitive(c))
}

// sensitive says which change a study of this size finds: by the adjusted interval, as
// sentences do.
func sensitive(c Contrast) string {
	if c.DetectAdjusted == nil {
		return ""
	}
	return fmt.Sprintf("; four of five studies of this size would find a change of %s", numeral.Significant(*c.DetectAdjusted, 2))
}

func (r Result) interactionSentence(c Contrast) string {
	a, b := c.Terms[0], c.Terms[1]
	over := r.averagedOver(c) + c.OverText()
	difference := fmt.Sprintf("difference in %s between %s and %s", r.Measured(), NameLevel(a.Factor, a.Level), NameLevel(a.Factor, a.Baseline))
	switch {
	case c.same():
		return fmt.Sprintf("The %s is the same under %s as under %s in every replicate%s.", difference, NameLevel(b.Factor, b.Level), NameLevel(b.Factor, b.Baseline), over)
	case c.Low == nil:
		return fmt.Sprintf("The %s changes by %s when %s goes from %s to %s%s; there is no interval.",
			difference, change(c), b.Factor, b.Baseline, b.Level, over)
	case c.Clear():
		return fmt.Sprintf("The %s changes by %s when %s goes from %s to %s%s (%s).",
			difference, change(c), b.Factor, b.Baseline, b.Level, over, evidence(c))
	}
	return fmt.Sprintf("The data do not show whether the %s depends on %s%s: from %s to %s it changes by %s (%s)%s.",
		difference, b.Factor, over, b.Baseline, b.Level, change(c), evidence(c), sensitive(c))
}

// higherSentence states an interaction of three factors or more.
func (r Result) higherSentence(c Contrast) string {
	var factors []string
	for _, t := range c.Terms {
		factors = append(factors, t.Factor)
	}
	last := len(factors) - 1
	return fmt.Sprintf("In %s, %s and %s interact: %s is %s%s (%s).", r.Measured(), join(factors[:last]), factors[last], gapsOf(c.Terms), change(c), c.OverText(), evidence(c))
}

// hidden says that a higher interaction is found, so that an average over its factors
// differs between their levels; "" without one.
func (r Result) hidden(c Contrast) string {
	var over []string
	for _, x := range r.Contrasts {
		if x.Kind != "interaction" || !x.Clear() || len(x.Terms) <= len(c.Terms) || !within(c.Terms, x.Terms) {
			continue
		}
		for _, t := range x.Terms {
			if !slices.ContainsFunc(c.Terms, func(own Term) bool { return own.Factor == t.Factor }) && !slices.Contains(over, t.Factor) {
				over = append(over, t.Factor)
			}
		}
	}
	if over == nil {
		return ""
	}
	return fmt.Sprintf(" This average hides that the change depends on %s; the affected gaps are shown.", join(over))
}

// within reports whether some gaps are among others. That an interaction of other levels is
// found says nothing about these.
func within(some, others []Term) bool {
	for _, t := range some {
		if !slices.Contains(others, t) {
			return false
		}
	}
	return true
}

// averagedOver names the factors that a contrast averages over.
func (r Result) averagedOver(c Contrast) string {
	others := slices.DeleteFunc(r.compared(), func(name string) bool {
		return c.heldAt(name) || slices.ContainsFunc(c.Terms, func(t Term) bool { return t.Factor == name })
	})
	if len(others) == 0 {
		return ""
	}
	return ", averaged over " + join(others)
}
