package analysis

import (
	"context"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
)

// Table is analysis "table": the trials themselves.
type Table struct {
	Trials   []addr.Instance `hcl:"trials" ref:"train,data" doc:"The trials: a train stage stands for all its trials. Or a table of finished runs, data \"results\"."`
	Response string          `hcl:"response,optional" doc:"The metric to show. Default: val_loss."`
	At       addr.Level      `hcl:"at,optional" doc:"Where the response is read: \"final\", \"best\" or a step."`
}

// Resolve fills derived defaults.
func (t *Table) Resolve() {
	if t.Response == "" {
		t.Response = "val_loss"
	}
}

// Validate implements pipeline.Stage.
func (t *Table) Validate() diag.List { return validateAt(t.At) }

// Describe implements pipeline.Stage.
func (t *Table) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describeTrials(in, tableSubject(), nil)
}

// Run implements pipeline.Stage.
func (t *Table) Run(_ context.Context, env *pipeline.Env) error {
	table, _, err := readTable(env, t.Response, t.At, "seed")
	if err != nil {
		return err
	}
	r := answer.Table{Version: 1, Response: t.Response, At: placeOf(t.At, table), Factors: table.Names()}
	labels := make([][]string, len(table.Columns))
	for i, c := range table.Columns {
		labels[i] = design.Labels(c.Levels)
	}
	for _, x := range table.Trials {
		row := answer.TableTrial{Step: x.Step}
		for i, l := range x.Levels {
			row.Levels = append(row.Levels, labels[i][l])
		}
		if !x.Diverged {
			row.Value = &x.Response
		}
		r.Trials = append(r.Trials, row)
	}
	return render.Write(env, r, render.Table(r))
}
