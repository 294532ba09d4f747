package analysis

import (
	"errors"
	"fmt"
	"slices"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/internal/behaviour"
	"ablate/stages/record"
)

// trialInputs is what enters the key of an analysis of its trials: the labels,
// since they are printed, and the content of the metrics.
func trialInputs(in []pipeline.Input) cache.Value {
	if _, ok := asResults(in); ok {
		out := map[string]cache.Value{"results": cache.DigestValue(in[0].Digest(record.Trials))}
		if curves, ok := in[0].Artifact(record.Curves); ok {
			out["curves"] = cache.DigestValue(curves.Digest)
		}
		return cache.Map(out)
	}
	type shown struct {
		level addr.Level
		label string
	}
	levels := make(map[shown]cache.Value) // many trials share one
	items := make([]cache.Value, len(in))
	for i, t := range in {
		factors := make([]cache.Field, len(t.Factors))
		for j, f := range t.Factors {
			x := shown{f.Level, f.Label}
			if levels[x].IsZero() {
				levels[x] = cache.List(cache.String(x.level.String()), cache.String(x.label))
			}
			factors[j] = cache.Field{Name: f.Name, Value: levels[x]}
		}
		items[i] = cache.Struct(
			cache.Field{Name: "factors", Value: cache.Struct(factors...)},
			cache.Field{Name: "metrics", Value: cache.DigestValue(t.Digest(record.Metrics))},
		)
	}
	return cache.Map(map[string]cache.Value{"trials": cache.List(items...)})
}

// describeTrials is Describe for analyses of trials or of a table of results.
func describeTrials(in pipeline.Inputs, s behaviour.Subject, parts []string) (pipeline.Recipe, error) {
	trials := in.Refs["trials"]
	if err := checkSources(trials).Err(); err != nil {
		return pipeline.Recipe{}, err
	}
	host, err := code(in, s, parts...)
	return pipeline.Recipe{Inputs: trialInputs(trials), Code: host, Outputs: outputs()}, err
}

// sameFactors refuses trials of different factors.
func sameFactors(trials []pipeline.Input) diag.List {
	want := factorNames(trials[0])
	for _, t := range trials[1:] {
		if !slices.EqualFunc(t.Factors, want, func(f *addr.Factor, name string) bool { return f.Name == name }) {
			return diag.Errorf(diag.Path{"trials"}, "Different factors",
				"%s has the factors %s, and %s has %s. One analysis compares trials of the same factors.",
				trials[0].Address, join(want), t.Address, join(factorNames(t)))
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

// newTable is an empty table for the trials of an analysis.
func newTable(trials []pipeline.Input, replicate string) *design.Table {
	if len(trials) == 0 {
		return design.NewTable(nil, replicate)
	}
	t := design.NewTable(factorNames(trials[0]), replicate)
	t.Trials = make([]design.Trial, 0, len(trials))
	return t
}

// readTable reads the response of every trial, and returns the name of the
// replicate.
func readTable(env *pipeline.Env, response string, at addr.Level, replicate string) (*design.Table, string, error) {
	inputs := env.Inputs.Refs["trials"]
	if _, ok := asResults(inputs); ok {
		return readResults(env, inputs[0], response, at)
	}
	t, err := emptyTable(inputs, replicate)
	if err != nil {
		return nil, "", err
	}
	var lacking error
	var without []int
	for i, in := range inputs {
		err := readTrial(env, t, in, response, at)
		if errors.Is(err, errNoMetric) {
			if lacking == nil {
				lacking = noResponse(in, err).Err()
			}
			without = append(without, i)
			continue
		}
		if err != nil {
			return nil, "", err
		}
	}
	if len(t.Trials) == 0 {
		return nil, "", lacking
	}
	t.Without = trialNames(inputs, without)
	return t, replicate, nil
}

// trialNames names some of the trials by their levels. Their addresses are not in the
// key of an analysis, so they cannot be in its result.
func trialNames(trials []pipeline.Input, some []int) (names []string) {
	if len(some) == 0 {
		return nil
	}
	all := newTable(trials, "") // of all, since labels depend on the other levels
	for _, in := range trials {
		all.AddCell(design.Trial{}, in.Factors)
	}
	d := design.New(all, "")
	for _, i := range some {
		names = append(names, d.CellName(d.Cells[d.CellOf(all, i)].Levels))
	}
	return names
}

// emptyTable is a table for trials, which have the replicate as a factor.
func emptyTable(inputs []pipeline.Input, replicate string) (*design.Table, error) {
	t := newTable(inputs, replicate)
	if replicate != "seed" && t.Replicate < 0 { // a study need not have the factor seed
		return nil, diag.Errorf(diag.Path{"replicate"}, "Unknown factor", "The trials have no factor %q; they have %s.", replicate, join(t.Names())).Err()
	}
	return t, nil
}

func noResponse(in pipeline.Input, err error) diag.List {
	return diag.Errorf(diag.Path{"response"}, "No such response", "%s: %v.", in.Address, err)
}

// readTrial adds one trial to a table.
func readTrial(env *pipeline.Env, t *design.Table, in pipeline.Input, response string, at addr.Level) error {
	rows, err := readMetrics(env, in.Digest(record.Metrics), response, record.Diverged, record.EvaluationTokens)
	if err != nil {
		return fmt.Errorf("reading the metrics of %s: %w", in.Address, err)
	}
	var x design.Trial
	if end, err := pick(rows, record.Diverged, finalStep); err == nil {
		x.Step, x.Diverged = end.Step, true
	} else {
		found, err := pick(rows, response, at)
		switch {
		case errors.Is(err, errNoMetric):
			return err
		case err != nil:
			return noResponse(in, err).Err()
		}
		x.Response, x.Step = found.Value, found.Step
	}
	t.Steps = max(t.Steps, x.Step, 1)
	t.AddCell(x, in.Factors)
	if size, err := pick(rows, record.EvaluationTokens, finalStep); err == nil {
		t.Evaluated(int(size.Value))
	}
	return nil
}

// placeOf says where a response was read; "" for finished runs, which have no
// steps.
func placeOf(at addr.Level, t *design.Table) string {
	if t.Steps == 0 {
		return ""
	}
	return at.Text
}
