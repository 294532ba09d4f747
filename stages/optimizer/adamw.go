package optimizer

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// AdamW is optimizer "adamw" (arXiv 1711.05101): decay is decoupled and scaled
// by the learning rate, p ← p (1 − η λ).
type AdamW struct {
	LearningRate float64 `hcl:"learning_rate,optional" doc:"η, before the schedule's factor."`
	Beta1        float64 `hcl:"beta1,optional" doc:"Decay of the average of gradients."`
	Beta2        float64 `hcl:"beta2,optional" doc:"Decay of the average of squared gradients."`
	Eps          float64 `hcl:"eps,optional" doc:"ε, added to the root of the second average."`
	WeightDecay  float64 `hcl:"weight_decay,optional" doc:"λ; only parameters of two or more dimensions decay."`
}

func newAdamW() *AdamW {
	return &AdamW{LearningRate: 3e-4, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
}

// State implements Optimizer.
func (a *AdamW) State(ml.Param) []string { return []string{"m1", "m2"} }

// Update implements Optimizer.
func (a *AdamW) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	m1 := Add(MulScalar(state[0], a.Beta1), MulScalar(grad, 1-a.Beta1))
	m2 := Add(MulScalar(state[1], a.Beta2), MulScalar(Mul(grad, grad), 1-a.Beta2))
	rate := at.rate(a.LearningRate)
	if len(p.Shape) >= 2 && a.WeightDecay != 0 {
		value = Mul(value, single(OneMinus(MulScalar(rate, a.WeightDecay))))
	}
	// η (m1/c1) / (√(m2/c2) + ε) with the scalars gathered.
	size := single(Div(rate, at.correction(a.Beta1)))
	root := Sqrt(Mul(m2, single(Reciprocal(at.correction(a.Beta2)))))
	return Sub(value, Div(Mul(m1, size), AddScalar(root, a.Eps))), []*Node{m1, m2}
}

// Validate implements pipeline.Stage.
func (a *AdamW) Validate() diag.List {
	var c checks
	c.that(a.LearningRate > 0, "learning_rate", "above 0", a.LearningRate)
	c.that(a.Beta1 >= 0 && a.Beta1 < 1, "beta1", "at least 0 and below 1", a.Beta1)
	c.that(a.Beta2 >= 0 && a.Beta2 < 1, "beta2", "at least 0 and below 1", a.Beta2)
	c.that(a.Eps > 0, "eps", "above 0", a.Eps)
	c.that(a.WeightDecay >= 0, "weight_decay", "at least 0", a.WeightDecay)
	return c.list
}

// Describe implements pipeline.Stage.
func (a *AdamW) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(a, in, "adamw")
}

// Run implements pipeline.Stage.
func (a *AdamW) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(a) }
