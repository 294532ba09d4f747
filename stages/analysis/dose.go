package analysis

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
)

// Dose is analysis "dose": a response against a factor of numbers.
type Dose struct {
	Trials     []addr.Instance       `hcl:"trials" ref:"train,data" doc:"The trials, or a table of finished runs."`
	Response   string                `hcl:"response,optional" doc:"The metric to compare. Default: val_loss."`
	At         addr.Level            `hcl:"at,optional" doc:"Where the response is read: \"final\", \"best\" or a step."`
	Factor     string                `hcl:"factor" doc:"The factor whose levels are numbers."`
	Where      map[string]addr.Level `hcl:"where,optional" doc:"The levels of the other factors."`
	Baseline   addr.Level            `hcl:"baseline,optional" doc:"A level of the factor that gaps are measured from. It need not be a number."`
	Reference  *float64              `hcl:"reference,optional" doc:"A constant that gaps are measured from instead, such as a published mean. Its own uncertainty is not known, so gaps do not include it."`
	Replicate  string                `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell."`
	Confidence float64               `hcl:"confidence,optional" doc:"Coverage of the intervals."`
}

// Resolve fills derived defaults.
func (a *Dose) Resolve() {
	if a.Response == "" {
		a.Response = "val_loss"
	}
}

// Validate implements pipeline.Stage.
func (a *Dose) Validate() diag.List {
	list := append(validateAt(a.At), validateConfidence(a.Confidence)...)
	if a.Baseline.Kind != "" && a.Reference != nil {
		list = append(list, diag.Errorf(diag.Path{"reference"}, "Two baselines", "Gaps are measured from baseline or from reference. Remove one.")...)
	}
	return list
}

// Describe implements pipeline.Stage.
func (a *Dose) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describeTrials(in, doseSubject(), a.parts())
}

// Run implements pipeline.Stage.
func (a *Dose) Run(_ context.Context, env *pipeline.Env) error {
	table, replicate, err := readTable(env, a.Response, a.At, a.Replicate)
	if err != nil {
		return err
	}
	d, list := design.Slice(table, a.Factor, replicate, a.Where)
	if len(list) > 0 {
		return list.Err()
	}
	r := &doses{stage: a, design: d, model: estimate.NewModel(d, estimate.OwnError, a.Confidence), base: -1}
	r.Dose = answer.Dose{Version: 2, Response: a.Response, At: placeOf(a.At, table), Factor: a.Factor, Reference: a.Reference,
		Confidence: a.Confidence, Error: string(estimate.OwnError), Contrasts: []answer.Contrast{}}
	if a.Baseline.Kind != "" {
		if r.base, list = cellAt(d, "baseline", a.Baseline); len(list) > 0 {
			return list.Err()
		}
		r.Baseline = d.Factors[0].Labels[r.base]
	}
	if list := r.read(); len(list) > 0 {
		return list.Err()
	}
	r.gaps()
	r.slope()
	r.sayUnused()
	r.sayDoubled(d)
	if len(a.Where) == 0 { // other slices may have other lengths
		r.sayEnds(a.At, table)
	}
	r.Warnings = r.texts
	return render.Write(env, r.Dose, render.Dose(r.Dose))
}

// doses is the answer of a dose analysis while it is computed.
type doses struct {
	answer.Dose
	stage  *Dose
	design *design.Design
	model  *estimate.Model
	base   int       // the cell of the baseline, -1 for none
	cells  []int     // of the doses, in ascending order
	at     []float64 // the doses
	warnings
}

// doseOf reads a level as a number.
func doseOf(l design.Level) (float64, bool) {
	v, err := strconv.ParseFloat(l.ID.Text, 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// read sorts the cells by dose. The baseline need not be one.
func (r *doses) read() diag.List {
	f := r.design.Factors[0]
	value := make(map[int]float64)
	for i, c := range r.design.Cells {
		v, ok := doseOf(f.Levels[c.Levels[0]])
		switch {
		case ok:
			value[i] = v
			r.cells = append(r.cells, i)
		case i != r.base:
			return notDose(f, c.Levels[0])
		}
	}
	slices.SortStableFunc(r.cells, func(a, b int) int { return cmp.Compare(value[a], value[b]) })
	for k, i := range r.cells {
		if r.at = append(r.at, value[i]); k > 0 && value[i] == value[r.cells[k-1]] {
			return diag.Errorf(diag.Path{"factor"}, "Same dose twice", "The levels %s and %s of %s are the same number. Write it alike in all trials.",
				f.Labels[r.design.Cells[r.cells[k-1]].Levels[0]], f.Labels[r.design.Cells[i].Levels[0]], f.Name)
		}
	}
	return nil
}

func notDose(f design.Factor, level int) diag.List {
	return diag.Errorf(diag.Path{"factor"}, "Not a number", "The level %s of %s is not a number, so it has no place on an axis. A dose needs a factor of numbers.", f.Labels[level], f.Name)
}

// gaps estimates the gap of each dose, or its mean where nothing is compared.
func (r *doses) gaps() {
	var family estimate.Family
	single, diverged := false, false
	labels := r.design.Factors[0].Labels
	for k, i := range r.cells {
		c := r.design.Cells[i]
		p := answer.DosePoint{Dose: r.at[k], Cell: cellOf(r.design, c, labels[c.Levels[0]])}
		single = single || p.Mean != nil && p.SD == nil
		diverged = diverged || c.Diverged > 0
		if p.Mean != nil && i != r.base && (r.base < 0 || r.design.Cells[r.base].Complete()) {
			r.gap(&p, i, &family)
		}
		r.Doses = append(r.Doses, p)
	}
	r.adjust(0, &family)
	r.say(single, "Some doses have one trial and no interval: one trial does not show how much trials vary. Add replicates.")
	r.say(diverged, "Doses with a diverged trial have no mean and are not part of the slope.")
	r.say(r.Reference != nil && len(r.Contrasts) > 0, "The reference is a constant: intervals of gaps do not include its uncertainty. Name a level as baseline to compare with its trials.")
}

// gap estimates one gap.
func (r *doses) gap(p *answer.DosePoint, cell int, family *estimate.Family) {
	c := design.Contrast{Weights: map[int]float64{cell: 1}}
	if r.base >= 0 {
		c.Weights[r.base] = -1
	}
	if r.Reference != nil {
		c.Minus = *r.Reference
	}
	e := r.model.Contrast(c)
	p.Low, p.High = answer.Finite(e.Low), answer.Finite(e.High)
	if r.base < 0 && r.Reference == nil {
		return
	}
	p.Gap = answer.Finite(e.Value)
	from := r.Baseline
	if r.Reference != nil {
		from = strconv.FormatFloat(*r.Reference, 'g', -1, 64)
	}
	out := answer.Contrast{Kind: "dose", Family: "dose", Name: p.Levels[0] + " − " + from,
		Terms: []answer.Term{{Factor: r.Factor, Level: p.Levels[0], Baseline: from}}}
	fill(&out, e)
	out.N = make(map[string]int, len(e.Used))
	for i, n := range e.Used {
		out.N[r.design.CellKey(r.design.Cells[i].Levels)] = n
	}
	r.Contrasts = append(r.Contrasts, out)
	family.Add(c, e)
}

// slope fits a line. Where two replicates have all doses, the slope has the error of the
// slope of each of these. Otherwise it is the mean of the slopes of the replicates that have
// several doses. If none has, trials are independent, and the slope is that of the means of
// doses, by Welch's t. If a dose has one trial, the line goes through all trials.
func (r *doses) slope() {
	var cells []int
	var at, x, y []float64
	xs, ys := make([][]float64, len(r.design.Replicates)), make([][]float64, len(r.design.Replicates))
	for k, i := range r.cells {
		if c := r.design.Cells[i]; c.Complete() {
			cells, at = append(cells, i), append(at, r.at[k])
			for j, v := range c.Values {
				n := c.Replicates[j]
				x, y = append(x, r.at[k]), append(y, v)
				xs[n], ys[n] = append(xs[n], r.at[k]), append(ys[n], v)
			}
		}
	}
	weights, ok := estimate.Slope(cells, at)
	if !ok {
		return
	}
	all := r.model.Contrast(weights)
	e, used := all, func(replicate int) bool { return !r.design.Paired || r.hasAll(replicate, weights) }
	ok = all.Method == estimate.PairedT || all.Constant
	if !ok && r.design.Paired {
		var n int
		used = func(replicate int) bool { return len(xs[replicate]) > 1 }
		e, n, ok = estimate.FitWithin(xs, ys, r.Confidence)
		r.say(n > 1, "No two replicates have all doses. The slope is the mean of the slopes of the %d that have several.", n)
		r.say(n == 1 && len(r.design.Replicates) > 1, "Only one %s has several doses. The slope is that of its own trials.", r.design.Replicate)
	}
	if !ok {
		used = func(int) bool { return true }
		if e, ok = all, all.Method == estimate.WelchT; !ok {
			e, ok = estimate.Fit(x, y, r.Confidence)
		}
	}
	if !ok {
		return
	}
	r.say(e.Method == estimate.LeastSquares, "The interval of the slope assumes that trials vary equally at all doses and lie about a line: there are too few to tell.")
	out := answer.Contrast{Kind: "dose", Name: r.Factor + ": slope", Family: "slope"}
	fill(&out, e)
	out.N = r.trialsOf(cells, used)
	first := len(r.Contrasts)
	r.Contrasts = append(r.Contrasts, out)
	var family estimate.Family
	family.Add(design.Contrast{}, e)
	r.adjust(first, &family)
	out = r.Contrasts[first]
	r.Slope, r.SlopeLow, r.SlopeHigh, r.SlopeBy = out.Estimate, out.LowAdjusted, out.HighAdjusted, out.Method
}

// sayUnused says which of incomplete replicates gaps and the slope use.
func (r *doses) sayUnused() {
	dropped := func(family string) bool {
		return slices.ContainsFunc(r.Contrasts, func(c answer.Contrast) bool { return c.Family == family && c.Dropped })
	}
	gaps, slope := dropped("dose"), dropped("slope")
	r.say(gaps && slope, incompleteReplicates+" Each gap uses those that its dose and the baseline have, and the slope those that all its doses have.")
	r.say(gaps && !slope, incompleteReplicates+" Each gap uses those that its dose and the baseline have.")
	r.say(slope && !gaps, incompleteReplicates+" The slope uses those that all its doses have.")
}

// hasAll reports whether a replicate has a trial in each cell of a contrast.
func (r *doses) hasAll(replicate int, c design.Contrast) bool {
	for i := range c.Weights {
		if _, ok := r.design.Cells[i].Value(replicate); !ok {
			return false
		}
	}
	return true
}

// adjust adjusts the contrasts from first on as one family, which is named after them.
func (r *doses) adjust(first int, family *estimate.Family) {
	fillAdjusted(r.Contrasts[first:], family.Adjust(r.Confidence))
	if first < len(r.Contrasts) {
		r.Families = append(r.Families, answer.Family{Name: r.Contrasts[first].Family, Size: family.Size()})
	}
}

// trialsOf is the number of trials of each cell that are of replicates which count.
func (r *doses) trialsOf(cells []int, counts func(replicate int) bool) map[string]int {
	out := make(map[string]int, len(cells))
	for _, i := range cells {
		c := r.design.Cells[i]
		for _, replicate := range c.Replicates {
			if counts(replicate) {
				out[r.design.CellKey(c.Levels)]++
			}
		}
	}
	return out
}
