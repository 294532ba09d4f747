package optimizer

import (
	"context"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Hyperball is optimizer "hyperball" (arXiv 2606.16899): every hidden matrix W
// keeps the norm R of its start, W ← R (W − η R u/‖u‖) / ‖W − η R u/‖u‖‖, so that
// weights cannot grow. What a factorial sees under it and under the optimizer
// that gives the direction u tells whether growth was the cause.
//
// R is taken from W before each step, as in the authors' code
// (github.com/marin-community/marin), rather than kept from the start: the two are
// the same but for rounding, which does not add up.
type Hyperball struct {
	LearningRate float64 `hcl:"learning_rate,optional" doc:"η of the hidden matrices: the length of a step as a share of the matrix's norm."`
	Direction    string  `hcl:"direction,optional" doc:"u: \"muon\", the orthogonalized momentum, or \"adam\", by the adamw block's averages."`
	Momentum     float64 `hcl:"momentum,optional" doc:"μ of the average under \"muon\"."`
	Nesterov     bool    `hcl:"nesterov,optional" doc:"Whether \"muon\" looks ahead."`
	Iterations   int     `hcl:"iterations,optional" doc:"Newton-Schulz iterations of \"muon\"."`
	AdamW        *AdamW  `hcl:"adamw,block" doc:"The rule for embeddings, output projection, vectors and scalars."`
}

func newHyperball() *Hyperball {
	return &Hyperball{LearningRate: 0.02, Direction: "muon", Momentum: 0.95, Nesterov: true, Iterations: 5, AdamW: newAdamW()}
}

// State implements Optimizer.
func (h *Hyperball) State(p ml.Param) []string {
	if p.Role == ml.RoleMatrix && h.Direction == "muon" {
		return []string{"momentum"}
	}
	return h.AdamW.State(p)
}

// Update implements Optimizer.
func (h *Hyperball) Update(p ml.Param, value, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	if p.Role != ml.RoleMatrix {
		return h.AdamW.Update(p, value, grad, state, at)
	}
	u, next := h.direction(p, grad, state, at)
	radius := frobenius(value)
	length := Mul(radius, single(at.rate(p, h.LearningRate)))
	moved := Sub(value, Mul(u, Div(length, MaxScalar(frobenius(u), tiny))))
	return Mul(moved, Div(radius, MaxScalar(frobenius(moved), tiny))), next
}

// tiny keeps a direction of zeros from a division by zero.
const tiny = 1e-12

func (h *Hyperball) direction(p ml.Param, grad *Node, state []*Node, at Clock) (*Node, []*Node) {
	if h.Direction == "adam" {
		return h.AdamW.direction(grad, state, at)
	}
	d, next := momentum{decay: h.Momentum, nesterov: h.Nesterov}.apply(grad, state[0])
	return joined(h.schulz().each(split(d, p.Parts))), []*Node{next}
}

func (h *Hyperball) schulz() newtonSchulz {
	return newtonSchulz{iterations: h.Iterations, coefficients: "quintic"}
}

// Scratch implements Working.
func (h *Hyperball) Scratch(params []ml.Param) int64 {
	if h.Direction == "adam" {
		return 0
	}
	return matrixwise{schulz: h.schulz(), splitQKV: true}.scratch(params)
}

// Validate implements pipeline.Stage.
func (h *Hyperball) Validate() diag.List {
	var c checks
	c.that(h.LearningRate > 0 && h.LearningRate < 1, "learning_rate", "above 0 and below 1, a share of the norm", h.LearningRate)
	c.that(h.Momentum >= 0 && h.Momentum < 1, "momentum", "at least 0 and below 1", h.Momentum)
	c.that(h.Iterations >= 1 && h.Iterations <= mostIterations, "iterations", fmt.Sprintf("between 1 and %d", mostIterations), h.Iterations)
	c.among(h.Direction, "direction", "muon", "adam")
	c.within("adamw", h.AdamW.Validate())
	return c.list
}

// Describe implements pipeline.Stage.
func (h *Hyperball) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(h, in, "hyperball")
}

// Run implements pipeline.Stage.
func (h *Hyperball) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(h) }
