package norm

import (
	"context"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// BHyT is norm "bhyt", bounded hyperbolic tanh (arXiv 2601.09719,
// github.com/MLAI-Yonsei/BHyT): y = γ tanh(λ x / (κ √(mean(x²) + ε))) with a
// scalar λ learnt at each site. By Chebyshev's inequality the argument is within
// ±λ for all but a share 1/κ² of the elements. This is the paper's BHyT*, which
// computes the mean square at each site. The paper's BHyT estimates it before the
// feed-forward layer from the weights of attention, which is faster.
type BHyT struct {
	Lambda Sites   `hcl:"lambda,optional" doc:"Start value of λ, the bound that κ deviations of x are mapped to: one number, or one for each site."`
	Kappa  float64 `hcl:"kappa,optional" doc:"κ, deviations of x within the bound."`
	Eps    float64 `hcl:"eps,optional" doc:"ε, added to the mean square."`
}

// Params implements Norm.
func (n *BHyT) Params(prefix string, site Site, width int) []ml.Param {
	return []ml.Param{gain(prefix, width), scalar(prefix+".lambda", n.Lambda.at(site))}
}

// Apply implements Norm.
func (n *BHyT) Apply(x *Node, prefix string, vars ml.Vars) *Node {
	vars.Tap(prefix+Input, x)
	u := Mul(rescale(x, n.Eps), MulScalar(vars.At(prefix+".lambda"), 1/n.Kappa))
	vars.Tap(prefix+Argument, u)
	y := Mul(row(vars.At(prefix+".gamma"), u), Tanh(u))
	vars.Tap(prefix+Output, y)
	return y
}

// Threshold implements Saturating: where tanh reaches 0.99.
func (n *BHyT) Threshold() float64 { return 2.6466524124 }

// Validate implements pipeline.Stage.
func (n *BHyT) Validate() diag.List {
	list := append(n.Lambda.validate("lambda"), validateEps(n.Eps)...)
	if n.Kappa <= 1 {
		list = append(list, diag.Errorf(diag.Path{"kappa"}, "Out of range",
			"kappa must be above 1, not %v: it is how many deviations of x stay within the bound.", n.Kappa)...)
	}
	return list
}

// Describe implements pipeline.Stage.
func (n *BHyT) Describe(in pipeline.Inputs) (pipeline.Recipe, error) { return describe(n, in, "bhyt") }

// Run implements pipeline.Stage.
func (n *BHyT) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
