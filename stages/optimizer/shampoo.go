package optimizer

import (
	"context"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Shampoo is optimizer "shampoo" (arXiv 1802.09568): a hidden matrix moves along
// L^(−1/4) M R^(−1/4), where L averages G Gᵀ and R averages Gᵀ G over the gradients
// G, and M averages G. Averages are corrected for their start at zero. As in the
// scalable form (arXiv 2002.09018, github.com/google-research/google-research,
// scalable_shampoo, whose β₁, β₂ and ε are the defaults), L and R are averages
// with decay β₂ or, with β₂ = 1, sums, and ε is relative to their size. They are
// not divided into blocks, the roots are taken in each step, and no other rule is
// grafted on the size of the step.
type Shampoo struct {
	LearningRate float64 `hcl:"learning_rate,optional" doc:"η of the hidden matrices, before the schedule's factor."`
	Beta1        float64 `hcl:"beta1,optional" doc:"Decay of the average of gradients."`
	Beta2        float64 `hcl:"beta2,optional" doc:"Decay of L and R; 1 sums instead."`
	Eps          float64 `hcl:"eps,optional" doc:"ε: L + ε ‖L‖ stands for L, and so for R."`
	Iterations   int     `hcl:"iterations,optional" doc:"Newton-Schulz iterations of each of the two square roots that a fourth root is made of. A smaller ε needs more."`
	Scale        string  `hcl:"scale,optional" doc:"Factor of the update by the matrix's shape: \"none\", or as in optimizer \"muon\" \"jordan\", \"moonlight\", \"max\"."`
	SplitQKV     bool    `hcl:"split_qkv,optional" doc:"Whether the query, key and value parts of a fused matrix have an L and an R each."`
	WeightDecay  float64 `hcl:"weight_decay,optional" doc:"λ of the hidden matrices."`
	AdamW        *AdamW  `hcl:"adamw,block" doc:"The rule for embeddings, output projection, vectors and scalars."`
}

func newShampoo() *Shampoo {
	return &Shampoo{LearningRate: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, Iterations: 25, Scale: "none", SplitQKV: true, AdamW: newAdamW()}
}

// State implements Optimizer.
func (s *Shampoo) State(p ml.Param) []string {
	if p.Role == ml.RoleMatrix {
		return []string{"momentum", "left", "right"}
	}
	return s.AdamW.State(p)
}

// StateShape implements shaped: those of the parts are stacked.
func (s *Shampoo) StateShape(p ml.Param, state string) []int {
	parts := s.parts(p)
	switch state {
	case "left":
		return []int{p.Shape[0], p.Shape[0] / parts}
	case "right":
		return []int{p.Shape[1] * parts, p.Shape[1]}
	}
	return p.Shape
}

func (s *Shampoo) parts(p ml.Param) int { return matrixwise{splitQKV: s.SplitQKV}.parts(p) }

// Update implements Optimizer.
func (s *Shampoo) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	if p.Role != ml.RoleMatrix {
		return s.AdamW.Update(p, value, grad, state, at)
	}
	average := Add(MulScalar(state[0], s.Beta1), MulScalar(grad, 1-s.Beta1))
	parts := s.parts(p)
	grads, directions := split(grad, parts), split(average, parts)
	left, right := split(state[1], parts), split(state[2], parts)
	for i, g := range grads {
		left[i] = s.gathered(left[i], DotGeneral(g, []int{1}, nil, g, []int{1}, nil))
		right[i] = s.gathered(right[i], DotGeneral(g, []int{0}, nil, g, []int{0}, nil))
		directions[i] = DotProduct(DotProduct(s.root(left[i]), directions[i]), s.root(right[i]))
	}
	rate := at.rate(p, s.LearningRate)
	size := MulScalar(Div(rate, at.correction(s.Beta1)), shapeFactor(s.Scale, p.Shape[0]/parts, p.Shape[1]))
	if s.Beta2 < 1 { // two fourth roots of what L and R lack
		size = Mul(size, Sqrt(at.correction(s.Beta2)))
	}
	value = Sub(decayed(p, value, rate, s.WeightDecay), Mul(joined(directions), single(size)))
	return value, []*Node{average, joined(left), joined(right)}
}

// gathered is L or R with one more gradient's.
func (s *Shampoo) gathered(old, fresh *Node) *Node {
	if s.Beta2 == 1 {
		return Add(old, fresh)
	}
	return Add(MulScalar(old, s.Beta2), MulScalar(fresh, 1-s.Beta2))
}

func (s *Shampoo) root(a *Node) *Node { return inverseFourthRoot(a, s.Eps, s.Iterations) }

// Scratch implements Working: of the largest L or R, what two iterations hold of Y,
// Z and their factor, and the roots of both sides.
func (s *Shampoo) Scratch(params []ml.Param) int64 {
	var most int64
	for _, p := range params {
		if p.Role != ml.RoleMatrix {
			continue
		}
		rows, cols := int64(p.Shape[0]/s.parts(p)), int64(p.Shape[1])
		long := max(rows, cols)
		most = max(most, 4*(6*long*long+rows*rows+cols*cols))
	}
	return most
}

// Validate implements pipeline.Stage.
func (s *Shampoo) Validate() diag.List {
	var c checks
	c.that(s.LearningRate > 0, "learning_rate", "above 0", s.LearningRate)
	c.that(s.Beta1 >= 0 && s.Beta1 < 1, "beta1", "at least 0 and below 1", s.Beta1)
	c.that(s.Beta2 >= 0 && s.Beta2 <= 1, "beta2", "at least 0 and at most 1", s.Beta2)
	c.that(s.Eps >= 1e-7 && s.Eps < 1, "eps", "at least 1e-7 and below 1", s.Eps)
	c.that(s.Iterations >= 1 && s.Iterations <= mostIterations, "iterations", fmt.Sprintf("between 1 and %d", mostIterations), s.Iterations)
	c.among(s.Scale, "scale", "none", "jordan", "moonlight", "max")
	c.that(s.WeightDecay >= 0, "weight_decay", "at least 0", s.WeightDecay)
	c.within("adamw", s.AdamW.Validate())
	return c.list
}

// Describe implements pipeline.Stage.
func (s *Shampoo) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(s, in, "shampoo")
}

// Run implements pipeline.Stage.
func (s *Shampoo) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(s) }
