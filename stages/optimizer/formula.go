package optimizer

import (
	"context"
	"slices"

	"ablate/hcl/formula"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Formula is optimizer "formula": update rules that the study declares.
type Formula struct {
	LearningRate float64      `hcl:"learning_rate,optional" doc:"η of the rules, before the schedule's factor."`
	Let          *formula.Let `hcl:"let,block" key:"-" json:"-" doc:"Intermediates of all rules: names for parts of formulas. The names enter no key."`
	Rules        []Rule       `hcl:"rule,labelled" doc:"How parameters are updated. The label is what they are for: \"matrix\", \"embedding\", \"head\", \"vector\", \"scalar\", or \"rest\" for those without a rule."`
	AdamW        *AdamW       `hcl:"adamw,block" doc:"The rule for parameters that no other covers."`
}

// Rule is the update of a group of parameters.
type Rule struct {
	On     string          `hcl:"on,label" doc:"What the parameters are for."`
	Let    *formula.Let    `hcl:"let,block" key:"-" json:"-" doc:"Intermediates: names for parts of formulas. The names enter no key."`
	States []RuleState     `hcl:"state,named" doc:"A tensor that is kept for each parameter and starts at zero. Its label is its name in the formulas, and next.name is its new value."`
	Value  formula.Formula `hcl:"value" doc:"The new value, a formula of value, gradient, learning_rate, step (which counts from 1), rows, columns and states."`
}

// RuleState is a tensor that a rule keeps.
type RuleState struct {
	Name  string          `hcl:"name,label" doc:"Its name."`
	Shape string          `hcl:"shape,optional" doc:"\"same\" as the parameter; of a matrix also \"rows\" or \"columns\", a number for each, and \"left\" or \"right\", a square matrix of the rows or of the columns."`
	Next  formula.Formula `hcl:"next" doc:"Its new value."`
}

// SetDefaults fills a state block.
func (s *RuleState) SetDefaults() { s.Shape = same }

func newFormula() *Formula { return &Formula{LearningRate: 1e-3, AdamW: newAdamW()} }

// The shapes of states.
const (
	same        = "same"
	perRow      = "rows"
	perColumn   = "columns"
	squareLeft  = "left"
	squareRight = "right"
)

// rest is the rule of parameters that no other rule covers.
const rest = "rest"

// FormulaNames implements spec.FormulaNamer.
func (f *Formula) FormulaNames() []string {
	return []string{"value", "gradient", "learning_rate", "step", "rows", "columns"}
}

// rule returns the rule of a role, nil where AdamW's is.
func (f *Formula) rule(role ml.Role) *Rule {
	for _, name := range []string{string(role), rest} {
		if i := slices.IndexFunc(f.Rules, func(r Rule) bool { return r.On == name }); i >= 0 {
			return &f.Rules[i]
		}
	}
	return nil
}

// State implements Optimizer.
func (f *Formula) State(p ml.Param) []string {
	r := f.rule(p.Role)
	if r == nil {
		return f.AdamW.State(p)
	}
	var out []string
	for _, s := range r.States {
		out = append(out, s.Name)
	}
	return out
}

// StateShape implements shaped.
func (f *Formula) StateShape(p ml.Param, state string) []int {
	r := f.rule(p.Role)
	if r == nil || len(p.Shape) < 2 {
		return p.Shape
	}
	i := slices.IndexFunc(r.States, func(s RuleState) bool { return s.Name == state })
	parts := r.parts(p)
	rows, columns := p.Shape[0], p.Shape[1]
	switch r.States[i].Shape {
	case perRow:
		return []int{rows, 1}
	case perColumn:
		return []int{parts, columns}
	case squareLeft:
		return []int{rows, rows / parts}
	case squareRight:
		return []int{parts * columns, columns}
	}
	return p.Shape
}

// parts is how many matrices a parameter is, for the rule: a fused one is taken apart
// where a formula looks at whole matrices. Orthogonalization takes it apart by itself.
func (r *Rule) parts(p ml.Param) int {
	for _, f := range r.formulas() {
		for _, function := range []string{"norm_all", "matmul", "transpose", "mean_rows"} {
			if f.Calls(function) {
				return max(p.Parts, 1)
			}
		}
	}
	return 1
}

func (r *Rule) formulas() []formula.Formula {
	out := []formula.Formula{r.Value}
	for _, s := range r.States {
		out = append(out, s.Next)
	}
	return out
}

// orthogonalizes reports whether the rule calls a function that needs the memory of
// Newton-Schulz iterations.
func (r *Rule) orthogonalizes() bool {
	return slices.ContainsFunc(r.formulas(), func(f formula.Formula) bool { return f.Calls("newton_schulz") || f.Calls("polar_express") })
}

// Scratch implements Working.
func (f *Formula) Scratch(params []ml.Param) int64 {
	if r := f.rule(ml.RoleMatrix); r == nil || !r.orthogonalizes() {
		return 0
	}
	return matrixwise{schulz: newtonSchulz{}, splitQKV: true, rest: f.AdamW}.scratch(params)
}

// Describe implements pipeline.Stage.
func (f *Formula) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(f, in, "formula")
}

// Run implements pipeline.Stage.
func (f *Formula) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(f) }
