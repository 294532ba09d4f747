package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/tables"
	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline/planner"
	"ablate/stages/record"
)

// tableBuilder makes a table of cached trials.
type tableBuilder func(context.Context, *workspace, []*planner.Task) (*tables.Table, error)

func exportTableCommand(s *session, of instanceSort, name, short, long string, build tableBuilder) *cobra.Command {
	r := exportTableRequest{Of: of, Build: build}
	c := &cobra.Command{
		Use: name + " [TRIALS]", Short: short,
		Long: long + "\nTRIALS selects trials by address, name, label or levels; without it the table has all. An\n" +
			"existing file is replaced; in an existing SQLite database only the table is replaced." + exitCodes("3 when some trials have no result yet"),
		Example:           "  ablate export " + name + " --to " + name + ".parquet",
		Args:              argsBetween(0, 1),
		ValidArgsFunction: complete(s, of, 1),
		RunE:              does(s, &r, &r.Trials),
	}
	choiceFlag(c.Flags(), c, &r.Format, "format", "", "%s (default: by the file's extension, or csv)", tables.Formats...)
	c.Flags().StringVar(&r.To, "to", "", "the `file` to write; default standard output")
	targetFlag(c, s, &r.Targets)
	return c
}

// exportTableRequest asks for a table of trials.
type exportTableRequest struct {
	Of      instanceSort // what TRIALS selects
	Build   tableBuilder
	Trials  string // "" means all
	Format  string // "" means that of the file's extension
	To      string // "" means standard output
	Targets []string
}

func (r exportTableRequest) do(ctx context.Context, s *session) error {
	if r.Format == "" {
		r.Format = tables.FormatOf(r.To)
	}
	if r.Format == "sqlite" && r.To == "" {
		return errors.New("cannot write a SQLite database to standard output: name a file with --to")
	}
	w, plan, err := s.planned(ctx, r.Targets...)
	if err != nil {
		return err
	}
	rows, lacking, err := w.cachedTrials(plan, r.Of, r.Trials)
	if err != nil {
		return err
	}
	t, err := r.Build(ctx, w, rows)
	if err != nil {
		return err
	}
	if err := r.write(s.app.Stdout, t); err != nil {
		return err
	}
	if r.To != "" { // otherwise the rows are the output, alone
		s.show(view.Exported{File: r.To, Rows: new(len(t.Rows)), Noun: "row"})
	}
	return leftOut(s, lacking, len(rows))
}

// leftOut reports trials without a result.
func leftOut(s *session, lacking, written int) error {
	if lacking == 0 {
		return nil
	}
	s.view().Note("Left out %d of %s without a result. Run the study for the rest.", lacking, view.Count(lacking+written, "trial"))
	return exitError{ExitPartial}
}

// cachedTrials lists the trials that a text names, or all, with a result, and counts
// those without one.
func (w *workspace) cachedTrials(plan *planner.Plan, of instanceSort, typed string) (cached []*planner.Task, lacking int, err error) {
	all := typed == ""
	if all {
		typed = "*"
	}
	tasks, err := w.selectTasks(plan, of, typed)
	switch {
	case err != nil && all:
		return nil, 0, fmt.Errorf("the study has no %s", of.noun+"s")
	case err != nil:
		return nil, 0, err
	case len(tasks) == 0:
		return nil, 0, fmt.Errorf("no %s is among the targets: leave out --target, or select others", of.noun)
	}
	for _, t := range tasks {
		if t.Status == planner.Hit {
			cached = append(cached, t)
		} else {
			lacking++
		}
	}
	if len(cached) == 0 {
		return nil, 0, errNoResults
	}
	return cached, lacking, nil
}

// write writes a table to its file or to standard output.
func (r exportTableRequest) write(stdout io.Writer, t *tables.Table) error {
	if r.Format == "sqlite" {
		return tables.WriteSQLite(r.To, t)
	}
	if r.To == "" {
		return writeBuffered(stdout, t, r.Format)
	}
	f, err := os.Create(r.To)
	if err != nil {
		return err
	}
	return errors.Join(writeBuffered(f, t, r.Format), f.Close())
}

func writeBuffered(w io.Writer, t *tables.Table, format string) error {
	out := bufio.NewWriter(w)
	if err := tables.Write(out, t, format); err != nil {
		return err
	}
	return out.Flush()
}

// factorColumns lists the factors of all trials, in the order of first appearance.
func factorColumns(w *workspace, trials []*planner.Task) []string {
	var out []string
	for _, t := range trials {
		for _, f := range w.graph.Instance(t.Address).Factors {
			if !slices.Contains(out, f.Name) {
				out = append(out, f.Name)
			}
		}
	}
	return out
}

// metricsTable has one row per logged value.
func metricsTable(ctx context.Context, w *workspace, trials []*planner.Task) (*tables.Table, error) {
	factors := factorColumns(w, trials)
	out := &tables.Table{Name: "metrics", Columns: slices.Concat([]string{"trial"}, factors, []string{"step", "metric", "value"})}
	record.UniqueColumns(out.Columns, 1, 1+len(factors))
	out.Number = make([]bool, len(out.Columns))
	out.Number[len(factors)+1], out.Number[len(factors)+3] = true, true
	for _, t := range trials {
		rows, err := readMetrics(ctx, w.store, t)
		if err != nil {
			return nil, err
		}
		id := append([]any{t.Address.String()}, valuesOf(w.levels(t), factors)...)
		for _, m := range rows {
			out.Rows = append(out.Rows, append(slices.Clone(id), float64(m.Step), m.Name, m.Value))
		}
	}
	return out, nil
}

var errNoResults = errors.New("no trial has a result yet: run the study first")
