package analysis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
)

// Factorial is analysis "factorial".
type Factorial struct {
	Trials        []addr.Instance       `hcl:"trials" ref:"train,data" doc:"The trials: a train stage stands for all its trials. Or a table of finished runs, data \"results\"."`
	Response      string                `hcl:"response,optional" doc:"The metric to compare. Default: val_loss."`
	Responses     []string              `hcl:"responses,optional" doc:"Several metrics to compare, instead of response. Each has families of its own."`
	Families      string                `hcl:"families,optional" doc:"Of several responses: adjust each \"response\" by itself, or the contrasts of a kind over \"all\" responses at once. Default: response."`
	Target        *float64              `hcl:"target,optional" doc:"Compare how many steps the response takes to reach this value, at its evaluations. better says from which side. Cells with a trial that does not reach it have a rate and a range instead of a mean."`
	At            addr.Level            `hcl:"at,optional" doc:"Where the response is read: \"final\", \"best\" or a step."`
	Baseline      map[string]addr.Level `hcl:"baseline,optional" doc:"By factor, the level that gaps are measured from. Default: the first level in the matrix."`
	Replicate     string                `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell."`
	Confidence    float64               `hcl:"confidence,optional" doc:"Coverage of the intervals."`
	Error         string                `hcl:"error,optional" doc:"How the error is estimated: from each \"contrast\" of the replicates alone, \"pooled\" over all cells with replicates as blocks, or with a variance for each cell and no pairs (\"separate\")."`
	Squares       string                `hcl:"sums_of_squares,optional" doc:"Of the analysis of variance: type \"III\" or \"II\". They agree where no trial is missing."`
	SimpleEffects bool                  `hcl:"simple_effects,optional" doc:"Gaps at every combination of the other factors, rather than at their baseline, in designs of three factors or more."`
	SignFlip      bool                  `hcl:"sign_flip,optional" doc:"Also test each contrast by flipping the signs of its replicates, which assumes no distribution. Three replicates cannot give a p below 0.25."`
	Scale         string                `hcl:"scale,optional" doc:"\"linear\", or \"log\" to compare logarithms of the response, so that effects are ratios. Default: linear."`
	Margin        *float64              `hcl:"margin,optional" doc:"The largest difference that does not matter. Every gap, main effect and declared contrast is then also tested for equivalence."`
	Direction     string                `hcl:"direction,optional" doc:"What is tested against the margin: \"equivalent\" (within it on both sides) or \"not worse\"."`
	Better        string                `hcl:"better,optional" doc:"Which responses are better, for \"not worse\", for tune and for at = \"best\": \"lower\" or \"higher\"."`
	Alpha         float64               `hcl:"alpha,optional" doc:"Error rate of the tests for equivalence."`
	Tune          []string              `hcl:"tune,optional" doc:"Factors that are tuned within each cell, such as the learning rate. The response of a replicate is that at the level which is best for the other replicates; better says which responses are better."`
	Only          []Only                `hcl:"only,block" doc:"Levels of a factor to analyse; trials of its other levels are left out."`
	Contrasts     []Declared            `hcl:"contrast,block" doc:"Contrasts of your own. They are adjusted as a family of their own."`
	Freeze        bool                  `hcl:"freeze,optional" doc:"Store the declared contrasts and the margin in the study's lock before the first trial runs, and tell planned from exploratory ones."`
	Bootstrap     *Bootstrap            `hcl:"bootstrap,block" doc:"Bootstrap-t intervals beside those of t. They need five replicates."`
}

// Only restricts an analysis to some levels of a factor.
type Only struct {
	Factor string   `hcl:"factor" doc:"The factor."`
	Levels []string `hcl:"levels" doc:"Its levels, by text, address or label; derf.* means all levels of that type. A level that no trial has is a warning."`
}

// Bootstrap requests bootstrap-t intervals beside those of t.
type Bootstrap struct {
	Resamples int    `hcl:"resamples,optional" doc:"The number of resamples."`
	Resample  string `hcl:"resample,optional" doc:"What is resampled: whole \"replicates\", or trials \"within_cells\"."`
}

// SetDefaults fills a bootstrap block.
func (b *Bootstrap) SetDefaults() { *b = Bootstrap{Resamples: 10000, Resample: "replicates"} }

// Limits of a bootstrap: fewer resamples have no tails, and more change no digit that
// anyone reads.
const leastResamples, mostResamples = 1000, 100_000

func (b *Bootstrap) validate() diag.List {
	var list diag.List
	if b.Resamples < leastResamples || b.Resamples > mostResamples {
		list = append(list, diag.Errorf(diag.Path{"bootstrap", "resamples"}, "Out of range", "resamples must be between %d and %d, not %d.", leastResamples, mostResamples, b.Resamples)...)
	}
	return append(list, oneOf(diag.Path{"bootstrap", "resample"}, b.Resample, "replicates", "within_cells")...)
}

// newFactorial is a factorial with its defaults.
func newFactorial() *Factorial {
	return &Factorial{At: finalStep, Replicate: "seed", Confidence: 0.95, Error: string(estimate.OwnError), Squares: string(estimate.TypeIII),
		Direction: equivalent, Better: "lower", Alpha: 0.05}
}

// Directions of a test for equivalence.
const (
	equivalent = "equivalent"
	notWorse   = "not worse"
)

// Resolve fills derived defaults.
func (f *Factorial) Resolve() {
	if f.Scale == linearScale {
		f.Scale = ""
	}
	if f.Families == ownFamilies {
		f.Families = ""
	}
	if f.Response == "" && len(f.Responses) == 0 {
		f.Response = "val_loss"
	}
}

// Validate implements pipeline.Stage.
func (f *Factorial) Validate() diag.List {
	list := append(validateAt(f.At), validateConfidence(f.Confidence)...)
	var models []string
	for _, e := range estimate.Errors {
		models = append(models, string(e))
	}
	list = append(list, oneOf(diag.Path{"error"}, f.Error, models...)...)
	list = append(list, oneOf(diag.Path{"sums_of_squares"}, f.Squares, string(estimate.TypeIII), string(estimate.TypeII))...)
	list = append(list, f.validateMargin()...)
	if f.Scale != "" {
		list = append(list, oneOf(diag.Path{"scale"}, f.Scale, linearScale, logScale)...)
	}
	if f.Bootstrap != nil {
		list = append(list, f.Bootstrap.validate()...)
	}
	list = append(list, f.validateResponses()...)
	return append(list, f.validateDeclared()...)
}

func (f *Factorial) validateMargin() diag.List {
	list := oneOf(diag.Path{"direction"}, f.Direction, equivalent, notWorse)
	list = append(list, oneOf(diag.Path{"better"}, f.Better, "lower", "higher")...)
	if f.Alpha <= 0 || f.Alpha >= 0.5 {
		list = append(list, diag.Errorf(diag.Path{"alpha"}, "Out of range", "alpha must be above 0 and below 0.5, for example 0.05, not %v.", f.Alpha)...)
	}
	if m := f.Margin; m != nil && (!(*m > 0) || math.IsInf(*m, 0)) {
		list = append(list, diag.Errorf(diag.Path{"margin"}, "Out of range", "margin must be above 0, not %v: no study can show that a difference is exactly 0. Choose the largest difference that does not matter.", *m)...)
	}
	return list
}

// oneOf refuses a value that is not in a list.
func oneOf(path diag.Path, value string, known ...string) diag.List {
	if slices.Contains(known, value) {
		return nil
	}
	quoted := make([]string, len(known))
	for i, k := range known {
		quoted[i] = strconv.Quote(k)
	}
	last := len(quoted) - 1
	return diag.Errorf(path, "Out of range", "%s must be %s or %s, not %q.", path[len(path)-1], join(quoted[:last]), quoted[last], value)
}

// Describe implements pipeline.Stage.
func (f *Factorial) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	trials := in.Refs["trials"]
	if err := checkSources(trials).Err(); err != nil {
		return pipeline.Recipe{}, err
	}
	return f.recipe(in)
}

// recipe is that of the trials, with what the lock holds where declarations are
// frozen.
func (f *Factorial) recipe(in pipeline.Inputs) (pipeline.Recipe, error) {
	inputs := trialInputs(in.Refs["trials"])
	if f.Freeze && in.Frozen != nil {
		contrasts := make(map[string]cache.Value, len(in.Frozen.Contrasts))
		for name, digest := range in.Frozen.Contrasts {
			contrasts[name] = cache.String(digest)
		}
		inputs = cache.Map(map[string]cache.Value{"table": inputs, "frozen": cache.Map(map[string]cache.Value{
			"time": cache.String(in.Frozen.Time), "known": cache.Int(int64(in.Frozen.Known)),
			"trials": cache.Int(int64(in.Frozen.Trials)), "contrasts": cache.Map(contrasts),
		})})
	}
	host, err := code(in, factorialSubject(), f.parts()...)
	return pipeline.Recipe{Inputs: inputs, Code: host, Outputs: outputs()}, err
}

// Run implements pipeline.Stage.
func (f *Factorial) Run(ctx context.Context, env *pipeline.Env) error {
	var all []measured
	name := ""
	for _, response := range f.responses() {
		table, replicate, err := f.read(env, response)
		if err != nil {
			return err
		}
		all, name = append(all, measured{response, table}), replicate
	}
	r := f.answer(ctx, all, name)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f.Freeze {
		f.judge(&r, env.Inputs.Frozen)
	}
	return render.Write(env, r, render.Factorial(r))
}

// read reads the values of one response, and checks whether they can be analysed.
func (f *Factorial) read(env *pipeline.Env, response string) (*design.Table, string, error) {
	read := readTable
	if f.Target != nil {
		read = f.readSteps
	}
	table, replicate, err := read(env, response, f.place(), f.Replicate)
	if err != nil {
		return nil, "", err
	}
	if err := f.restrict(table, false).Err(); err != nil {
		return nil, "", err
	}
	if err := f.checkScale(table, response).Err(); err != nil {
		return nil, "", err
	}
	return table, replicate, nil
}

// restrict drops the trials of levels that only leaves out. It reports every
// factor and level of the block that no remaining trial has.
func (f *Factorial) restrict(t *design.Table, open bool) diag.List {
	var list diag.List
	for _, o := range f.Only {
		list = append(list, o.restrict(t, open)...)
	}
	if len(t.Trials) == 0 && !open { // there are no levels to look for
		if len(list) == 0 {
			list = diag.Errorf(diag.Path{"only"}, "No trials left", "Each block only keeps some trials, but no trial is kept by all of them: the only blocks together leave no trial. Remove one of them, or name more levels.")
		}
		return list
	}
	list = append(list, f.checkTune(t)...)
	if !open {
		list = append(list, f.checkSize(t)...)
	}
	list = append(list, f.checkCompared(t, open, "baseline", f.Baseline)...)
	for _, c := range f.Contrasts {
		for _, s := range c.sides() {
			list = append(list, f.checkCompared(t, open, "contrast", s.Levels)...)
		}
	}
	return list
}

// mostCombinations limits the levels of all factors that are compared, multiplied: a
// factorial estimates about as many contrasts, each of up to as many cells.
const mostCombinations = 1024

// checkSize refuses a design with too many effects to compute, or to read.
func (f *Factorial) checkSize(t *design.Table) diag.List {
	combinations := 1
	var factors []string
	for i, c := range t.Columns {
		if levels := len(t.Present(i)); i != t.Replicate && !slices.Contains(f.Tune, c.Name) && levels > 1 && combinations <= mostCombinations {
			combinations *= levels
			factors = append(factors, fmt.Sprintf("%s (%d)", c.Name, levels))
		}
	}
	if combinations <= mostCombinations {
		return nil
	}
	return diag.Errorf(diag.Path{"trials"}, "Too many combinations", "The levels of %s have at least %d combinations, and a factorial analyses at most %d. Select levels with blocks only. Analysis \"table\" has no such limit.",
		join(factors), combinations, mostCombinations)
}

func (o Only) restrict(t *design.Table, open bool) diag.List {
	column := t.Factor(o.Factor)
	switch {
	case column < 0:
		return unknownFactor("only", o.Factor, t)
	case open:
		return nil
	}
	var list diag.List
	kept := make(map[int]bool)
	for _, text := range o.Levels {
		switch found := design.Match(t.Columns[column].Levels, addr.Level{Kind: "string", Text: text}); len(found) {
		case 0:
			t.Unused = append(t.Unused, fmt.Sprintf("%s = %s", o.Factor, text))
		case 1:
			kept[found[0]] = true
		default:
			if slices.Equal(found, design.Several(t.Columns[column].Levels, text)) {
				for _, l := range found {
					kept[l] = true
				}
				continue
			}
			_, wrong := t.Find(diag.Path{"only"}, column, addr.Level{Kind: "string", Text: text})
			list = append(list, wrong...)
		}
	}
	if len(kept) == 0 && len(list) == 0 {
		list = append(list, diag.Errorf(diag.Path{"only"}, "Unknown levels", "No trial has one of the levels of %s that only names. There is %s.",
			o.Factor, join(design.Labels(t.Columns[column].Levels)))...)
	}
	if len(list) == 0 {
		t.Keep(func(x design.Trial) bool { return kept[x.Levels[column]] })
	}
	return list
}

// judge marks the declared contrasts that were planned.
func (f *Factorial) judge(r *answer.Result, frozen *pipeline.Frozen) {
	if frozen == nil {
		r.Standing = f.standing(nil)
	} else {
		r.Standing = f.standing(frozen.Contrasts)
		r.Standing.Time, r.Standing.Known, r.Standing.Trials = frozen.Time, frozen.Known, frozen.Trials
		markPlanned(r.Contrasts, r.Standing)
	}
	for i := range r.Others {
		r.Others[i].Standing = r.Standing
		if frozen != nil {
			markPlanned(r.Others[i].Contrasts, r.Standing)
		}
	}
}

func markPlanned(contrasts []answer.Contrast, s *answer.Standing) {
	for i, c := range contrasts {
		contrasts[i].Planned = c.Kind == "declared" && !slices.Contains(s.Changed, c.Name)
	}
}
