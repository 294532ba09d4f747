package norm

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// LayerNorm is norm "layernorm": y = γ (x − mean) / √(var + ε) over the last
// axis, var being the population variance; + β where asked.
type LayerNorm struct {
	Eps  float64 `hcl:"eps,optional" doc:"ε, added to the variance."`
	Bias bool    `hcl:"bias,optional" doc:"Whether to add a learnt vector β."`
}

// Params implements Norm.
func (n *LayerNorm) Params(prefix string, _ Site, width int) []ml.Param {
	out := []ml.Param{gain(prefix, width)}
	if n.Bias {
		out = append(out, bias(prefix, width))
	}
	return out
}

// Apply implements Norm.
func (n *LayerNorm) Apply(x *Node, prefix string, vars ml.Vars) *Node {
	vars.Tap(prefix+Input, x)
	centred := Sub(x, ReduceAndKeep(x, ReduceMean, -1))
	y := Mul(row(vars.At(prefix+".gamma"), x), rescale(centred, n.Eps))
	if n.Bias {
		y = Add(y, row(vars.At(prefix+".beta"), y))
	}
	vars.Tap(prefix+Output, y)
	return y
}

// Validate implements pipeline.Stage.
func (n *LayerNorm) Validate() diag.List { return validateEps(n.Eps) }

// Describe implements pipeline.Stage.
func (n *LayerNorm) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(n, in, "layernorm")
}

// Run implements pipeline.Stage.
func (n *LayerNorm) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
