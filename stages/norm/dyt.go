package norm

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// DyT is norm "dyt": y = γ tanh(α x) + β (arXiv 2503.10622).
type DyT struct {
	Alpha Sites `hcl:"alpha,optional" doc:"Start value of α, the slope at the origin: one number, or one for each site."`
	Bias  bool  `hcl:"bias,optional" doc:"Whether there is a β."`
}

// Params implements Norm.
func (n *DyT) Params(prefix string, site Site, width int) []ml.Param {
	out := []ml.Param{gain(prefix, width)}
	if n.Bias {
		out = append(out, bias(prefix, width))
	}
	return append(out, scalar(prefix+".alpha", n.Alpha.at(site)))
}

// Apply implements Norm.
func (n *DyT) Apply(x *Node, prefix string, vars ml.Vars) *Node {
	return affine(Tanh(Mul(x, vars.At(prefix+".alpha"))), prefix, vars, n.Bias)
}

// Validate implements pipeline.Stage.
func (n *DyT) Validate() diag.List { return n.Alpha.validate("alpha") }

// Describe implements pipeline.Stage.
func (n *DyT) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(n, in, "dyt", cache.Bool(n.Bias))
}

// Run implements pipeline.Stage.
func (n *DyT) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
