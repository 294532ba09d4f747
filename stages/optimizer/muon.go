package optimizer

import (
	"context"
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Muon is optimizer "muon" after K. Jordan's muon.py: the momentum of each
// hidden matrix is replaced by an approximately orthogonal one.
type Muon struct {
	LearningRate float64 `hcl:"learning_rate,optional" doc:"η of the hidden matrices, before the schedule's factor."`
	Momentum     float64 `hcl:"momentum,optional" doc:"μ of the average m ← μ m + (1 − μ) g."`
	Nesterov     bool    `hcl:"nesterov,optional" doc:"Whether to look ahead: (1 − μ) g + μ m."`
	Iterations   int     `hcl:"iterations,optional" doc:"Newton-Schulz iterations."`
	Scale        string  `hcl:"scale,optional" doc:"Factor of the update by the matrix's shape [out, in]: \"jordan\" √max(1, out/in), \"moonlight\" 0.2 √max(out, in), \"none\" 1."`
	WeightDecay  float64 `hcl:"weight_decay,optional" doc:"λ of the hidden matrices."`
	AdamW        *AdamW  `hcl:"adamw,block" doc:"The rule for embeddings, output projection, vectors and scalars."`
}

// The quintic's coefficients: they send every singular value in [0.003, 1] to
// between 0.68 and 1.14 in five iterations.
const nsA, nsB, nsC = 3.4445, -4.7750, 2.0315

// State implements Optimizer.
func (m *Muon) State(p ml.Param) []string {
	if p.Role == ml.RoleMatrix {
		return []string{"momentum"}
	}
	return m.AdamW.State(p)
}

// Update implements Optimizer.
func (m *Muon) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	if p.Role != ml.RoleMatrix {
		return m.AdamW.Update(p, value, grad, state, at)
	}
	mean := Add(MulScalar(state[0], m.Momentum), MulScalar(grad, 1-m.Momentum))
	direction := mean
	if m.Nesterov {
		direction = Add(MulScalar(grad, 1-m.Momentum), MulScalar(mean, m.Momentum))
	}
	rate := at.rate(m.LearningRate)
	if m.WeightDecay != 0 {
		value = Mul(value, single(OneMinus(MulScalar(rate, m.WeightDecay))))
	}
	size := single(MulScalar(rate, m.factor(p.Shape[0], p.Shape[1])))
	return Sub(value, Mul(NewtonSchulz(direction, m.Iterations), size)), []*Node{mean}
}

// factor scales an update by the shape of its matrix.
func (m *Muon) factor(out, in int) float64 {
	switch m.Scale {
	case "jordan":
		return math.Sqrt(math.Max(1, float64(out)/float64(in)))
	case "moonlight":
		return 0.2 * math.Sqrt(float64(max(out, in)))
	}
	return 1
}

// NewtonSchulz brings the singular values of a matrix [r, c], float32, near 1
// and keeps its singular vectors: X ← a X + (b A + c A²) X with A = X Xᵀ, from
// X = G / (‖G‖ + 1e-7), on the transpose when r > c.
func NewtonSchulz(g *Node, iterations int) *Node {
	rows, cols := g.Shape().Dimensions[0], g.Shape().Dimensions[1]
	x := g
	if rows > cols {
		x = Transpose(x, 0, 1)
	}
	x = Div(x, AddScalar(Sqrt(ReduceAllSum(Mul(x, x))), 1e-7))
	for range iterations {
		a := DotGeneral(x, []int{1}, nil, x, []int{1}, nil)
		b := Add(MulScalar(a, nsB), MulScalar(DotGeneral(a, []int{1}, nil, a, []int{0}, nil), nsC))
		x = Add(MulScalar(x, nsA), DotGeneral(b, []int{1}, nil, x, []int{0}, nil))
	}
	if rows > cols {
		x = Transpose(x, 0, 1)
	}
	return x
}

// Validate implements pipeline.Stage.
func (m *Muon) Validate() diag.List {
	var c checks
	c.that(m.LearningRate > 0, "learning_rate", "above 0", m.LearningRate)
	c.that(m.Momentum >= 0 && m.Momentum < 1, "momentum", "at least 0 and below 1", m.Momentum)
	c.that(m.Iterations >= 1, "iterations", "at least 1", m.Iterations)
	c.that(m.WeightDecay >= 0, "weight_decay", "at least 0", m.WeightDecay)
	known := m.Scale == "jordan" || m.Scale == "moonlight" || m.Scale == "none"
	c.that(known, "scale", `"jordan", "moonlight" or "none"`, m.Scale)
	for _, d := range m.AdamW.Validate() {
		d.Path = append(diag.Path{"adamw"}, d.Path...)
		c.list = append(c.list, d)
	}
	return c.list
}

// Describe implements pipeline.Stage.
func (m *Muon) Describe(in pipeline.Inputs) (pipeline.Recipe, error) { return describe(m, in, "muon") }

// Run implements pipeline.Stage.
func (m *Muon) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(m) }
