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
	LearningRate  float64 `hcl:"learning_rate,optional" doc:"η, before the schedule's factor."`
	Beta1         float64 `hcl:"beta1,optional" doc:"Decay of the average of gradients."`
	Beta2         float64 `hcl:"beta2,optional" doc:"Decay of the average of squared gradients."`
	Eps           float64 `hcl:"eps,optional" doc:"ε, added to the root of the second average."`
	WeightDecay   float64 `hcl:"weight_decay,optional" doc:"λ; only parameters of two or more dimensions decay."`
	LearningRates *Rates  `hcl:"learning_rates,block" doc:"η of groups of parameters that have one of their own."`
}

// Rates are learning rates by what a parameter is for; 0 stands for the
// optimizer's.
type Rates struct {
	Matrix    float64 `hcl:"matrix,optional" doc:"Hidden matrices."`
	Embedding float64 `hcl:"embedding,optional" doc:"The embedding, tied or not."`
	Head      float64 `hcl:"head,optional" doc:"An output projection of its own."`
	Vector    float64 `hcl:"vector,optional" doc:"Gains and biases."`
	Scalar    float64 `hcl:"scalar,optional" doc:"α, shifts and multipliers."`
}

// of returns the rate of a role, or the base.
func (r *Rates) of(role ml.Role, base float64) float64 {
	if r == nil {
		return base
	}
	own := map[ml.Role]float64{ml.RoleMatrix: r.Matrix, ml.RoleEmbedding: r.Embedding,
		ml.RoleHead: r.Head, ml.RoleVector: r.Vector, ml.RoleScalar: r.Scalar}[role]
	if own == 0 {
		return base
	}
	return own
}

// RatedRoles lists the roles that have a learning rate of their own: those whose
// parameters AdamW updates, and others, for which the rate has no effect.
func RatedRoles(o Optimizer) (rated, others []ml.Role) {
	a, updates := restOf(o)
	if a == nil {
		return nil, nil
	}
	for _, role := range []ml.Role{ml.RoleMatrix, ml.RoleEmbedding, ml.RoleHead, ml.RoleVector, ml.RoleScalar} {
		switch {
		case a.LearningRates.of(role, 0) == 0:
		case updates(role):
			rated = append(rated, role)
		default:
			others = append(others, role)
		}
	}
	return rated, others
}

// restOf returns the AdamW of an optimizer, nil if it has none, and which roles' parameters
// it updates.
func restOf(o Optimizer) (a *AdamW, updates func(ml.Role) bool) {
	notMatrix := func(r ml.Role) bool { return r != ml.RoleMatrix }
	switch o := o.(type) {
	case *AdamW:
		return o, func(ml.Role) bool { return true }
	case *Muon:
		return o.AdamW, notMatrix
	case *NorMuon:
		return o.AdamW, notMatrix
	case *Shampoo:
		return o.AdamW, notMatrix
	case *Hyperball:
		return o.AdamW, notMatrix
	case *Formula:
		return o.AdamW, func(r ml.Role) bool { return o.rule(r) == nil }
	}
	return nil, nil
}

func newAdamW() *AdamW {
	return &AdamW{LearningRate: 3e-4, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
}

// State implements Optimizer.
func (a *AdamW) State(ml.Param) []string { return []string{"m1", "m2"} }

// Update implements Optimizer.
func (a *AdamW) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	m1, m2 := a.averages(grad, state)
	rate := at.rate(p, a.LearningRates.of(p.Role, a.LearningRate))
	value = decayed(p, value, rate, a.WeightDecay)
	// η (m1/c1) / (√(m2/c2) + ε) with the scalars gathered.
	size := single(Div(rate, at.correction(a.Beta1)))
	return Sub(value, Div(Mul(m1, size), a.root(m2, at))), []*Node{m1, m2}
}

// direction is Adam's step at a learning rate of 1.
func (a *AdamW) direction(grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	m1, m2 := a.averages(grad, state)
	return Div(Mul(m1, single(Reciprocal(at.correction(a.Beta1)))), a.root(m2, at)), []*Node{m1, m2}
}

func (a *AdamW) averages(grad *Node, state []*Node) (m1, m2 *Node) {
	m1 = Add(MulScalar(state[0], a.Beta1), MulScalar(grad, 1-a.Beta1))
	m2 = Add(MulScalar(state[1], a.Beta2), MulScalar(Mul(grad, grad), 1-a.Beta2))
	return m1, m2
}

// root is √(m2/c2) + ε.
func (a *AdamW) root(m2 *Node, at Clock) *Node {
	return AddScalar(Sqrt(Mul(m2, single(Reciprocal(at.correction(a.Beta2))))), a.Eps)
}

// Validate implements pipeline.Stage.
func (a *AdamW) Validate() diag.List {
	var c checks
	c.that(a.LearningRate > 0, "learning_rate", "above 0", a.LearningRate)
	c.that(a.Beta1 >= 0 && a.Beta1 < 1, "beta1", "at least 0 and below 1", a.Beta1)
	c.that(a.Beta2 >= 0 && a.Beta2 < 1, "beta2", "at least 0 and below 1", a.Beta2)
	c.that(a.Eps > 0, "eps", "above 0", a.Eps)
	c.that(a.WeightDecay >= 0, "weight_decay", "at least 0", a.WeightDecay)
	if r := a.LearningRates; r != nil {
		var own checks
		own.that(r.Matrix >= 0, "matrix", "above 0, or 0 for the optimizer's", r.Matrix)
		own.that(r.Embedding >= 0, "embedding", "above 0, or 0 for the optimizer's", r.Embedding)
		own.that(r.Head >= 0, "head", "above 0, or 0 for the optimizer's", r.Head)
		own.that(r.Vector >= 0, "vector", "above 0, or 0 for the optimizer's", r.Vector)
		own.that(r.Scalar >= 0, "scalar", "above 0, or 0 for the optimizer's", r.Scalar)
		c.within("learning_rates", own.list)
	}
	return c.list
}

// Describe implements pipeline.Stage.
func (a *AdamW) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(a, in, "adamw")
}

// Run implements pipeline.Stage.
func (a *AdamW) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(a) }
