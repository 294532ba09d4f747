package optimizer

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// SGD is optimizer "sgd": m ← μ m + g, then p ← p (1 − η λ) − η m, or
// − η (g + μ m) with Nesterov. Decay is decoupled, unlike in torch.optim.SGD.
type SGD struct {
	LearningRate float64 `hcl:"learning_rate,optional" doc:"η, before the schedule's factor."`
	Momentum     float64 `hcl:"momentum,optional" doc:"μ of the heavy ball; 0 for none."`
	Nesterov     bool    `hcl:"nesterov,optional" doc:"Whether to look ahead."`
	WeightDecay  float64 `hcl:"weight_decay,optional" doc:"λ; only parameters of two or more dimensions decay."`
}

// State implements Optimizer.
func (s *SGD) State(ml.Param) []string { return []string{"momentum"} }

// Update implements Optimizer.
func (s *SGD) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	u, next := momentum{s.Momentum, true, s.Nesterov}.apply(grad, state[0])
	rate := at.rate(p, s.LearningRate)
	return Sub(decayed(p, value, rate, s.WeightDecay), Mul(u, single(rate))), []*Node{next}
}

// Validate implements pipeline.Stage.
func (s *SGD) Validate() diag.List {
	var c checks
	c.that(s.LearningRate > 0, "learning_rate", "above 0", s.LearningRate)
	c.that(s.Momentum >= 0 && s.Momentum < 1, "momentum", "at least 0 and below 1", s.Momentum)
	c.that(s.WeightDecay >= 0, "weight_decay", "at least 0", s.WeightDecay)
	return c.list
}

// Describe implements pipeline.Stage.
func (s *SGD) Describe(in pipeline.Inputs) (pipeline.Recipe, error) { return describe(s, in, "sgd") }

// Run implements pipeline.Stage.
func (s *SGD) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(s) }
