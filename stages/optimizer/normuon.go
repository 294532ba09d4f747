package optimizer

import (
	"context"
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// NorMuon is optimizer "normuon" (arXiv 2510.05491): Muon whose orthogonalized
// direction O is divided row by row, v ← β₂ v + (1 − β₂) mean(O²) over a row, then
// Ô = O / (√v + ε). The defaults are those of the authors' code
// (github.com/zichongli5/NorMuon), where Ô gets O's norm back and Muon's factor
// by shape; algorithm 1 of the paper has no Nesterov momentum, and scale "rms".
type NorMuon struct {
	LearningRate float64 `hcl:"learning_rate,optional" doc:"η of the hidden matrices, before the schedule's factor."`
	Momentum     float64 `hcl:"momentum,optional" doc:"β₁ of the average of gradients."`
	Beta2        float64 `hcl:"beta2,optional" doc:"β₂ of the mean square of each row of the orthogonalized direction."`
	Eps          float64 `hcl:"eps,optional" doc:"ε, added to the root of v."`
	Nesterov     bool    `hcl:"nesterov,optional" doc:"Whether to look ahead: (1 − β₁) g + β₁ m."`
	Iterations   int     `hcl:"iterations,optional" doc:"Newton-Schulz iterations."`
	Coefficients string  `hcl:"coefficients,optional" doc:"Of the iterations: \"quintic\" or \"polar-express\", as in optimizer \"muon\"."`
	Scale        string  `hcl:"scale,optional" doc:"Size of the update of a matrix [out, in]: \"muon\", ‖O‖ √max(1, out/in), or \"rms\", a root mean square of 0.2."`
	Batched      bool    `hcl:"batched,optional" doc:"Whether matrices of equal shape are orthogonalized together, as in optimizer \"muon\"."`
	Precision    string  `hcl:"precision,optional" doc:"Of the matrices in the iterations: \"fp32\" or \"bf16\"."`
	SplitQKV     bool    `hcl:"split_qkv,optional" doc:"Whether the query, key and value parts of a fused matrix are orthogonalized and scaled one by one."`
	WeightDecay  float64 `hcl:"weight_decay,optional" doc:"λ of the hidden matrices."`
	AdamW        *AdamW  `hcl:"adamw,block" doc:"The rule for embeddings, output projection, vectors and scalars."`
}

func newNorMuon() *NorMuon {
	return &NorMuon{LearningRate: 0.02, Momentum: 0.95, Beta2: 0.95, Eps: 1e-10, Nesterov: true, Iterations: 5,
		Coefficients: "quintic", Scale: "muon", Precision: "fp32", SplitQKV: true, AdamW: newAdamW()}
}

// State implements Optimizer.
func (m *NorMuon) State(p ml.Param) []string {
	if p.Role == ml.RoleMatrix {
		return []string{"momentum", "rows"}
	}
	return m.AdamW.State(p)
}

// StateShape implements shaped: v is one number for each row.
func (m *NorMuon) StateShape(p ml.Param, state string) []int {
	if state == "rows" {
		return []int{p.Shape[0], 1}
	}
	return p.Shape
}

// Update implements Optimizer.
func (m *NorMuon) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	values, states := m.UpdateAll([]ml.Param{p}, []*Node{value}, []*Node{grad}, [][]*Node{state}, at)
	return values[0], states[0]
}

// UpdateAll implements joint.
func (m *NorMuon) UpdateAll(params []ml.Param, values, grads []*Node, states [][]*Node, at Clock) ([]*Node, [][]*Node) {
	return m.matrixwise().updateAll(params, values, grads, states, at, func(i int, directions []*Node) (*Node, []*Node) {
		rows := split(states[i][1], len(directions))
		for j, o := range directions {
			mean := ReduceAndKeep(Mul(o, o), ReduceMean, 1)
			rows[j] = Add(MulScalar(rows[j], m.Beta2), MulScalar(mean, 1-m.Beta2))
			directions[j] = m.sized(o, Div(o, AddScalar(Sqrt(rows[j]), m.Eps)))
		}
		rate := at.rate(params[i], m.LearningRate)
		value := decayed(params[i], values[i], rate, m.WeightDecay)
		return Sub(value, Mul(joined(directions), single(rate))), []*Node{joined(rows)}
	})
}

// sized gives the divided direction its size.
func (m *NorMuon) sized(o, divided *Node) *Node {
	d := o.Shape().Dimensions
	size := MulScalar(frobenius(o), shapeFactor("jordan", d[0], d[1]))
	if m.Scale == "rms" {
		size = Scalar(o.Graph(), o.DType(), 0.2*math.Sqrt(float64(d[0]*d[1])))
	}
	return Mul(divided, Div(size, MaxScalar(frobenius(divided), tiny)))
}

// Scratch implements Working.
func (m *NorMuon) Scratch(params []ml.Param) int64 { return m.matrixwise().scratch(params) }

func (m *NorMuon) matrixwise() matrixwise {
	return matrixwise{momentum{decay: m.Momentum, nesterov: m.Nesterov},
		newtonSchulz{m.Iterations, m.Coefficients, m.Precision == "bf16", m.Batched}, m.SplitQKV, m.AdamW}
}

// Validate implements pipeline.Stage.
func (m *NorMuon) Validate() diag.List {
	var c checks
	c.that(m.LearningRate > 0, "learning_rate", "above 0", m.LearningRate)
	c.that(m.Momentum >= 0 && m.Momentum < 1, "momentum", "at least 0 and below 1", m.Momentum)
	c.that(m.Beta2 >= 0 && m.Beta2 < 1, "beta2", "at least 0 and below 1", m.Beta2)
	c.that(m.Eps > 0, "eps", "above 0", m.Eps)
	c.that(m.Iterations >= 1 && m.Iterations <= mostIterations, "iterations", fmt.Sprintf("between 1 and %d", mostIterations), m.Iterations)
	c.that(m.WeightDecay >= 0, "weight_decay", "at least 0", m.WeightDecay)
	c.among(m.Coefficients, "coefficients", "quintic", "polar-express")
	c.among(m.Scale, "scale", "muon", "rms")
	c.among(m.Precision, "precision", "fp32", "bf16")
	c.within("adamw", m.AdamW.Validate())
	return c.list
}

// Describe implements pipeline.Stage.
func (m *NorMuon) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(m, in, "normuon")
}

// Run implements pipeline.Stage.
func (m *NorMuon) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(m) }
