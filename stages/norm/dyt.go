package norm

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// DyT is norm "dyt": y = γ tanh(α x) + β (arXiv 2503.10622).
type DyT struct {
	Alpha             Sites     `hcl:"alpha,optional" doc:"Start value of α, the slope at the origin: one number, or one for each site."`
	AlphaLearningRate float64   `hcl:"alpha_learning_rate,optional" doc:"Learning rate of α, before the schedule's factor. Default: the optimizer's."`
	Bias              bool      `hcl:"bias,optional" doc:"Whether there is a β."`
	EMABlend          *EMABlend `hcl:"ema_blend,block" doc:"Blend x with x over its running deviation first."`
	Asinh             *Asinh    `hcl:"asinh,block" doc:"Compress the argument first: α asinh(b x) / b."`
}

func (n *DyT) bounded() bounded {
	return bounded{n.Alpha, n.AlphaLearningRate, n.Bias, n.EMABlend, n.Asinh}
}

// Params implements Norm.
func (n *DyT) Params(prefix string, site Site, width int) []ml.Param {
	return n.bounded().params(prefix, site, width)
}

// Apply implements Norm.
func (n *DyT) Apply(x *Node, prefix string, vars ml.Vars) *Node {
	return n.bounded().apply(x, prefix, vars, func(u *Node) *Node {
		vars.Tap(prefix+Argument, u)
		return Tanh(u)
	})
}

// Refresh implements Running.
func (n *DyT) Refresh(path string, vars ml.Vars, seen []*Node) *Node {
	return n.EMABlend.refresh(vars.At(path), seen)
}

// Threshold implements Saturating: where tanh reaches 0.99.
func (n *DyT) Threshold() float64 { return 2.6466524124 }

// Validate implements pipeline.Stage.
func (n *DyT) Validate() diag.List { return n.bounded().validate() }

// Describe implements pipeline.Stage.
func (n *DyT) Describe(in pipeline.Inputs) (pipeline.Recipe, error) { return describe(n, in, "dyt") }

// Run implements pipeline.Stage.
func (n *DyT) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
