package analysis

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/record"
)

// results is a data stage that holds finished runs. Its names serve the checks
// before a run; an answer takes them from the artifact, which the key holds.
type results interface {
	FactorNames() []string // the replicate last
	ReplicateName() string // "" for none
}

// asResults reports whether an analysis has one table of results as its input.
func asResults(in []pipeline.Input) (results, bool) {
	if len(in) != 1 {
		return nil, false
	}
	r, ok := in[0].Stage.(results)
	return r, ok
}

// unnumbered is the replicate of a table that has none: every row is one.
const unnumbered = "row"

// checkSources refuses an empty list, mixed sources, and data that is no table of results.
func checkSources(in []pipeline.Input) diag.List {
	if len(in) == 0 {
		return diag.Errorf(diag.Path{"trials"}, "No trials", "trials is empty, so there is nothing to analyse. Name a train stage, which stands for all its trials, or data \"results\".")
	}
	for _, i := range in {
		_, isTable := i.Stage.(results)
		switch {
		case i.Address.Stage.Block == "data" && !isTable:
			return diag.Errorf(diag.Path{"trials"}, "Not trials", "%s holds text, not finished runs. Declare those as data \"results\".", i.Address)
		case isTable && len(in) > 1:
			return diag.Errorf(diag.Path{"trials"}, "Different sources", "%s cannot be combined: an analysis takes either trials or one table of results.", i.Address)
		}
	}
	if _, ok := asResults(in); ok {
		return nil
	}
	return sameFactors(in)
}

// openResults reads the table of finished runs that an input holds. The caller
// ranges over the runs before it closes the file.
func openResults(env *pipeline.Env, in pipeline.Input) (record.Table, iter.Seq2[record.Run, error], io.Closer, error) {
	f, err := env.Open(in.Digest(record.Trials))
	if err != nil {
		return record.Table{}, nil, nil, fmt.Errorf("reading %s: %w", in.Address, err)
	}
	table, runs, err := record.ReadTable(f)
	if err != nil {
		return record.Table{}, nil, nil, errors.Join(fmt.Errorf("reading %s: %w", in.Address, err), f.Close())
	}
	return table, runs, f, nil
}

// readResults builds a table of one response from finished runs: of its last values,
// or of those at another step of its curves. A run without a value of it diverged;
// failed runs have no result.
func readResults(env *pipeline.Env, in pipeline.Input, metric string, at addr.Level) (t *design.Table, replicate string, err error) {
	table, runs, f, err := openResults(env, in)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	if err := lacksResponse(in, table, metric).Err(); err != nil {
		return nil, "", err
	}
	var curves map[int]record.Curve
	_, stepped := in.Artifact(record.Curves) // without curves, Check refuses at
	elsewhere := stepped && at != finalStep && at != (addr.Level{})
	if stepped {
		if curves, err = readCurves(env, in, metric); err != nil {
			return nil, "", err
		}
	}
	replicate = cmp.Or(table.Replicate, unnumbered)
	t = newResultsTable(append(slices.Clone(table.Factors), replicate), !table.Numbered)
	if !table.Numbered {
		t.Lacks = table.Replicate
	}
	row := 0
	for run, err := range runs {
		if err != nil {
			return nil, "", fmt.Errorf("reading %s: %w", in.Address, err)
		}
		row++
		if run.Outcome == record.OutcomeFailed {
			continue
		}
		if !table.Numbered {
			run.Replicate = strconv.Itoa(row)
		}
		step := 0
		value, ok := run.Values[metric]
		if !ok && run.Outcome == record.OutcomeFinished {
			t.Valueless++
		}
		if ok && elsewhere {
			found, err := pick(curves[row].Rows(), metric, at)
			if err != nil {
				return nil, "", diag.Errorf(diag.Path{"response"}, "No such response", "%s: run %d: %v.", in.Address, row, err).Err()
			}
			value, step, t.Steps = found.Value, found.Step, max(t.Steps, found.Step, 1)
		}
		curve := curves[row]
		if n := len(curve.Steps); n > 0 && (!ok || !elsewhere) {
			step = curve.Steps[n-1]
		}
		if end := curve.Diverged; !ok && end != nil {
			step = max(step, *end)
		}
		t.Add(design.Trial{Response: value, Step: step, Diverged: !ok}, textLevels(append(run.Levels, run.Replicate))...)
	}
	return t, replicate, checkFinished(in, t, row)
}

// lacksResponse refuses a response that a table of finished runs lacks.
func lacksResponse(in pipeline.Input, table record.Table, metric string) diag.List {
	if slices.Contains(table.Responses, metric) {
		return nil
	}
	return diag.Errorf(diag.Path{"response"}, "No such response", "%s has no response %q; it has %s.", in.Address, metric, join(table.Responses))
}

// curved is a table of finished runs that may have the responses at all steps.
type curved interface{ HasCurves() bool }

// hasCurves reports whether finished runs have steps.
func hasCurves(in pipeline.Input) bool {
	c, ok := in.Stage.(curved)
	return ok && c.HasCurves()
}

// readCurves reads a response of finished runs at all steps, by the number of the run.
func readCurves(env *pipeline.Env, in pipeline.Input, metric string) (map[int]record.Curve, error) {
	out := make(map[int]record.Curve)
	digest := in.Digest(record.Curves)
	if digest == (cache.Digest{}) {
		return out, nil
	}
	f, err := env.Open(digest)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", in.Address, err)
	}
	defer f.Close()
	for c, err := range record.ReadCurves(f) {
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", in.Address, err)
		}
		if c.Name == metric {
			out[c.Run] = c
		}
	}
	return out, nil
}

// checkFinished refuses a table without a run that can be analysed: data "results" holds some
// runs that failed, and leaves out others.
func checkFinished(in pipeline.Input, t *design.Table, runs int) error {
	switch {
	case len(t.Trials) > 0:
		return nil
	case runs == 0:
		return diag.Errorf(diag.Path{"trials"}, "No results", "%s holds no run, so there is nothing to analyse. It leaves out those that failed, were killed or are still running, and those that do not match its where.", in.Address).Err()
	}
	return diag.Errorf(diag.Path{"trials"}, "No results", "Each run that %s holds failed (%d), so there is nothing to analyse. It does not hold those that do not match its where.", in.Address, runs).Err()
}

// readResultSteps is readSteps for finished runs with curves. A run that diverged may have
// none, but a run that finished must have one.
func readResultSteps(env *pipeline.Env, in pipeline.Input, response string) (base *design.Table, rows [][]record.Row, err error) {
	curves, err := readCurves(env, in, response)
	if err != nil {
		return nil, nil, err
	}
	table, runs, f, err := openResults(env, in)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if err := lacksResponse(in, table, response).Err(); err != nil {
		return nil, nil, err
	}
	base = newResultsTable(append(slices.Clone(table.Factors), cmp.Or(table.Replicate, unnumbered)), !table.Numbered)
	n := 0
	for run, err := range runs {
		if err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", in.Address, err)
		}
		n++
		if run.Outcome == record.OutcomeFailed {
			continue
		}
		if !table.Numbered {
			run.Replicate = strconv.Itoa(n)
		}
		if run.Outcome == record.OutcomeFinished && len(curves[n].Steps) == 0 {
			return nil, nil, diag.Errorf(diag.Path{"response"}, "No curve", "%s: run %d finished, but has no curve of %q. Leave it out there with where.", in.Address, n, response).Err()
		}
		base.Add(design.Trial{}, textLevels(append(run.Levels, run.Replicate))...)
		of := curves[n].Rows()
		if end := curves[n].Diverged; end != nil {
			of = append(of, record.Row{Step: *end, Name: record.Diverged, Value: 1})
		}
		rows = append(rows, of)
	}
	return base, rows, checkFinished(in, base, n)
}

// textLevels are levels that are known by their text alone.
func textLevels(texts []string) []design.Level {
	out := make([]design.Level, len(texts))
	for i, l := range texts {
		out[i] = design.Level{ID: addr.Level{Kind: "string", Text: l}, Label: l}
	}
	return out
}

// newResultsTable is an empty table for finished runs. Its last column is the
// replicate, which may have the name of a factor.
func newResultsTable(names []string, unpaired bool) *design.Table {
	t := design.NewTable(names, "")
	t.Replicate, t.Unpaired = len(names)-1, unpaired
	return t
}

// declaredResults is the table of finished runs as their stage declares it.
func declaredResults(r results) *design.Table {
	names := r.FactorNames()
	if r.ReplicateName() == "" {
		names = append(names, unnumbered)
	}
	return newResultsTable(names, r.ReplicateName() == "")
}
