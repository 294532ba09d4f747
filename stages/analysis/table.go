package analysis

import (
	"context"
	"strconv"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Table is analysis "table": the trials themselves.
type Table struct {
	Trials   []addr.Instance `hcl:"trials" ref:"train,data" doc:"The trials: a train stage stands for all of its. Or a table of finished runs, data \"results\"."`
	Response string          `hcl:"response,optional" doc:"The metric that is shown. Default: val_loss."`
	At       addr.Level      `hcl:"at,optional" doc:"Where it is read: \"final\", \"best\" or a step."`
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
	return describeTrials(in)
}

// Run implements pipeline.Stage.
func (t *Table) Run(_ context.Context, env *pipeline.Env) error {
	table, err := readTrials(env, t.Response, t.At)
	if err != nil {
		return err
	}
	r := &tableResult{Version: 1, Response: t.Response, At: t.At.Text, Factors: table.factors}
	for _, x := range table.trials {
		r.Trials = append(r.Trials, newTableTrial(x))
	}
	return write(env, r)
}

// tableResult is the trial table in full precision.
type tableResult struct {
	Version  int          `json:"version"`
	Response string       `json:"response"`
	At       string       `json:"at"`
	Factors  []string     `json:"factors"`
	Trials   []tableTrial `json:"trials"`
}

type tableTrial struct {
	Levels []string `json:"levels"`
	Step   int      `json:"step"`
	Value  *float64 `json:"value"` // none when the trial diverged at that step
}

func newTableTrial(x trial) tableTrial {
	t := tableTrial{Levels: x.levels, Step: x.step}
	if !x.diverged {
		t.Value = &x.response
	}
	return t
}

// show prints the response in a form of numbers, or that there is none.
func (t tableTrial) show(number func(float64) string) string {
	if t.Value == nil {
		return "diverged"
	}
	return number(*t.Value)
}

func (r *tableResult) grid() *grid {
	g := &grid{}
	for range r.Factors {
		g.right = append(g.right, false)
	}
	g.right = append(g.right, true, true)
	g.add(append(append([]string{}, r.Factors...), "step", r.Response)...)
	for _, t := range r.Trials {
		g.add(append(append([]string{}, t.Levels...), strconv.Itoa(t.Step), t.show(decimals))...)
	}
	return g
}

func (r *tableResult) sections() []section {
	return []section{{title: "Trials", grid: r.grid()}}
}

func (r *tableResult) csv() (string, error) {
	rows := [][]string{append(append([]string{}, r.Factors...), "step", r.Response)}
	for _, t := range r.Trials {
		rows = append(rows, append(append([]string{}, t.Levels...), strconv.Itoa(t.Step),
			t.show(func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) })))
	}
	return csvOf(rows)
}
