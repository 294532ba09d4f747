package analysis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Factorial is analysis "factorial".
type Factorial struct {
	Trials     []addr.Instance       `hcl:"trials" ref:"train,data" doc:"The trials: a train stage stands for all of its. Or a table of finished runs, data \"results\"."`
	Response   string                `hcl:"response,optional" doc:"The metric that is compared. Default: val_loss."`
	At         addr.Level            `hcl:"at,optional" doc:"Where it is read: \"final\", \"best\" or a step."`
	Baseline   map[string]addr.Level `hcl:"baseline,optional" doc:"By factor, the level that gaps are measured from. Default: the first level in the matrix."`
	Replicate  string                `hcl:"replicate,optional" doc:"The factor whose levels are replicates of a cell."`
	Confidence float64               `hcl:"confidence,optional" doc:"Coverage of the intervals."`
	Only       []Only                `hcl:"only,block" doc:"Levels of a factor to look at; the trials of others are left out."`
	Contrasts  []Declared            `hcl:"contrast,block" doc:"Contrasts of your own. Holm's adjustment is then made within them, and within the others."`
	Freeze     bool                  `hcl:"freeze,optional" doc:"Keep the declared contrasts in the study's lock before the first trial runs, and tell planned from exploratory."`
	Bootstrap  *Bootstrap            `hcl:"bootstrap,block" doc:"Percentile intervals beside those of t. Below six replicates they claim too much."`
}

// Only restricts an analysis to some levels of a factor.
type Only struct {
	Factor string   `hcl:"factor" doc:"The factor."`
	Levels []string `hcl:"levels" doc:"Its levels, as the table of trials names them. One that no trial has is told in a warning."`
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
	if _, ok := f.Baseline[f.Replicate]; ok {
		list = append(list, diag.Errorf(diag.Path{"baseline"}, "Replicate as baseline",
			"%s numbers the replicates, which have no baseline. Remove it from baseline, or name another replicate.", f.Replicate)...)
	}
	return append(list, f.validateDeclared()...)
}

// Describe implements pipeline.Stage.
func (f *Factorial) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	trials := in.Refs["trials"]
	if err := checkSources(trials).Err(); err != nil {
		return pipeline.Recipe{}, err
	}
	if _, ok := asResults(trials); ok {
		return f.recipe(in), nil
	}
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
	return f.recipe(in), nil
}

// recipe is the trials, and what the lock holds where that is asked for.
func (f *Factorial) recipe(in pipeline.Inputs) pipeline.Recipe {
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
	return pipeline.Recipe{Inputs: inputs, Outputs: outputs("interaction", "contrasts")}
}

// sameFactors refuses trials of matrices with different factors.
func sameFactors(trials []pipeline.Input) diag.List {
	want := factorNames(trials[0])
	for _, t := range trials[1:] {
		if got := factorNames(t); !slices.Equal(got, want) {
			return diag.Errorf(diag.Path{"trials"}, "Different factors",
				"%s has the factors %s, and %s has %s: one analysis compares trials of the same factors.",
				trials[0].Address, join(want), t.Address, join(got))
		}
	}
	return nil
}

func factorNames(trial pipeline.Input) (out []string) {
	for _, f := range trial.Factors {
		out = append(out, f.Name)
	}
	return out
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
				"The trials have no factor %q; they have %s.", name, join(factorNames(trials[0])))...)
		case !seen[f.Baseline[name]]:
			list = append(list, diag.Errorf(diag.Path{"baseline"}, "Unknown level",
				"No trial has %s = %s. There is %s.", name, f.Baseline[name], join(known))...)
		}
	}
	return list
}

// Run implements pipeline.Stage.
func (f *Factorial) Run(_ context.Context, env *pipeline.Env) error {
	table, replicate, err := openTable(env, f.Response, f.At, f.Replicate)
	if err != nil {
		return err
	}
	if err := f.restrict(table).Err(); err != nil {
		return err
	}
	asked := *f
	asked.Replicate = replicate
	if err := asked.checkDeclared(newDesign(table, replicate)).Err(); err != nil {
		return err
	}
	r := asked.analyse(table)
	if f.Freeze {
		r.stand(f, env.Inputs.Frozen)
	}
	return write(env, r)
}

// stand marks the declared contrasts that were planned.
func (r *result) stand(f *Factorial, frozen *pipeline.Frozen) {
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

// restrict drops the trials of levels that only leaves out, and checks that all
// that the block names is there.
func (f *Factorial) restrict(t *trialTable) diag.List {
	var list diag.List
	known := func(factor string) []string {
		var out []string
		if i := slices.Index(t.factors, factor); i >= 0 {
			for _, x := range t.trials {
				if !slices.Contains(out, x.levels[i]) {
					out = append(out, x.levels[i])
				}
			}
		}
		return out
	}
	for _, o := range f.Only {
		levels := known(o.Factor)
		if levels == nil {
			list = append(list, diag.Errorf(diag.Path{"only"}, "Unknown factor", "The trials have no factor %q; they have %s.", o.Factor, join(t.factors))...)
			continue
		}
		there := 0
		for _, l := range o.Levels {
			if slices.Contains(levels, l) {
				there++
				continue
			}
			t.left = append(t.left, fmt.Sprintf("%s = %s", o.Factor, l))
		}
		if there == 0 {
			list = append(list, diag.Errorf(diag.Path{"only"}, "Unknown levels", "No trial has one of the levels that only names of %s. There is %s.", o.Factor, join(levels))...)
		}
		if i := slices.Index(t.factors, o.Factor); i >= 0 {
			t.trials = slices.DeleteFunc(t.trials, func(x trial) bool { return !slices.Contains(o.Levels, x.levels[i]) })
		}
	}
	for _, name := range sortedKeys(f.Baseline) {
		i := slices.Index(t.factors, name)
		switch {
		case i < 0:
			list = append(list, diag.Errorf(diag.Path{"baseline"}, "Unknown factor", "The trials have no factor %q; they have %s.", name, join(t.factors))...)
		case !slices.ContainsFunc(t.trials, func(x trial) bool { return sameLevel(x.ids[i], f.Baseline[name]) }):
			list = append(list, diag.Errorf(diag.Path{"baseline"}, "Unknown level", "No trial has %s = %s. There is %s.", name, f.Baseline[name], join(known(name)))...)
		}
	}
	return list
}

// analyse computes the whole result from the table.
func (f *Factorial) analyse(table *trialTable) *result {
	d := newDesign(table, f.Replicate)
	for i := range d.factors {
		if base, ok := f.Baseline[d.factors[i].name]; ok {
			d.factors[i].baseline = max(0, slices.IndexFunc(d.factors[i].ids, func(l addr.Level) bool { return sameLevel(l, base) }))
		}
	}
	r := &result{
		Version: 3, Response: f.Response, At: f.At.Text, Replicate: f.Replicate, Confidence: f.Confidence,
		Trials: len(table.trials),
	}
	if table.fewest == table.tokens {
		r.Tokens = table.tokens
	} else {
		r.Warnings = append(r.Warnings, fmt.Sprintf("Some trials were evaluated on %d tokens and some on %d, so part of a difference may be the text's. "+
			"Where batches differ in size, choose evaluate.batches so that all trials see as many sequences.", table.fewest, table.tokens))
	}
	for _, x := range d.factors {
		r.Factors = append(r.Factors, resultFactor{x.name, x.levels, x.levels[x.baseline]})
	}
	for _, c := range d.cells {
		var levels []string
		for i, l := range c.levels {
			levels = append(levels, d.factors[i].levels[l])
		}
		r.Cells = append(r.Cells, newCell(c, levels...))
	}
	r.answer(d, f)
	if table.unnumbered != "" {
		r.Warnings = append(r.Warnings, fmt.Sprintf("The table has no column %s, which the study names as its replicate: its rows are unpaired.", table.unnumbered))
	}
	if len(table.left) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("No trial has %s: the analysis is of the other levels that it names.", join(table.left)))
	}
	return r
}

// answer estimates the family of contrasts and collects the warnings.
func (r *result) answer(d *design, f *Factorial) {
	var p []float64
	family := d.contrasts()
	for _, c := range f.Contrasts {
		family = append(family, d.declared(c))
	}
	single, unpaired, flat := false, false, false
	for _, c := range family {
		rc := resultContrast{Kind: c.kind, Name: c.name, Terms: c.terms, At: c.at, Simple: c.kind == "gap" && d.atBaseline(c.at)}
		if len(c.missing) > 0 {
			slices.Sort(c.missing)
			rc.Method, rc.Missing = "not estimable", slices.Compact(c.missing)
			r.Contrasts = append(r.Contrasts, rc)
			p = append(p, math.NaN())
			continue
		}
		e := estimateContrast(c, d.cells, f.Confidence)
		single = single || e.Method == "none"
		unpaired = unpaired || e.Method == "Welch t"
		flat = flat || e.Method != "none" && e.Low == e.High
		rc.fill(e)
		if f.Bootstrap != nil {
			if low, high, ok := f.Bootstrap.interval(c, d.cells, f.Confidence); ok {
				rc.BootLow, rc.BootHigh = number(low), number(high)
			}
		}
		r.Contrasts = append(r.Contrasts, rc)
		p = append(p, e.P)
	}
	own := len(p) - len(f.Contrasts) // declared ones are a family of their own
	for i, v := range append(holm(p[:own]), holm(p[own:])...) {
		r.Contrasts[i].PHolm = number(v)
	}
	var why string
	if r.Anova, r.AnovaBy, why = d.anova(); why != "" {
		r.Warnings = append(r.Warnings, "No analysis of variance: "+why+".")
	}
	if f.Bootstrap != nil {
		r.Bootstrap = f.Bootstrap.Resample
		r.warnBootstrap(d)
	}
	r.warn(d, single, unpaired, flat)
}

// warnBootstrap says where resampling promises more than it can hold.
func (r *result) warnBootstrap(d *design) {
	least := len(d.cells[0].order)
	for _, c := range d.cells {
		least = min(least, len(c.order))
	}
	if least < cautious {
		text := fmt.Sprintf("The bootstrap's intervals are too narrow with %d replicates a cell: trust those of t.", least)
		if r.Bootstrap == "replicates" && least < 4 {
			text += " Drawing whole replicates again gives hardly more than the smallest and the largest of them."
		}
		r.Warnings = append(r.Warnings, text)
	}
}

func (r *result) warn(d *design, single, unpaired, flat bool) {
	say := func(cond bool, text string, args ...any) {
		if cond {
			r.Warnings = append(r.Warnings, fmt.Sprintf(text, args...))
		}
	}
	say(single, "Some cells have one trial: their contrasts have no interval, since nothing tells the effect from the noise of a %s. Add replicates.", d.replicate)
	say(unpaired && d.blocked, "Some cells do not have the same replicates: their contrasts are unpaired (Welch), which widens the intervals.")
	say(flat, "Some contrasts are the same in every replicate to the last bit: either the levels compute the same, or the replicate changes nothing.")
	say(len(d.doubled) > 0, "Two trials of one replicate in %s: only the first counts.", strings.Join(d.doubled, ", "))
	for _, c := range r.Contrasts {
		say(c.Missing != nil, "Not estimable: %s, for want of %s.", c.Name, join(c.Missing))
	}
}
