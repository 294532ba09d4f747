package analysis

import (
	"context"
	"fmt"
	"math"
	"slices"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/answer"
)

// effects is the answer of a factorial while it is computed.
type effects struct {
	answer.Result
	ctx    context.Context // ends the estimates early; Run then drops the answer
	stage  *Factorial
	table  *design.Table
	design *design.Design
	model  *estimate.Model
	few    map[int]bool  // cells that are tuned on few replicates
	part   *completePart // of an incomplete design
	unsure map[int]bool  // cells of which no tuned setting is best in every replicate

	estimated []placed
	grouped   map[string]group // by kind
	warnings
}

// measured is the trials with their values of one response.
type measured struct {
	response string
	table    *design.Table
}

// answer analyses one response or several. When ctx ends, there is no answer.
func (f *Factorial) answer(ctx context.Context, all []measured, replicate string) answer.Result {
	var parts []*effects
	for _, m := range all {
		parts = append(parts, f.effects(ctx, m, replicate))
	}
	if ctx.Err() != nil {
		return answer.Result{}
	}
	joint := f.Families == jointFamilies && len(parts) > 1
	if joint {
		adjustTogether(parts, f.Confidence)
	}
	for _, r := range parts {
		r.finish()
	}
	claims := whole(parts, joint).Claims()
	for _, r := range parts {
		r.Joint = joint
		r.rates(claims)
		r.Warnings = r.texts
	}
	return whole(parts, joint)
}

// whole is the answer about all responses.
func whole(parts []*effects, joint bool) answer.Result {
	out := parts[0].Result
	out.Joint = joint
	for _, r := range parts[1:] {
		out.Others = append(out.Others, r.Result)
	}
	return out
}

// effects estimates the families of one response.
func (f *Factorial) effects(ctx context.Context, m measured, replicate string) *effects {
	table, tuned := f.tuned(m.table)
	if f.Scale == logScale {
		table = logarithms(table)
	}
	d := design.New(table, replicate)
	r := &effects{ctx: ctx, stage: f, table: table, design: d, Result: answer.Result{
		Version: 5, Response: m.response, At: placeOf(f.place(), table), Replicate: replicate, Confidence: f.Confidence,
		Error: f.Error, Trials: len(table.Trials), Scale: f.Scale, Contrasts: []answer.Contrast{}, Families: []answer.Family{},
	}}
	if f.Target != nil {
		r.aim()
	}
	if f.Bootstrap != nil { // outcomes can leave too few replicates
		if why := bootstrapProblem(d); why != "" {
			r.say(true, "No bootstrap: %s", why)
		} else {
			r.Bootstrap = f.Bootstrap.Resample
		}
	}
	r.baselines()
	for _, c := range d.Cells {
		var levels []string
		for i, l := range c.Levels {
			levels = append(levels, d.Factors[i].Labels[l])
		}
		r.Cells = append(r.Cells, cellOf(d, c, levels...))
	}
	r.choices(tuned)
	r.evaluations(table)
	r.model = estimate.NewModel(d, estimate.Error(f.Error), f.Confidence)
	r.contrasts()
	return r
}

// finish adds what depends on which effects are found, and all that is no family.
func (r *effects) finish() {
	r.affected()
	r.warnContrasts()
	r.anova()
	r.sayPart(r.part)
	r.sensitivity()
	r.unequalSpread()
	r.sayTable(r.table)
}

// adjustTogether adjusts the families of one kind over all responses.
func adjustTogether(parts []*effects, confidence float64) {
	for _, kind := range families {
		var of []*estimate.Family
		var members [][]answer.Contrast
		size := 0
		for _, r := range parts {
			if g, ok := r.grouped[kind]; ok {
				of, members = append(of, g.family), append(members, r.Contrasts[g.first:])
				size += g.family.Size()
			}
		}
		if of == nil {
			continue
		}
		for k, adjusted := range estimate.AdjustTogether(confidence, of...) {
			fillAdjusted(members[k], adjusted)
		}
		for _, r := range parts {
			for i := range r.Families {
				if r.Families[i].Name == kind {
					r.Families[i].Size = size
				}
			}
		}
	}
}

// fillAdjusted copies adjusted numbers into contrasts.
func fillAdjusted(members []answer.Contrast, adjusted []estimate.Adjusted) {
	for i, a := range adjusted {
		c := &members[i]
		c.PHolm, c.PAdjusted = answer.Finite(a.Holm), answer.Finite(a.Bonferroni)
		c.LowAdjusted, c.HighAdjusted = answer.Finite(a.Low), answer.Finite(a.High)
		if c.Detect != nil {
			c.DetectAdjusted = answer.Finite(a.Detectable)
		}
	}
}

// baselines chooses the level that each factor's gaps are measured from.
func (r *effects) baselines() {
	for i := range r.design.Factors {
		x := &r.design.Factors[i]
		base, declared := r.stage.Baseline[x.Name]
		if declared {
			if found := design.Match(x.Levels, base); len(found) == 1 {
				x.Baseline = found[0]
			}
		}
		r.Factors = append(r.Factors, answer.Factor{Name: x.Name, Levels: x.Labels, Baseline: x.Labels[x.Baseline], Assumed: !declared})
	}
}

// cellOf summarizes a cell.
func cellOf(d *design.Design, c *design.Cell, levels ...string) answer.Cell {
	out := answer.Cell{Levels: levels, N: len(c.Values), Values: slices.Clone(c.Values), Diverged: c.Diverged, Censored: c.Censored, Last: c.Last}
	if out.Values == nil {
		out.Values = []float64{}
	}
	for _, r := range c.Replicates {
		out.Replicates = append(out.Replicates, d.Replicates[r])
	}
	if c.Complete() {
		n, mean, sd := estimate.Summary(c)
		out.Mean = &mean
		if n > 1 {
			out.SD = &sd
		}
	}
	return out
}

// families lists the kinds of contrasts, each of which is adjusted by itself.
var families = []string{"gap", "main", "interaction", "declared"}

// group is the contrasts of one family.
type group struct {
	first  int // among the contrasts of the answer
	family *estimate.Family
}

// contrasts estimates all contrasts, a family at a time.
func (r *effects) contrasts() {
	all := r.design.Contrasts(r.stage.SimpleEffects)
	for _, c := range r.stage.Contrasts {
		x := r.design.Declared(c.Name, c.sides())
		if c.Constant != nil {
			x.Minus = r.stage.scaled(*c.Constant)
		}
		all = append(all, x)
	}
	r.part = r.complete()
	r.part.fill(all)
	for _, kind := range families {
		var members []design.Contrast
		for _, c := range all {
			if c.Kind == kind {
				members = append(members, c)
			}
		}
		if len(members) > 0 {
			r.family(kind, members)
		}
	}
}

// family estimates the contrasts of one kind and adjusts them for their number.
func (r *effects) family(kind string, members []design.Contrast) {
	var f estimate.Family
	first := len(r.Contrasts)
	for _, c := range members {
		if r.ctx.Err() != nil {
			break
		}
		out, e := r.contrast(c)
		out.Family = kind
		if out.Estimate != nil {
			r.estimated = append(r.estimated, placed{c, len(r.Contrasts)})
		}
		r.Contrasts = append(r.Contrasts, out)
		f.Add(c, e)
	}
	r.Families = append(r.Families, answer.Family{Name: kind, Size: f.Size()})
	fillAdjusted(r.Contrasts[first:], f.Adjust(r.Confidence))
	if r.grouped == nil {
		r.grouped = make(map[string]group)
	}
	r.grouped[kind] = group{first, &f}
	if r.stage.Margin != nil && kind != "interaction" {
		r.equivalences(kind, r.Contrasts[first:], &f)
	}
}

// contrast estimates one contrast.
func (r *effects) contrast(c design.Contrast) (answer.Contrast, estimate.Estimate) {
	out := answer.Contrast{Kind: c.Kind, Name: c.Name, Terms: c.Terms, At: c.At, Over: c.Over, Simple: c.Simple}
	if len(c.Missing) > 0 {
		slices.Sort(c.Missing)
		out.Method, out.Missing = "not estimable", slices.Compact(c.Missing)
		return out, estimate.Estimate{P: math.NaN()}
	}
	e := r.afterTuning(c, r.model.Contrast(c))
	fill(&out, e)
	out.N = make(map[string]int, len(e.Used))
	for i, n := range e.Used {
		out.N[r.design.CellKey(r.design.Cells[i].Levels)] = n
	}
	if math.IsNaN(e.SE) {
		return out, e
	}
	effect, low, high := r.model.Detectable(e)
	out.Detect, out.DetectLow, out.DetectHigh = &effect, answer.Finite(low), answer.Finite(high)
	if e.Method == estimate.PooledT {
		own := r.afterTuning(c, estimate.NewModel(r.design, estimate.OwnError, r.Confidence).Contrast(c))
		out.OwnLow, out.OwnHigh = answer.Finite(own.Low), answer.Finite(own.High)
	}
	if r.stage.SignFlip && !e.Wide {
		if p, least, ok := r.model.SignFlip(c); ok {
			out.PFlip, out.PFlipLeast = &p, &least
		}
	}
	if b := r.stage.Bootstrap; r.Bootstrap != "" && !e.Wide {
		low, high, ok := estimate.Bootstrap{Resamples: b.Resamples, Whole: b.Resample == "replicates"}.Interval(r.design, c, r.Confidence)
		if ok {
			out.BootLow, out.BootHigh = answer.Finite(low), answer.Finite(high)
		}
	}
	return out, e
}

// fill copies an estimate into a contrast.
func fill(c *answer.Contrast, e estimate.Estimate) {
	finite := answer.Finite
	c.Estimate, c.Low, c.High, c.T, c.P, c.DF = finite(e.Value), finite(e.Low), finite(e.High), finite(e.T), finite(e.P), finite(e.DF)
	c.Half, c.Pairs, c.Method, c.Dropped, c.Constant = finite(e.Half), e.N, e.Method, e.Dropped, e.Constant
	c.Wide = e.Wide
}

// equivalences tests the contrasts of a family against the margin. Each has a
// verdict by Holm's rule.
func (r *effects) equivalences(kind string, members []answer.Contrast, f *estimate.Family) {
	s := r.stage
	r.Margin = &answer.Margin{Margin: *s.Margin, Alpha: s.Alpha, Direction: s.Direction, Better: s.Better}
	name := "equivalence of " + kind
	if s.Direction == notWorse {
		f = f.Directed()
	}
	tests := f.Equivalences(func(e estimate.Estimate) estimate.Equivalence {
		switch {
		case s.Direction == equivalent:
			return e.Equivalent(*s.Margin, s.Alpha)
		case s.Better == "lower":
			return e.NotAbove(*s.Margin, s.Alpha)
		}
		return e.NotBelow(*s.Margin, s.Alpha)
	}, s.Alpha)
	var out []answer.Contrast
	for i, t := range tests {
		c := members[i]
		if c.Missing != nil {
			continue
		}
		c.Kind, c.Family, c.Margin, c.Simple, c.Verdict = "equivalence", name, s.Margin, false, answer.Undecided
		c.Method, c.T, c.Detect, c.DetectLow, c.DetectHigh, c.DetectAdjusted, c.Half = "two one-sided t", nil, nil, nil, nil, nil, nil
		c.LeftOut, c.BootLow, c.BootHigh, c.OwnLow, c.OwnHigh, c.PFlip, c.PFlipLeast = nil, nil, nil, nil, nil, nil, nil
		if s.Direction == notWorse {
			c.Method = "one-sided t"
		}
		c.P, c.Low, c.High = answer.Finite(t.P), answer.Finite(t.Low), answer.Finite(t.High)
		c.PHolm, c.PAdjusted = answer.Finite(t.Holm), answer.Finite(t.Bonferroni)
		c.LowAdjusted, c.HighAdjusted = answer.Finite(t.LowAdjusted), answer.Finite(t.HighAdjusted)
		if c.P == nil {
			c.Method = estimate.None
		}
		switch {
		case c.Constant && c.Estimate != nil && *c.Estimate == 0:
			c.Verdict = "zero in every replicate"
		case !(t.Holm <= s.Alpha):
			if s.outside(members[i]) && s.outside(c) {
				c.Verdict = s.refuted()
			}
		case s.Direction == equivalent:
			c.Verdict = fmt.Sprintf("equivalent within ±%v", *s.Margin)
		default:
			c.Verdict = fmt.Sprintf("not worse by more than %v", *s.Margin)
		}
		out = append(out, c)
	}
	r.Families = append(r.Families, answer.Family{Name: name, Size: f.Size()})
	r.Contrasts = append(r.Contrasts, out...)
}

// outside reports whether the adjusted interval of a contrast lies beyond the margin, on a
// side that is tested. That of an effect holds for its family, so that this claim costs
// no further error rate.
func (f *Factorial) outside(c answer.Contrast) bool {
	if c.LowAdjusted == nil {
		return false
	}
	above, below := *c.LowAdjusted > *f.Margin, *c.HighAdjusted < -*f.Margin
	switch {
	case f.Direction == equivalent:
		return above || below
	case f.Better == "lower":
		return above
	}
	return below
}

// refuted is the verdict of a contrast beyond the margin.
func (f *Factorial) refuted() string {
	if f.Direction == equivalent {
		return fmt.Sprintf("not equivalent within ±%v", *f.Margin)
	}
	return fmt.Sprintf("worse by more than %v", *f.Margin)
}

// anova computes the analysis of variance.
func (r *effects) anova() {
	if len(r.few)+len(r.unsure) > 0 {
		r.say(true, "No analysis of variance: it has no correction for tuned settings that are uncertain.")
		return
	}
	var why estimate.Problem
	r.Anova, r.AnovaBy, why = estimate.Anova(r.design, estimate.Error(r.Error), estimate.Squares(r.stage.Squares))
	if why == estimate.EmptyCells && r.part != nil {
		why = r.anovaOver(r.part)
	}
	if r.Anova != nil {
		r.Squares = r.stage.Squares
	}
	switch {
	case why == estimate.NoProblem:
	case r.Anova == nil:
		r.say(true, "No analysis of variance: %s.", why)
	default:
		r.say(true, "The analysis of variance has no F: %s.", why)
	}
}
