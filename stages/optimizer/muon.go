package optimizer

import (
	"context"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Muon is optimizer "muon" after K. Jordan's muon.py: the momentum of each
// hidden matrix is replaced by an approximately orthogonal one.
type Muon struct {
	Variant      string  `hcl:"variant,preset" key:"-" json:"-" doc:"Values for the rest: \"original\" (the defaults), \"moonlight\" (arXiv 2502.16982), \"muonclip\" (arXiv 2507.20534: moonlight with qk_clip = 100), \"torch\" (torch.optim.Muon), \"speedrun-2024-10\" (modded-nanogpt's record of 10 October 2024)."`
	LearningRate float64 `hcl:"learning_rate,optional" doc:"η of the hidden matrices, before the schedule's factor."`
	Momentum     float64 `hcl:"momentum,optional" doc:"μ of the average."`
	MomentumForm string  `hcl:"momentum_form,optional" doc:"\"ema\" m ← μ m + (1 − μ) g, or \"heavy_ball\" m ← μ m + g. The orthogonalized direction is the same."`
	Nesterov     bool    `hcl:"nesterov,optional" doc:"Whether to look ahead: (1 − μ) g + μ m, or g + μ m."`
	Iterations   int     `hcl:"iterations,optional" doc:"Newton-Schulz iterations."`
	Coefficients string  `hcl:"coefficients,optional" doc:"Of the iterations: \"quintic\", the same in each, or \"polar-express\" (arXiv 2505.16932)."`
	Scale        string  `hcl:"scale,optional" doc:"Factor of the update by the matrix's shape [out, in]: \"jordan\" √max(1, out/in), \"moonlight\" 0.2 √max(out, in), \"max\" √max(out, in), \"none\" 1."`
	Batched      bool    `hcl:"batched,optional" doc:"Whether matrices of equal shape, or of one transposed, are orthogonalized together, in products of stacks: fewer and larger products for a GPU."`
	Precision    string  `hcl:"precision,optional" doc:"Of the matrices in the iterations: \"fp32\" or \"bf16\". The momentum, its norm and the update stay fp32."`
	SplitQKV     bool    `hcl:"split_qkv,optional" doc:"Whether the query, key and value parts of a fused matrix are orthogonalized one by one."`
	WeightDecay  float64 `hcl:"weight_decay,optional" doc:"λ of the hidden matrices."`
	QKClip       float64 `hcl:"qk_clip,optional" json:",omitzero" doc:"τ of QK-clip (arXiv 2507.20534): after each step, the queries and keys of a head whose largest score q·k/√d was above it shrink, so that the score would have been τ; 0 for none."`
	AdamW        *AdamW  `hcl:"adamw,block" doc:"The rule for embeddings, output projection, vectors and scalars."`
}

func newMuon() *Muon {
	return &Muon{LearningRate: 0.02, Momentum: 0.95, MomentumForm: "ema", Nesterov: true, Iterations: 5,
		Coefficients: "quintic", Precision: "fp32", Scale: "jordan", SplitQKV: true, AdamW: newAdamW()}
}

// muonVariants change the defaults into those of other programs. torch's clamps
// the norm at 1e-7 where this adds 1e-7, which no gradient of use can tell.
var muonVariants = map[string]func(*Muon){
	"original":  func(*Muon) {},
	"moonlight": moonlight,
	"muonclip": func(m *Muon) {
		moonlight(m)
		m.QKClip = 100
	},
	"torch": func(m *Muon) {
		m.LearningRate, m.WeightDecay, m.SplitQKV = 1e-3, 0.1, false
		m.AdamW.LearningRate = 1e-3
	},
	"speedrun-2024-10": func(m *Muon) {
		m.LearningRate, m.MomentumForm, m.Scale = 0.00036, "heavy_ball", "max"
		m.AdamW.LearningRate, m.AdamW.WeightDecay = 0.0036, 0
	},
}

func moonlight(m *Muon) {
	m.LearningRate, m.WeightDecay, m.MomentumForm, m.Scale = 1e-3, 0.1, "heavy_ball", "moonlight"
	m.AdamW.LearningRate = 1e-3
}

// SetPreset implements spec.Presetter.
func (m *Muon) SetPreset(name string) bool {
	change, ok := muonVariants[name]
	if ok {
		*m = *newMuon()
		m.Variant = name
		change(m)
	}
	return ok
}

// Presets implements spec.Presetter.
func (m *Muon) Presets() []string {
	return []string{"original", "moonlight", "muonclip", "torch", "speedrun-2024-10"}
}

// State implements Optimizer.
func (m *Muon) State(p ml.Param) []string {
	if p.Role == ml.RoleMatrix {
		return []string{"momentum"}
	}
	return m.AdamW.State(p)
}

// Update implements Optimizer.
func (m *Muon) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	values, states := m.UpdateAll([]ml.Param{p}, []*Node{value}, []*Node{grad}, [][]*Node{state}, at)
	return values[0], states[0]
}

// UpdateAll implements joint.
func (m *Muon) UpdateAll(params []ml.Param, values, grads []*Node, states [][]*Node, at Clock) ([]*Node, [][]*Node) {
	return m.matrixwise().updateAll(params, values, grads, states, at, func(i int, directions []*Node) (*Node, []*Node) {
		p, rate := params[i], at.rate(params[i], m.LearningRate)
		size := single(MulScalar(rate, shapeFactor(m.Scale, p.Shape[0]/len(directions), p.Shape[1])))
		return Sub(decayed(p, values[i], rate, m.WeightDecay), Mul(joined(directions), size)), nil
	})
}

// ScoreLimit implements Clipping.
func (m *Muon) ScoreLimit() float64 { return m.QKClip }

// Scratch implements Working.
func (m *Muon) Scratch(params []ml.Param) int64 { return m.matrixwise().scratch(params) }

func (m *Muon) matrixwise() matrixwise {
	return matrixwise{momentum{m.Momentum, m.MomentumForm == "heavy_ball", m.Nesterov},
		newtonSchulz{m.Iterations, m.Coefficients, m.Precision == "bf16", m.Batched}, m.SplitQKV, m.AdamW}
}

// Validate implements pipeline.Stage.
func (m *Muon) Validate() diag.List {
	var c checks
	c.that(m.LearningRate > 0, "learning_rate", "above 0", m.LearningRate)
	c.that(m.Momentum >= 0 && m.Momentum < 1, "momentum", "at least 0 and below 1", m.Momentum)
	c.that(m.Iterations >= 1 && m.Iterations <= mostIterations, "iterations", fmt.Sprintf("between 1 and %d", mostIterations), m.Iterations)
	c.that(m.WeightDecay >= 0, "weight_decay", "at least 0", m.WeightDecay)
	c.that(m.QKClip >= 0, "qk_clip", "above 0, or 0 for none", m.QKClip)
	c.among(m.MomentumForm, "momentum_form", "ema", "heavy_ball")
	c.among(m.Coefficients, "coefficients", "quintic", "polar-express")
	c.among(m.Precision, "precision", "fp32", "bf16")
	c.among(m.Scale, "scale", "jordan", "moonlight", "max", "none")
	c.within("adamw", m.AdamW.Validate())
	return c.list
}

// Describe implements pipeline.Stage.
func (m *Muon) Describe(in pipeline.Inputs) (pipeline.Recipe, error) { return describe(m, in, "muon") }

// Run implements pipeline.Stage.
func (m *Muon) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(m) }
