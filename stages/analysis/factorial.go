package analysis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Factorial is analysis "factorial".
type Factorial struct {
	Trials     []addr.Instance       `hcl:"trials" ref:"train" doc:"The trials: a train stage stands for all of its."`
	Response   string                `hcl:"response,optional" doc:"The metric that is compared. Default: val_loss."`
	At         addr.Level            `hcl:"at,optional" doc:"Where it is read: \"final\", \"best\" or a step."`
	Baseline   map[string]addr.Level `hcl:"baseline,optional" doc:"By factor, the level that gaps are measured from. Default: the first level in the matrix."`
	Replicate  string                `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell."`
	Confidence float64               `hcl:"confidence,optional" doc:"Coverage of the intervals."`
}

// Resolve fills derived defaults.
func (f *Factorial) Resolve() {
	if f.Response == "" {
		f.Response = "val_loss"
	}
}

// Validate implements pipeline.Stage.
func (f *Factorial) Validate() diag.List {
	list := validateAt(f.At)
	if !(f.Confidence > 0 && f.Confidence < 1) {
		list = append(list, diag.Errorf(diag.Path{"confidence"}, "Out of range",
			"confidence is a share between 0 and 1, for example 0.95, not %v.", f.Confidence)...)
	}
	if _, ok := f.Baseline[f.Replicate]; ok {
		list = append(list, diag.Errorf(diag.Path{"baseline"}, "Replicate as baseline",
			"%s numbers the replicates, which have no baseline. Remove it from baseline, or name another replicate.", f.Replicate)...)
	}
	return list
}

// Describe implements pipeline.Stage.
func (f *Factorial) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	trials := in.Refs["trials"]
	if len(trials) == 0 || len(trials[0].Factors) == 0 {
		return pipeline.Recipe{}, diag.Errorf(diag.Path{"trials"}, "No factors",
			"The trials have no factors to compare. Give their train stage a matrix.").Err()
	}
	if err := sameFactors(trials).Err(); err != nil {
		return pipeline.Recipe{}, err
	}
	if err := f.checkBaseline(trials).Err(); err != nil {
		return pipeline.Recipe{}, err
	}
	return pipeline.Recipe{Inputs: trialInputs(trials), Outputs: outputs()}, nil
}

// sameFactors refuses trials of matrices with different factors.
func sameFactors(trials []pipeline.Input) diag.List {
	names := func(in pipeline.Input) (out []string) {
		for _, f := range in.Factors {
			out = append(out, f.Name)
		}
		return out
	}
	want := names(trials[0])
	for _, t := range trials[1:] {
		if got := names(t); !slices.Equal(got, want) {
			return diag.Errorf(diag.Path{"trials"}, "Different factors",
				"%s has the factors %s, and %s has %s: one analysis compares trials of the same factors.",
				trials[0].Address, join(want), t.Address, join(got))
		}
	}
	return nil
}

// checkBaseline refuses factors and levels that no trial has.
func (f *Factorial) checkBaseline(trials []pipeline.Input) diag.List {
	var list diag.List
	for _, name := range sortedKeys(f.Baseline) {
		var known []string
		seen := make(map[addr.Level]bool)
		for _, t := range trials {
			for _, x := range t.Factors {
				if x.Name == name && !seen[x.Level] {
					seen[x.Level] = true
					known = append(known, x.Level.String())
				}
			}
		}
		switch {
		case known == nil:
			list = append(list, diag.Errorf(diag.Path{"baseline"}, "Unknown factor",
				"The trials have no factor %q.", name)...)
		case !seen[f.Baseline[name]]:
			list = append(list, diag.Errorf(diag.Path{"baseline"}, "Unknown level",
				"No trial has %s = %s. There is %s.", name, f.Baseline[name], join(known))...)
		}
	}
	return list
}

// Run implements pipeline.Stage.
func (f *Factorial) Run(_ context.Context, env *pipeline.Env) error {
	table, err := readTrials(env, f.Response, f.At)
	if err != nil {
		return err
	}
	return write(env, f.analyse(table))
}

// analyse computes the whole result from the table.
func (f *Factorial) analyse(table *trialTable) *result {
	d := newDesign(table, f.Replicate)
	for i := range d.factors {
		if base, ok := f.Baseline[d.factors[i].name]; ok {
			d.factors[i].baseline = max(0, slices.Index(d.factors[i].ids, base))
		}
	}
	r := &result{
		Version: 1, Response: f.Response, At: f.At.Text, Replicate: f.Replicate, Confidence: f.Confidence,
		Trials: len(table.trials), Tokens: table.tokens,
	}
	for _, x := range d.factors {
		r.Factors = append(r.Factors, resultFactor{x.name, x.levels, x.levels[x.baseline]})
	}
	for _, c := range d.cells {
		cell := resultCell{N: len(c.order), Values: c.sample(), Replicates: c.order, Diverged: c.diverged}
		for i, l := range c.levels {
			cell.Levels = append(cell.Levels, d.factors[i].levels[l])
		}
		if c.complete() {
			n, mean, sd := c.summary()
			cell.Mean = &mean
			if n > 1 {
				cell.SD = &sd
			}
		}
		r.Cells = append(r.Cells, cell)
	}
	r.answer(d, f.Confidence)
	return r
}

// answer estimates the family of contrasts and collects the warnings.
func (r *result) answer(d *design, confidence float64) {
	var p []float64
	single, unpaired, flat := false, false, false
	for _, c := range d.contrasts() {
		rc := resultContrast{Kind: c.kind, Name: c.name}
		if len(c.missing) > 0 {
			slices.Sort(c.missing)
			rc.Method, rc.Missing = "not estimable", slices.Compact(c.missing)
			r.Contrasts = append(r.Contrasts, rc)
			p = append(p, math.NaN())
			continue
		}
		e := estimateContrast(c, d.cells, confidence)
		single = single || e.Method == "none"
		unpaired = unpaired || e.Method == "Welch t"
		flat = flat || e.Method != "none" && e.Low == e.High
		rc.fill(e)
		r.Contrasts = append(r.Contrasts, rc)
		p = append(p, e.P)
	}
	for i, v := range holm(p) {
		r.Contrasts[i].PHolm = number(v)
	}
	r.warn(d, single, unpaired, flat)
}

func (r *result) warn(d *design, single, unpaired, flat bool) {
	say := func(cond bool, text string, args ...any) {
		if cond {
			r.Warnings = append(r.Warnings, fmt.Sprintf(text, args...))
		}
	}
	say(single, "Some cells have one trial: their contrasts have no interval, since nothing tells the effect from the noise of a %s. Add replicates.", d.replicate)
	say(unpaired, "Some cells do not have the same replicates: their contrasts are unpaired (Welch), which widens the intervals.")
	say(flat, "Some contrasts are the same in every replicate to the last bit: either the levels compute the same, or the replicate changes nothing.")
	say(len(d.doubled) > 0, "Two trials of one replicate in %s: only the first counts.", strings.Join(d.doubled, ", "))
	for _, c := range r.Contrasts {
		say(c.Missing != nil, "Not estimable: %s, for want of %s.", c.Name, join(c.Missing))
	}
}
