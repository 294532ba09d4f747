package norm

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// PRMSNorm is norm "prmsnorm" (arXiv 1910.07467): RMSNorm with a root mean square
// that is estimated from the first ⌈p n⌉ of the n elements.
type PRMSNorm struct {
	Share float64 `hcl:"share,optional" doc:"p, the share of elements that the root mean square is taken from. The paper has 6.25 %."`
	Eps   float64 `hcl:"eps,optional" doc:"ε, added to the mean square."`
}

// Params implements Norm.
func (n *PRMSNorm) Params(prefix string, _ Site, width int) []ml.Param {
	return []ml.Param{gain(prefix, width)}
}

// Apply implements Norm.
func (n *PRMSNorm) Apply(x *Node, prefix string, vars ml.Vars) *Node {
	vars.Tap(prefix+Input, x)
	first, d := x, x.Shape().Dimensions
	if k := formula.Share(d[len(d)-1], n.Share); k < d[len(d)-1] {
		first = SliceAxis(x, -1, AxisRange(0, k))
	}
	square := ReduceAndKeep(Mul(first, first), ReduceMean, -1)
	y := Mul(row(vars.At(prefix+".gamma"), x), Div(x, Sqrt(AddScalar(square, n.Eps))))
	vars.Tap(prefix+Output, y)
	return y
}

// Validate implements pipeline.Stage.
func (n *PRMSNorm) Validate() diag.List {
	list := validateEps(n.Eps)
	if n.Share <= 0 || n.Share > 1 {
		list = append(list, diag.Errorf(diag.Path{"share"}, "Out of range",
			"share must be above 0 and at most 1, not %v: 1 is RMSNorm.", n.Share)...)
	}
	return list
}

// Describe implements pipeline.Stage.
func (n *PRMSNorm) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(n, in, "prmsnorm")
}

// Run implements pipeline.Stage.
func (n *PRMSNorm) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
