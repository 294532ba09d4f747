package optimizer

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Signum is optimizer "signum" (arXiv 1802.04434): m ← μ m + (1 − μ) g, then
// p ← p (1 − η λ) − η sign(m).
type Signum struct {
	LearningRate float64 `hcl:"learning_rate,optional" doc:"η, before the schedule's factor."`
	Momentum     float64 `hcl:"momentum,optional" doc:"μ; 0 gives signSGD."`
	WeightDecay  float64 `hcl:"weight_decay,optional" doc:"λ; only parameters of two or more dimensions decay."`
}

// State implements Optimizer.
func (s *Signum) State(ml.Param) []string { return []string{"momentum"} }

// Update implements Optimizer.
func (s *Signum) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	u, next := momentum{decay: s.Momentum}.apply(grad, state[0])
	rate := at.rate(p, s.LearningRate)
	return Sub(decayed(p, value, rate, s.WeightDecay), Mul(Sign(u), single(rate))), []*Node{next}
}

// Validate implements pipeline.Stage.
func (s *Signum) Validate() diag.List {
	var c checks
	c.that(s.LearningRate > 0, "learning_rate", "above 0", s.LearningRate)
	c.that(s.Momentum >= 0 && s.Momentum < 1, "momentum", "at least 0 and below 1", s.Momentum)
	c.that(s.WeightDecay >= 0, "weight_decay", "at least 0", s.WeightDecay)
	return c.list
}

// Describe implements pipeline.Stage.
func (s *Signum) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(s, in, "signum")
}

// Run implements pipeline.Stage.
func (s *Signum) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(s) }
