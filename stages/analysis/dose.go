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

// Dose is analysis "dose": a response against a level that is a number.
type Dose struct {
	Trials     []addr.Instance       `hcl:"trials" ref:"train,data" doc:"The trials, or a table of finished runs."`
	Response   string                `hcl:"response,optional" doc:"The metric that is compared. Default: val_loss."`
	At         addr.Level            `hcl:"at,optional" doc:"Where it is read: \"final\", \"best\" or a step."`
	Factor     string                `hcl:"factor" doc:"The factor whose levels are numbers."`
	Where      map[string]addr.Level `hcl:"where,optional" doc:"The levels at which the other factors stand."`
	Reference  *float64              `hcl:"reference,optional" doc:"A value of the response that gaps are measured from, such as a baseline's mean."`
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
	return append(validateAt(a.At), validateConfidence(a.Confidence)...)
}

// Describe implements pipeline.Stage.
func (a *Dose) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describeTrials(in, doseSubject(), a.parts(), "dose")
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
	doses, list := dosesOf(d)
	if len(list) > 0 {
		return list.Err()
	}
	r := answer.Dose{Version: 1, Response: a.Response, At: a.At.Text, Factor: a.Factor, Reference: a.Reference, Confidence: a.Confidence}
	w := &warnings{}
	single, diverged := false, false
	var x, y []float64
	for i, c := range d.Cells {
		p := a.point(d, c, doses[i])
		single = single || p.Mean != nil && p.SD == nil
		diverged = diverged || c.Diverged > 0
		r.Doses = append(r.Doses, p)
		if c.Diverged == 0 {
			for _, v := range c.Values {
				x, y = append(x, doses[i]), append(y, v)
			}
		}
	}
	slices.SortStableFunc(r.Doses, func(a, b answer.DosePoint) int { return cmp.Compare(a.Dose, b.Dose) })
	w.say(single, "Some doses have one trial: they have no interval, since nothing tells a dose from the noise of a replicate.")
	w.say(diverged, "Some trials diverged: their doses have no mean and no part in the slope.")
	if line, ok := estimate.Fit(x, y, a.Confidence); ok {
		r.Slope, r.SlopeLow, r.SlopeHigh = answer.Finite(line.Slope), answer.Finite(line.Low), answer.Finite(line.High)
	}
	r.Warnings = w.texts
	return render.Write(env, r, render.Dose(r))
}

// dosesOf reads the levels of a slice as numbers.
func dosesOf(d *design.Design) ([]float64, diag.List) {
	f := d.Factors[0]
	out := make([]float64, len(d.Cells))
	for i, c := range d.Cells {
		l := c.Levels[0]
		v, err := strconv.ParseFloat(f.Levels[l].ID.Text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, diag.Errorf(diag.Path{"factor"}, "Not a number", "The level %s of %s is not a number, so it has no place on an axis. A dose needs a factor of numbers.", f.Labels[l], f.Name)
		}
		out[i] = v
	}
	return out, nil
}

// point summarizes the trials of one dose.
func (a *Dose) point(d *design.Design, c *design.Cell, dose float64) answer.DosePoint {
	p := answer.DosePoint{Dose: dose, Cell: cellOf(d, c, d.Factors[0].Labels[c.Levels[0]])}
	if p.Mean == nil {
		return p
	}
	centre := *p.Mean
	if a.Reference != nil {
		centre -= *a.Reference
		p.Gap = &centre
	}
	if half, ok := estimate.HalfMean(c, a.Confidence); ok {
		p.Low, p.High = answer.Finite(centre-half), answer.Finite(centre+half)
	}
	return p
}
