package analysis

import (
	"context"
	"fmt"
	"slices"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/render"
)

// Factorial is analysis "factorial".
type Factorial struct {
	Trials     []addr.Instance       `hcl:"trials" ref:"train,data" doc:"The trials: a train stage stands for all its trials. Or a table of finished runs, data \"results\"."`
	Response   string                `hcl:"response,optional" doc:"The metric to compare. Default: val_loss."`
	At         addr.Level            `hcl:"at,optional" doc:"Where the response is read: \"final\", \"best\" or a step."`
	Baseline   map[string]addr.Level `hcl:"baseline,optional" doc:"By factor, the level that gaps are measured from. Default: the first level in the matrix."`
	Replicate  string                `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell."`
	Confidence float64               `hcl:"confidence,optional" doc:"Coverage of the intervals."`
	Only       []Only                `hcl:"only,block" doc:"Levels of a factor to analyse; trials of its other levels are left out."`
	Contrasts  []Declared            `hcl:"contrast,block" doc:"Contrasts of your own. They are a family of their own for Holm's adjustment."`
	Freeze     bool                  `hcl:"freeze,optional" doc:"Store the declared contrasts in the study's lock before the first trial runs, and tell planned from exploratory ones."`
	Bootstrap  *Bootstrap            `hcl:"bootstrap,block" doc:"Percentile intervals beside those of t. With fewer than six replicates they are too narrow."`
}

// Only restricts an analysis to some levels of a factor.
type Only struct {
	Factor string   `hcl:"factor" doc:"The factor."`
	Levels []string `hcl:"levels" doc:"Its levels, by text, address or label. A level that no trial has is a warning."`
}

// Bootstrap requests percentile intervals beside those of t.
type Bootstrap struct {
	Resamples int    `hcl:"resamples,optional" doc:"The number of resamples."`
	Resample  string `hcl:"resample,optional" doc:"What is resampled: whole \"replicates\", or trials \"within_cells\"."`
}

// SetDefaults fills a bootstrap block.
func (b *Bootstrap) SetDefaults() { *b = Bootstrap{Resamples: 10000, Resample: "replicates"} }

func (b *Bootstrap) validate() diag.List {
	var list diag.List
	if b.Resamples < 100 {
		list = append(list, diag.Errorf(diag.Path{"bootstrap", "resamples"}, "Out of range", "resamples must be at least 100, not %d.", b.Resamples)...)
	}
	if b.Resample != "replicates" && b.Resample != "within_cells" {
		list = append(list, diag.Errorf(diag.Path{"bootstrap", "resample"}, "Out of range", "resample must be \"replicates\" or \"within_cells\", not %q.", b.Resample)...)
	}
	return list
}

// Resolve fills derived defaults.
func (f *Factorial) Resolve() {
	if f.Response == "" {
		f.Response = "val_loss"
	}
}

// Validate implements pipeline.Stage.
func (f *Factorial) Validate() diag.List {
	list := append(validateAt(f.At), validateConfidence(f.Confidence)...)
	if f.Bootstrap != nil {
		list = append(list, f.Bootstrap.validate()...)
	}
	return append(list, f.validateDeclared()...)
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
	return pipeline.Recipe{Inputs: inputs, Code: host, Outputs: outputs("interaction", "contrasts")}, err
}

// Run implements pipeline.Stage.
func (f *Factorial) Run(_ context.Context, env *pipeline.Env) error {
	table, replicate, err := readTable(env, f.Response, f.At, f.Replicate)
	if err != nil {
		return err
	}
	if err := f.restrict(table, false).Err(); err != nil {
		return err
	}
	r := f.analyse(table, replicate)
	if f.Freeze {
		f.judge(&r, env.Inputs.Frozen)
	}
	return render.Write(env, r, render.Factorial(r))
}

// restrict drops the trials of levels that only leaves out. It reports every
// factor and level of the block that no remaining trial has.
func (f *Factorial) restrict(t *design.Table, open bool) diag.List {
	var list diag.List
	for _, o := range f.Only {
		list = append(list, o.restrict(t, open)...)
	}
	list = append(list, checkLevels(t, open, "baseline", f.Baseline)...)
	for _, c := range f.Contrasts {
		for _, s := range c.sides() {
			list = append(list, checkLevels(t, open, "contrast", s.Levels)...)
		}
	}
	return list
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
func (f *Factorial) judge(r *result, frozen *pipeline.Frozen) {
	if frozen == nil {
		r.Standing = f.standing(nil)
		return
	}
	r.Standing = f.standing(frozen.Contrasts)
	r.Standing.Time, r.Standing.Known, r.Standing.Trials = frozen.Time, frozen.Known, frozen.Trials
	for i, c := range r.Contrasts {
		r.Contrasts[i].Planned = c.Kind == "declared" && !slices.Contains(r.Standing.Changed, c.Name)
	}
}
