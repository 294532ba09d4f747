package analysis

import (
	"fmt"
	"slices"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/power"
)

// Families of several responses.
const (
	ownFamilies   = "response"
	jointFamilies = "all"
)

// responses lists the metrics that are compared.
func (f *Factorial) responses() []string {
	if len(f.Responses) > 0 {
		return f.Responses
	}
	return []string{f.Response}
}

// Design is the design of so many levels that the analysis compares.
func (f *Factorial) Design(factors []power.Factor) power.Design {
	d := power.Design{Factors: factors, Everywhere: f.SimpleEffects}
	if f.Families == jointFamilies {
		d.Responses = len(f.responses())
	}
	return d
}

// Compared are the factors of declared trials that the analysis compares, and their
// numbers of levels.
func (f *Factorial) Compared(trials []pipeline.Input) (out []power.Factor, err error) {
	t := newTable(trials, f.Replicate)
	for _, in := range trials {
		t.AddCell(design.Trial{}, in.Factors)
	}
	err = f.restrict(t, false).Err()
	for i, c := range t.Columns {
		if i != t.Replicate && !slices.Contains(f.Tune, c.Name) {
			out = append(out, power.Factor{Name: c.Name, Levels: len(t.Present(i))})
		}
	}
	return out, err
}

// measures names what is compared, for the digest of a declaration.
func (f *Factorial) measures() string {
	s := join(f.responses())
	if f.Target != nil {
		s += fmt.Sprintf(" to %s %v", f.Better, *f.Target)
	}
	return s
}

// validateResponses checks several responses and the target. A margin is in units of
// one response, and what is better depends on the response.
func (f *Factorial) validateResponses() diag.List {
	var list diag.List
	wrong := func(attribute, summary, detail string, args ...any) {
		list = append(list, diag.Errorf(diag.Path{attribute}, summary, detail, args...)...)
	}
	for i, name := range f.Responses {
		if name == "" || slices.Contains(f.Responses[:i], name) {
			wrong("responses", "Unusable response", "responses must name different metrics, not %q twice or nothing.", name)
		}
	}
	if f.Families != "" {
		list = append(list, oneOf(diag.Path{"families"}, f.Families, ownFamilies, jointFamilies)...)
	}
	several := len(f.Responses) > 0
	switch {
	case several && f.Response != "":
		wrong("responses", "Two lists of responses", "response and responses both name metrics. Remove response.")
	case !several && f.Families != "":
		wrong("families", "One response", "families is about several responses, and responses names none. Remove it.")
	}
	if several && slices.ContainsFunc(f.Contrasts, func(c Declared) bool { return c.Constant != nil }) {
		wrong("contrast", "Several responses", "A constant is in units of one response. Give each response an analysis of its own.")
	}
	switch {
	case several && f.Margin != nil:
		wrong("margin", "Several responses", "A margin is in units of one response. Give each response an analysis of its own.")
	case several && len(f.Tune) > 0:
		wrong("tune", "Several responses", "Each response would choose other settings. Give each an analysis of its own.")
	case several && f.Target != nil:
		wrong("target", "Several responses", "A target is in units of one response. Give each response an analysis of its own.")
	case f.Target != nil && len(f.Tune) > 0:
		wrong("target", "Tuned steps", "Settings cannot be tuned for a number of steps, which some trials may not have. Remove target or tune.")
	case f.Target != nil && f.At != finalStep:
		wrong("at", "Target and step", "With target, the response is a number of steps. Remove at.")
	}
	return list
}
