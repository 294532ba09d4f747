package analysis

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/record"
)

// trial is one line of the trial table.
type trial struct {
	levels   []string // display text, parallel to the table's factors
	ids      []addr.Level
	response float64
	step     int  // where the response was read, or where the trial diverged
	diverged bool // there is no response
}

// trialTable is all trials with their response.
type trialTable struct {
	factors []string // sorted, or as a table of results has them
	loose   bool     // rows of a table without a replicate: no two are paired
	trials  []trial

	// Whether the table has no column for what the study calls its replicate, then its name.
	unnumbered string

	// left says which levels of "only" no trial has.
	left []string

	tokens int // of the largest evaluation, 0 when the trials do not say
	fewest int // of the smallest
}

// trialInputs is what of the trials enters an analysis's key: display texts,
// because they are printed, and the content of the metrics.
func trialInputs(in []pipeline.Input) cache.Value {
	if r, ok := asResults(in); ok {
		return cache.Map(map[string]cache.Value{
			"results": cache.DigestValue(in[0].Digest(resultsName)), "replicate": cache.String(r.ReplicateName()),
		})
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

// readTrials builds the table for a metric, read at "final", "best" or a step.
func readTrials(env *pipeline.Env, metric string, at addr.Level) (*trialTable, error) {
	inputs := env.Inputs.Refs["trials"]
	if r, ok := asResults(inputs); ok {
		return readResults(env, inputs[0], r, metric)
	}
	table := &trialTable{}
	for i, in := range inputs {
		if i == 0 {
			for _, f := range in.Factors {
				table.factors = append(table.factors, f.Name)
			}
		}
		rows, err := readMetrics(env, in.Digest(record.Metrics), metric, record.Diverged, record.EvaluationTokens)
		if err != nil {
			return nil, fmt.Errorf("reading the metrics of %s: %w", in.Address, err)
		}
		t := newTrial(in)
		if end, err := pick(rows, record.Diverged, finalStep); err == nil {
			t.step, t.diverged = end.Step, true
		} else {
			found, err := pick(rows, metric, at)
			if err != nil {
				return nil, diag.Errorf(diag.Path{"response"}, "No such response", "%s: %v.", in.Address, err).Err()
			}
			t.response, t.step = found.Value, found.Step
		}
		table.trials = append(table.trials, t)
		if size, err := pick(rows, record.EvaluationTokens, finalStep); err == nil {
			table.sized(int(size.Value))
		}
	}
	return table, nil
}

// sized notes on how many tokens a trial was evaluated.
func (t *trialTable) sized(tokens int) {
	if t.tokens == 0 {
		t.fewest = tokens
	}
	t.tokens, t.fewest = max(t.tokens, tokens), min(t.fewest, tokens)
}

// newTrial is an instance's levels, without a response.
func newTrial(in pipeline.Input) (t trial) {
	for _, f := range in.Factors {
		t.levels, t.ids = append(t.levels, f.Label), append(t.ids, f.Level)
	}
	return t
}

// readMetrics reads the rows of some metrics, and of each other metric the last
// one, so that a message can list them. Most of a log is what nobody asked for:
// such lines are told by their name and not decoded.
func readMetrics(env *pipeline.Env, d cache.Digest, names ...string) ([]record.Row, error) {
	r, err := env.Open(d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []record.Row
	others := make(map[string]record.Row)
	known := func(name []byte) bool { _, ok := others[string(name)]; return ok }
	for x, err := range record.Read(r, known) {
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, x.Name) {
			others[x.Name] = x
			continue
		}
		out = append(out, x)
	}
	for _, name := range sortedKeys(others) {
		out = append(out, others[name])
	}
	return out, nil
}

// pick finds a metric's value at the last step, at its lowest, or at a step.
func pick(rows []record.Row, metric string, at addr.Level) (record.Row, error) {
	var found *record.Row
	names := make(map[string]bool)
	for i, r := range rows {
		names[r.Name] = true
		if r.Name != metric {
			continue
		}
		switch {
		case at.Kind == "number":
			if strconv.Itoa(r.Step) == at.Text {
				found = &rows[i]
			}
		case at.Text == "final" || found == nil || r.Value < found.Value:
			found = &rows[i]
		}
	}
	switch {
	case found != nil && !math.IsNaN(found.Value):
		return *found, nil
	case names[metric]:
		return record.Row{}, fmt.Errorf("its metric %q was not taken at step %s; evaluate there, or choose another step", metric, at.Text)
	}
	return record.Row{}, fmt.Errorf("it has no metric %q; it has %s", metric, join(sortedKeys(names)))
}

// validateAt checks where a response is to be read.
func validateAt(at addr.Level) diag.List {
	if at.Kind == "number" || at.Kind == "string" && (at.Text == "final" || at.Text == "best") {
		return nil
	}
	return diag.Errorf(diag.Path{"at"}, "Out of range", "at is \"final\", \"best\" (the lowest value) or a step, not %s.", at)
}
