package norm

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Derf is norm "derf": y = γ erf(α x + s) + β (arXiv 2512.10938).
type Derf struct {
	Alpha             Sites     `hcl:"alpha,optional" doc:"Start value of α, the slope at the origin: one number, or one for each site."`
	AlphaLearningRate float64   `hcl:"alpha_learning_rate,optional" doc:"Learning rate of α, before the schedule's factor. Default: the optimizer's."`
	Shift             bool      `hcl:"shift,optional" doc:"Whether there is an s."`
	ShiftStart        float64   `hcl:"shift_start,optional" doc:"Start value of s."`
	Bias              bool      `hcl:"bias,optional" doc:"Whether there is a β."`
	EMABlend          *EMABlend `hcl:"ema_blend,block" doc:"Blend x with x over its running deviation first."`
	Asinh             *Asinh    `hcl:"asinh,block" doc:"Compress the argument first: α asinh(b x) / b + s."`
}

// Params implements Norm.
func (n *Derf) Params(prefix string, site Site, width int) []ml.Param {
	out := n.bounded().params(prefix, site, width)
	if n.Shift {
		out = append(out, scalar(prefix+".shift", n.ShiftStart))
	}
	return out
}

func (n *Derf) bounded() bounded {
	return bounded{n.Alpha, n.AlphaLearningRate, n.Bias, n.EMABlend, n.Asinh}
}

// Apply implements Norm.
func (n *Derf) Apply(x *Node, prefix string, vars ml.Vars) *Node {
	return n.bounded().apply(x, prefix, vars, func(u *Node) *Node {
		if n.Shift {
			u = Add(u, vars.At(prefix+".shift"))
		}
		vars.Tap(prefix+Argument, u)
		return Erf(u)
	})
}

// Refresh implements Running.
func (n *Derf) Refresh(path string, vars ml.Vars, seen []*Node) *Node {
	return n.EMABlend.refresh(vars.At(path), seen)
}

// Threshold implements Saturating: where erf reaches 0.99.
func (n *Derf) Threshold() float64 { return 1.8213863677 }

// Validate implements pipeline.Stage.
func (n *Derf) Validate() diag.List {
	list := n.bounded().validate()
	if !n.Shift && n.ShiftStart != 0 {
		list = append(list, diag.Errorf(diag.Path{"shift_start"}, "No shift to start", "shift is false, so there is no s that could start at %v.", n.ShiftStart)...)
	}
	return list
}

// Describe implements pipeline.Stage.
func (n *Derf) Describe(in pipeline.Inputs) (pipeline.Recipe, error) { return describe(n, in, "derf") }

// Run implements pipeline.Stage.
func (n *Derf) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
