package optimizer

import (
	"context"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// AdEMAMix is optimizer "ademamix" (arXiv 2409.03137): Adam with a second, slow
// average of gradients m₂, which is not corrected for its start at zero:
// p ← p (1 − η λ) − η (m₁/(1 − β₁ᵗ) + α m₂) / (√(v/(1 − β₂ᵗ)) + ε). Over the
// warmup, α grows linearly from 0, and β₃ from β₁ so that the half-life of m₂
// grows linearly. Formulas and defaults are those of the authors' code
// (github.com/apple/ml-ademamix); the paper has α = 8 for most language models.
type AdEMAMix struct {
	LearningRate float64 `hcl:"learning_rate,optional" doc:"η, before the schedule's factor."`
	Beta1        float64 `hcl:"beta1,optional" doc:"Decay of the fast average of gradients."`
	Beta2        float64 `hcl:"beta2,optional" doc:"Decay of the average of squared gradients."`
	Beta3        float64 `hcl:"beta3,optional" doc:"Decay of the slow average of gradients, after the warmup."`
	Alpha        float64 `hcl:"alpha,optional" doc:"α, the weight of the slow average, after the warmup."`
	Warmup       int     `hcl:"warmup,optional" doc:"Steps over which α and β₃ grow; 0 for none. The paper takes all steps of the run."`
	Eps          float64 `hcl:"eps,optional" doc:"ε, added to the root of the average of squares."`
	WeightDecay  float64 `hcl:"weight_decay,optional" doc:"λ; only parameters of two or more dimensions decay."`
}

func newAdEMAMix() *AdEMAMix {
	return &AdEMAMix{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Beta3: 0.9999, Alpha: 2, Eps: 1e-8}
}

// State implements Optimizer.
func (a *AdEMAMix) State(ml.Param) []string { return []string{"fast", "slow", "square"} }

// Update implements Optimizer.
func (a *AdEMAMix) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	alpha, beta3 := a.mixture(at)
	fast := Add(MulScalar(state[0], a.Beta1), MulScalar(grad, 1-a.Beta1))
	slow := Add(Mul(state[1], single(beta3)), Mul(grad, single(OneMinus(beta3))))
	square := Add(MulScalar(state[2], a.Beta2), MulScalar(Mul(grad, grad), 1-a.Beta2))
	rate := at.rate(p, a.LearningRate)
	mixed := Add(Mul(fast, single(Div(rate, at.correction(a.Beta1)))), Mul(slow, single(Mul(rate, alpha))))
	root := AddScalar(Sqrt(Mul(square, single(Reciprocal(at.correction(a.Beta2))))), a.Eps)
	return Sub(decayed(p, value, rate, a.WeightDecay), Div(mixed, root)), []*Node{fast, slow, square}
}

// mixture is α and β₃ at a step, float64 scalars. In the warmup 1/ln β₃, which the
// half-life is a multiple of, moves from that of β₁ to that of β₃.
func (a *AdEMAMix) mixture(at Clock) (alpha, beta3 *Node) {
	g := at.Step.Graph()
	if a.Warmup == 0 {
		return Scalar(g, dtypes.Float64, a.Alpha), Scalar(g, dtypes.Float64, a.Beta3)
	}
	t := AddScalar(ConvertDType(at.Step, dtypes.Float64), 1)
	grown := Min(ScalarOne(g, dtypes.Float64), DivScalar(t, float64(a.Warmup)))
	life := Add(MulScalar(OneMinus(grown), 1/math.Log(a.Beta1)), MulScalar(grown, 1/math.Log(a.Beta3)))
	return MulScalar(grown, a.Alpha), Exp(Reciprocal(life))
}

// Validate implements pipeline.Stage.
func (a *AdEMAMix) Validate() diag.List {
	var c checks
	c.that(a.LearningRate > 0, "learning_rate", "above 0", a.LearningRate)
	c.that(a.Beta1 > 0 && a.Beta1 < 1, "beta1", "above 0 and below 1", a.Beta1)
	c.that(a.Beta2 >= 0 && a.Beta2 < 1, "beta2", "at least 0 and below 1", a.Beta2)
	c.that(a.Beta3 >= a.Beta1 && a.Beta3 < 1, "beta3", "at least beta1 and below 1", a.Beta3)
	c.that(a.Alpha >= 0, "alpha", "at least 0", a.Alpha)
	c.that(a.Warmup >= 0, "warmup", "at least 0", a.Warmup)
	c.that(a.Eps > 0, "eps", "above 0", a.Eps)
	c.that(a.WeightDecay >= 0, "weight_decay", "at least 0", a.WeightDecay)
	return c.list
}

// Describe implements pipeline.Stage.
func (a *AdEMAMix) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(a, in, "ademamix")
}

// Run implements pipeline.Stage.
func (a *AdEMAMix) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(a) }
