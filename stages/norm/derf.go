package norm

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Derf is norm "derf": y = γ erf(α x + s) + β (arXiv 2512.10938).
type Derf struct {
	Alpha Sites   `hcl:"alpha,optional" doc:"Start value of α, the slope at the origin: one number, or one for each site."`
	Shift float64 `hcl:"shift,optional" doc:"Start value of s."`
	Bias  bool    `hcl:"bias,optional" doc:"Whether there is a β."`
}

// Params implements Norm.
func (n *Derf) Params(prefix string, site Site, width int) []ml.Param {
	out := []ml.Param{gain(prefix, width)}
	if n.Bias {
		out = append(out, bias(prefix, width))
	}
	return append(out, scalar(prefix+".alpha", n.Alpha.at(site)), scalar(prefix+".shift", n.Shift))
}

// Apply implements Norm.
func (n *Derf) Apply(x *Node, prefix string, vars ml.Vars) *Node {
	u := Erf(Add(Mul(x, vars.At(prefix+".alpha")), vars.At(prefix+".shift")))
	return affine(u, prefix, vars, n.Bias)
}

// affine is γ u, plus β where there is one.
func affine(u *Node, prefix string, vars ml.Vars, withBias bool) *Node {
	y := Mul(row(vars.At(prefix+".gamma"), u), u)
	if withBias {
		y = Add(y, row(vars.At(prefix+".beta"), u))
	}
	return y
}

// Validate implements pipeline.Stage.
func (n *Derf) Validate() diag.List { return n.Alpha.validate("alpha") }

// Describe implements pipeline.Stage.
func (n *Derf) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(n, in, "derf", cache.Bool(n.Bias))
}

// Run implements pipeline.Stage.
func (n *Derf) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
