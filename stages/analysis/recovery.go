package analysis

import (
	"context"
	"fmt"
	"slices"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
)

// Recovery is analysis "recovery": what share of a gap each other level wins
// back.
type Recovery struct {
	Trials     []addr.Instance       `hcl:"trials" ref:"train,data" doc:"The trials, or a table of finished runs."`
	Response   string                `hcl:"response,optional" doc:"The metric to compare. Default: val_loss."`
	At         addr.Level            `hcl:"at,optional" doc:"Where the response is read: \"final\", \"best\" or a step."`
	Factor     string                `hcl:"factor" doc:"The factor whose levels are compared."`
	Lost       addr.Level            `hcl:"lost" doc:"The level whose gap is to be won back."`
	Baseline   addr.Level            `hcl:"baseline" doc:"The level that the gap is measured from."`
	Where      map[string]addr.Level `hcl:"where,optional" doc:"The levels of the other factors."`
	Replicate  string                `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell."`
	Confidence float64               `hcl:"confidence,optional" doc:"Coverage of the intervals."`
}

// Resolve fills derived defaults.
func (a *Recovery) Resolve() {
	if a.Response == "" {
		a.Response = "val_loss"
	}
}

// Validate implements pipeline.Stage.
func (a *Recovery) Validate() diag.List {
	list := append(validateAt(a.At), validateConfidence(a.Confidence)...)
	if a.Lost == a.Baseline {
		list = append(list, diag.Errorf(diag.Path{"lost"}, "No gap", "lost and baseline are the same level, %s, so there is no gap.", a.Lost)...)
	}
	return list
}

// Describe implements pipeline.Stage.
func (a *Recovery) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describeTrials(in, recoverySubject(), nil)
}

// Run implements pipeline.Stage.
func (a *Recovery) Run(_ context.Context, env *pipeline.Env) error {
	table, replicate, err := readTable(env, a.Response, a.At, a.Replicate)
	if err != nil {
		return err
	}
	d, list := design.Slice(table, a.Factor, replicate, a.Where)
	if len(list) > 0 {
		return list.Err()
	}
	lost, wrong1 := cellAt(d, "lost", a.Lost)
	base, wrong2 := cellAt(d, "baseline", a.Baseline)
	if err := append(wrong1, wrong2...).Err(); err != nil {
		return err
	}
	labels := d.Factors[0].Labels
	r := answer.Recovery{Version: 1, Response: a.Response, At: placeOf(a.At, table), Factor: a.Factor, Lost: labels[lost], Baseline: labels[base],
		Confidence: a.Confidence, Contrasts: []answer.Contrast{}}
	for i, c := range d.Cells {
		r.Cells = append(r.Cells, cellOf(d, c, labels[i]))
	}
	dropped := false
	for i, c := range d.Cells {
		if i == lost || i == base {
			continue
		}
		ratio := estimate.Fieller(d.Cells[lost], c, d.Cells[base], a.Confidence)
		dropped = dropped || ratio.Dropped
		r.Contrasts = append(r.Contrasts, recoveryContrast(r, labels[i], ratio))
		if why := recoveryProblem(ratio.Why, d.Cells[lost], c, d.Cells[base]); why != "" {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: %s.", answer.NameLevel(r.Factor, labels[i]), why))
		}
	}
	if dropped {
		r.Warnings = append(r.Warnings, incompleteReplicates+" Each share uses those that its three cells have.")
	}
	var w warnings
	w.sayDoubled(d)
	if len(a.Where) == 0 { // other slices may have other lengths
		w.sayEnds(a.At, table)
	}
	r.Warnings = append(r.Warnings, w.texts...)
	return render.Write(env, r, render.Recovery(r))
}

// cellAt returns the index of the cell of a slice that a reference means.
func cellAt(d *design.Design, attribute string, want addr.Level) (int, diag.List) {
	f := d.Factors[0]
	switch found := design.Match(f.Levels, want); len(found) {
	case 1:
		return d.At(found), nil
	case 0:
		return -1, diag.Errorf(diag.Path{attribute}, "Unknown level", "No trial has %s = %s at these levels of the other factors. There is %s.", f.Name, want, join(f.Labels))
	default:
		return -1, diag.Errorf(diag.Path{attribute}, "Ambiguous level", "%s = %s means both %s and %s. Write it exactly as one of them.", f.Name, want, f.Labels[found[0]], f.Labels[found[1]])
	}
}

func recoveryContrast(r answer.Recovery, label string, ratio estimate.Ratio) answer.Contrast {
	c := answer.Contrast{Kind: "recovery", Name: label, Method: estimate.None, Pairs: ratio.N, Dropped: ratio.Dropped, Terms: []answer.Term{
		{Factor: r.Factor, Level: label, Baseline: r.Lost}, {Factor: r.Factor, Level: r.Baseline, Baseline: r.Lost}}}
	c.Estimate, c.Low, c.High = answer.Finite(ratio.Value), answer.Finite(ratio.Low), answer.Finite(ratio.High)
	if c.Low != nil {
		c.Method = "Fieller"
	}
	return c
}

// recoveryProblem says why a share is incomplete; "" if it is complete.
func recoveryProblem(why estimate.RatioProblem, cells ...*design.Cell) string {
	switch why {
	case estimate.RatioDiverged:
		i := slices.IndexFunc(cells, func(c *design.Cell) bool { return !c.Complete() })
		return "some trials diverged: " + cells[i].Rate()
	case estimate.RatioNoGap:
		return "there is no gap to win back"
	case estimate.RatioOneTrial:
		return "a cell has one trial, so there is no interval"
	case estimate.RatioConstant:
		return "replicates do not differ by more than rounding, so there is no interval"
	case estimate.RatioUnbounded:
		return "the gap itself may be 0, so the interval of the share has no bounds"
	}
	return ""
}
