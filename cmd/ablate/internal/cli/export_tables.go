package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/tables"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
	"ablate/stages/record"
)

// readMetrics reads a trial's log; a step that keeps none has none.
func readMetrics(ctx context.Context, store cache.Store, s *planner.Task) ([]record.Row, error) {
	a, ok := s.Entry.Artifact(record.Metrics)
	if !ok {
		return nil, nil
	}
	r, err := store.Open(ctx, a.Digest)
	if err == nil {
		defer r.Close()
		var rows []record.Row
		if rows, err = record.ReadAll(r); err == nil {
			return rows, nil
		}
	}
	return nil, fmt.Errorf("reading the metrics of %s: %w", s.Address, err)
}

func (g *globals) exportTableCommand(name, short, long string, build func(context.Context, *workspace, []*planner.Task) (*tables.Table, error)) *cobra.Command {
	var format, to string
	c := &cobra.Command{
		Use: name + " [STAGE]", Short: short,
		Long: long + " STAGE is a train block's second label\nor its address; without it all are taken. A file that is there is replaced; in a SQLite\n" +
			"database only the table is." + codes("3 when some trials have no result yet"),
		Example: "  ablate export " + name + " --to " + name + ".parquet",
		Args:    arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if format == "" {
				format = tables.FormatOf(to)
			}
			if !slices.Contains(tables.Formats, format) {
				return fmt.Errorf("--format: %q is none of %s", format, strings.Join(tables.Formats, ", "))
			}
			if format == "sqlite" && to == "" {
				return fmt.Errorf("a SQLite database cannot go to standard output: name a file with --to")
			}
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			steps, lacking, err := trialSteps(plan, args)
			if err != nil {
				return err
			}
			t, err := build(c.Context(), w, steps)
			if err != nil {
				return err
			}
			if err := g.writeTable(t, format, to); err != nil {
				return err
			}
			if lacking > 0 {
				g.view().Note("%s of %d without a result left out: run the study for the rest.", count(lacking, "trial"), lacking+len(steps))
				return exitError{ExitPartial}
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "", strings.Join(tables.Formats, ", ")+" (default: what the file's ending says, or csv)")
	c.Flags().StringVar(&to, "to", "", "the `file` to write; standard output without it")
	g.targetFlag(c)
	return c
}

// trialSteps lists the cached trials, and counts those that are not.
func trialSteps(plan *planner.Plan, args []string) (steps []*planner.Task, lacking int, err error) {
	for _, s := range plan.Tasks {
		switch {
		case s.Role != pipeline.Trial || len(args) == 1 && s.Address.Stage.Name != args[0] && s.Address.Stage.String() != args[0]:
		case s.Status == planner.Hit:
			steps = append(steps, s)
		default:
			lacking++
		}
	}
	if len(steps)+lacking == 0 {
		return nil, 0, fmt.Errorf("the study has no such trials; ablate show lists what it has")
	}
	if len(steps) == 0 {
		return nil, 0, fmt.Errorf("no trial has a result yet; run the study first")
	}
	return steps, lacking, nil
}

func (g *globals) writeTable(t *tables.Table, format, to string) error {
	switch {
	case format == "sqlite":
		if err := tables.WriteSQLite(to, t); err != nil {
			return err
		}
	case to == "":
		out := bufio.NewWriter(g.app.Stdout)
		if err := tables.Write(out, t, format); err != nil {
			return err
		}
		return out.Flush()
	default:
		f, err := os.Create(to)
		if err != nil {
			return err
		}
		out := bufio.NewWriter(f)
		if err := tables.Write(out, t, format); err != nil {
			f.Close()
			return err
		}
		if err := out.Flush(); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	g.view().Object(map[string]any{"type": "exported", "file": to, "rows": len(t.Rows)})
	g.view().Note("%s: %s.", to, count(len(t.Rows), "row"))
	return nil
}

// factorColumns lists the factors of all trials, in order of first appearance.
func factorColumns(w *workspace, steps []*planner.Task) []string {
	var out []string
	for _, s := range steps {
		for _, f := range w.graph.Instance(s.Address).Factors {
			if !slices.Contains(out, f.Name) {
				out = append(out, f.Name)
			}
		}
	}
	return out
}

// identity is the columns that tell trials apart.
func identity(w *workspace, s *planner.Task, factors []string) []any {
	row := []any{s.Address.String()}
	have := w.graph.Instance(s.Address).Factors
	for _, name := range factors {
		if f := addr.FactorNamed(have, name); f != nil {
			row = append(row, f.Label)
		} else {
			row = append(row, nil)
		}
	}
	return row
}

// trialsTable has one row a trial, with the last value of each metric.
func trialsTable(ctx context.Context, w *workspace, steps []*planner.Task) (*tables.Table, error) {
	factors := factorColumns(w, steps)
	last := make([]map[string]float64, len(steps))
	names := make(map[string]bool)
	for i, s := range steps {
		rows, err := readMetrics(ctx, w.store, s)
		if err != nil {
			return nil, err
		}
		last[i] = record.Last(rows)
		for name := range last[i] {
			names[name] = true
		}
	}
	metrics := slices.Sorted(maps.Keys(names))
	t := &tables.Table{Name: "trials"}
	t.Columns = slices.Concat([]string{"trial"}, factors, metrics, []string{"key", "host", "class", "finished", "seconds"})
	for i := range t.Columns {
		n := i - 1 - len(factors)
		t.Number = append(t.Number, n >= 0 && n < len(metrics) || i == len(t.Columns)-1)
	}
	for i, s := range steps {
		row := identity(w, s, factors)
		for _, name := range metrics {
			if v, ok := last[i][name]; ok {
				row = append(row, v)
			} else {
				row = append(row, nil)
			}
		}
		p, err := provenance(ctx, w.store, s)
		if err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, append(row, s.Key.String(), p.Host.Name, p.Class, p.Finished.UTC().Format("2006-01-02T15:04:05Z"), p.Seconds))
	}
	return t, nil
}

// metricsTable has one row a value that was logged.
func metricsTable(ctx context.Context, w *workspace, steps []*planner.Task) (*tables.Table, error) {
	factors := factorColumns(w, steps)
	t := &tables.Table{Name: "metrics", Columns: slices.Concat([]string{"trial"}, factors, []string{"step", "metric", "value"})}
	t.Number = make([]bool, len(t.Columns))
	t.Number[len(factors)+1], t.Number[len(factors)+3] = true, true
	for _, s := range steps {
		rows, err := readMetrics(ctx, w.store, s)
		if err != nil {
			return nil, err
		}
		id := identity(w, s, factors)
		for _, m := range rows {
			t.Rows = append(t.Rows, append(slices.Clone(id), float64(m.Step), m.Name, m.Value))
		}
	}
	return t, nil
}

// provenance reads who computed a cached step.
func provenance(ctx context.Context, store cache.Store, s *planner.Task) (p action.Provenance, err error) {
	raw, err := cache.ReadAll(ctx, store, s.Entry.Provenance)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		return p, fmt.Errorf("reading the provenance of %s: %w", s.Address, err)
	}
	return p, nil
}
