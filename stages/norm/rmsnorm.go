package norm

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// RMSNorm is norm "rmsnorm": y = γ x / √(mean(x²) + ε) over the last axis.
type RMSNorm struct {
	Eps float64 `hcl:"eps,optional" doc:"ε, added to the mean square."`
}

// Params implements Norm.
func (n *RMSNorm) Params(prefix string, _ Site, width int) []ml.Param {
	return []ml.Param{gain(prefix, width)}
}

// Apply implements Norm.
func (n *RMSNorm) Apply(x *Node, prefix string, vars ml.Vars) *Node {
	vars.Tap(prefix+Input, x)
	y := Mul(row(vars.At(prefix+".gamma"), x), rescale(x, n.Eps))
	vars.Tap(prefix+Output, y)
	return y
}

// rescale divides x by its root mean square over the last axis.
func rescale(x *Node, eps float64) *Node {
	square := ReduceAndKeep(Mul(x, x), ReduceMean, -1)
	return Div(x, Sqrt(AddScalar(square, eps)))
}

// Validate implements pipeline.Stage.
func (n *RMSNorm) Validate() diag.List { return validateEps(n.Eps) }

func validateEps(eps float64) diag.List {
	if eps <= 0 {
		return diag.Errorf(diag.Path{"eps"}, "Out of range", "eps must be above 0, not %v: it keeps the division finite.", eps)
	}
	return nil
}

// Describe implements pipeline.Stage.
func (n *RMSNorm) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(n, in, "rmsnorm")
}

// Run implements pipeline.Stage.
func (n *RMSNorm) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
