package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"ablate/cmd/ablate/internal/tables"
	"ablate/pipeline"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
	"ablate/stages/record"
)

// finishedRuns is a data stage that holds runs of other programs.
type finishedRuns interface {
	FactorNames() []string
	ResponseNames() []string
}

// exportableTrials are the trials of the study, and tables of finished runs.
var exportableTrials = instanceSort{"trial", func(n *graph.Node) bool {
	_, finished := n.Instance.Spec.(finishedRuns)
	return finished || n.Kind.Role == pipeline.Trial
}}

// trialRow is a row of the table of trials.
type trialRow struct {
	id      string
	levels  map[string]string  // by factor
	last    map[string]float64 // by metric
	outcome record.Outcome
	source  *planner.Task
}

// trialsTable has one row per trial, with its outcome and the last value of each
// metric. data "results" reads it back.
func trialsTable(ctx context.Context, w *workspace, tasks []*planner.Task) (*tables.Table, error) {
	factors := factorColumns(w, tasks)
	var rows []trialRow
	for _, t := range tasks {
		more, names, err := w.trialRows(ctx, t)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
		for _, name := range names {
			if !slices.Contains(factors, name) {
				factors = append(factors, name)
			}
		}
	}
	metrics := metricNames(rows)
	out := &tables.Table{Name: "trials"}
	out.Columns = slices.Concat([]string{"trial"}, factors, metrics, []string{"outcome", "key", "host", "class", "finished", "seconds"})
	record.UniqueColumns(out.Columns, 1, 1+len(factors))
	for i := range out.Columns {
		n := i - 1 - len(factors)
		out.Number = append(out.Number, n >= 0 && n < len(metrics) || i == len(out.Columns)-1)
	}
	origins := make(map[*planner.Task][]any)
	for _, r := range rows {
		if origins[r.source] == nil {
			p, err := readProvenance(ctx, w.store, r.source)
			if err != nil {
				return nil, err
			}
			origins[r.source] = []any{r.source.Key.String(), p.Host.Name, p.Class, p.Finished.UTC().Format("2006-01-02T15:04:05Z"), p.Seconds}
		}
		out.Rows = append(out.Rows, slices.Concat([]any{r.id}, valuesOf(r.levels, factors), valuesOf(r.last, metrics), []any{string(r.outcome)}, origins[r.source]))
	}
	return out, nil
}

// metricNames lists the metrics of all rows, sorted.
func metricNames(rows []trialRow) []string {
	names := make(map[string]bool)
	for _, r := range rows {
		for name := range r.last {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// valuesOf lists what a map has for each name; nil where it has nothing.
func valuesOf[V any](m map[string]V, names []string) []any {
	out := make([]any, len(names))
	for i, name := range names {
		if v, ok := m[name]; ok {
			out[i] = v
		}
	}
	return out
}

// trialRows are the rows of an instance, and factors that the study does not declare
// in a matrix.
func (w *workspace) trialRows(ctx context.Context, t *planner.Task) (rows []trialRow, factors []string, err error) {
	if _, finished := t.Entry().Artifact(record.Trials); finished {
		return finishedRows(ctx, w, t)
	}
	logged, err := readMetrics(ctx, w.store, t)
	if err != nil {
		return nil, nil, err
	}
	r := trialRow{t.Address.String(), w.levels(t), record.Last(logged), record.OutcomeOf(logged), t}
	delete(r.last, record.Diverged)
	return []trialRow{r}, nil, nil
}

// levels are the levels of a trial, by factor.
func (w *workspace) levels(t *planner.Task) map[string]string {
	out := make(map[string]string)
	for _, f := range w.graph.Instance(t.Address).Factors {
		out[f.Name] = f.Level.Plain()
	}
	return out
}

// finishedRows are the rows of a table of finished runs.
func finishedRows(ctx context.Context, w *workspace, t *planner.Task) (rows []trialRow, factors []string, err error) {
	a, _ := t.Entry().Artifact(record.Trials)
	f, err := w.store.Open(ctx, a.Digest)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the runs of %s: %w", t.Address, err)
	}
	defer f.Close()
	table, runs, err := record.ReadTable(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", t.Address, err)
	}
	factors = table.Factors
	if table.Numbered {
		factors = append(slices.Clone(factors), table.Replicate)
	}
	for run, err := range runs {
		if err != nil {
			return nil, nil, fmt.Errorf("reading the runs of %s: %w", t.Address, err)
		}
		levels := make(map[string]string)
		for i, level := range run.Levels {
			levels[table.Factors[i]] = level
		}
		if table.Numbered {
			levels[table.Replicate] = run.Replicate
		}
		rows = append(rows, trialRow{fmt.Sprintf("%s run %d", t.Address, len(rows)+1), levels, run.Values, run.Outcome, t})
	}
	return rows, factors, nil
}
