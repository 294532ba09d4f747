package optimizer

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Lion is optimizer "lion" (arXiv 2302.06675): p ← p (1 − η λ) − η sign(β₁ m +
// (1 − β₁) g), then m ← β₂ m + (1 − β₂) g.
type Lion struct {
	LearningRate float64 `hcl:"learning_rate,optional" doc:"η, before the schedule's factor."`
	Beta1        float64 `hcl:"beta1,optional" doc:"Share of the average in the update."`
	Beta2        float64 `hcl:"beta2,optional" doc:"Decay of the average of gradients."`
	WeightDecay  float64 `hcl:"weight_decay,optional" doc:"λ; only parameters of two or more dimensions decay."`
}

// State implements Optimizer.
func (l *Lion) State(ml.Param) []string { return []string{"momentum"} }

// Update implements Optimizer.
func (l *Lion) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	u := Sign(Add(MulScalar(state[0], l.Beta1), MulScalar(grad, 1-l.Beta1)))
	rate := at.rate(p, l.LearningRate)
	next := Add(MulScalar(state[0], l.Beta2), MulScalar(grad, 1-l.Beta2))
	return Sub(decayed(p, value, rate, l.WeightDecay), Mul(u, single(rate))), []*Node{next}
}

// Validate implements pipeline.Stage.
func (l *Lion) Validate() diag.List {
	var c checks
	c.that(l.LearningRate > 0, "learning_rate", "above 0", l.LearningRate)
	c.that(l.Beta1 >= 0 && l.Beta1 < 1, "beta1", "at least 0 and below 1", l.Beta1)
	c.that(l.Beta2 >= 0 && l.Beta2 < 1, "beta2", "at least 0 and below 1", l.Beta2)
	c.that(l.WeightDecay >= 0, "weight_decay", "at least 0", l.WeightDecay)
	return c.list
}

// Describe implements pipeline.Stage.
func (l *Lion) Describe(in pipeline.Inputs) (pipeline.Recipe, error) { return describe(l, in, "lion") }

// Run implements pipeline.Stage.
func (l *Lion) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(l) }
