package train

import (
	"context"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// The scenes have definitions of their own. With the study's, a change of Llama's
// initial values would change the behaviour of trials of GPT-2.

// standIn is a stage that is never described or run.
type standIn struct{}

// Validate implements pipeline.Stage.
func (standIn) Validate() diag.List { return nil }

// Describe implements pipeline.Stage.
func (standIn) Describe(pipeline.Inputs) (pipeline.Recipe, error) { return pipeline.Recipe{}, nil }

// Run implements pipeline.Stage.
func (standIn) Run(context.Context, *pipeline.Env) error { return nil }

type standInData struct {
	standIn
	width int
}

// Vocabulary implements Tokens.
func (standInData) Vocabulary() int { return 7 }

// TokenBytes implements Tokens.
func (d standInData) TokenBytes() int { return d.width }

// standInModel has a parameter of each role and with each kind of initial values.
type standInModel struct {
	standIn
	noisy bool
}

// Params implements model.Model.
func (standInModel) Params(norm.Norms, int) []ml.Param {
	return []ml.Param{
		{Path: "embedding", Shape: []int{7, 3}, Role: ml.RoleEmbedding, Init: ml.Init{Std: 0.02}},
		{Path: "layers.0.ffn.down", Shape: []int{3, 3}, Role: ml.RoleMatrix, Init: ml.Init{Std: 0.5}},
		{Path: "layers.0.norm.ffn.sigma", Role: ml.RoleBuffer, Init: ml.Init{Value: 1}},
		{Path: "layers.0.norm.ffn.alpha", Role: ml.RoleScalar, Init: ml.Init{Value: 0.3}},
		{Path: "layers.0.norm.ffn.gamma", Shape: []int{3}, Role: ml.RoleVector, Init: ml.Init{Value: 1}},
	}
}

// Rows implements model.Model.
func (standInModel) Rows(tokens_BT *Node, _ norm.Norms, vars ml.Vars) *Node {
	dims := tokens_BT.Shape().Dimensions
	x_ND := DotProduct(OneHot(Reshape(tokens_BT, dims[0]*dims[1]), 7, dtypes.Float32), vars.At("embedding"))
	x_ND = Mul(DotProduct(x_ND, vars.At("layers.0.ffn.down")), Reshape(vars.At("layers.0.norm.ffn.gamma"), 1, 3))
	return Mul(x_ND, vars.At("layers.0.norm.ffn.alpha"))
}

// Head implements model.Model.
func (standInModel) Head() string { return "embedding" }

// Traits implements model.Model.
func (m standInModel) Traits() model.Traits {
	return model.Traits{Layers: 1, Width: 3, Heads: 1, Noisy: m.noisy, Sites: []norm.Site{norm.FFN}}
}

type standInNorm struct{ standIn }

// Params implements norm.Norm.
func (standInNorm) Params(string, norm.Site, int) []ml.Param { return nil }

// Apply implements norm.Norm.
func (standInNorm) Apply(x *Node, _ string, _ ml.Vars) *Node { return x }

// Refresh implements norm.Running.
func (standInNorm) Refresh(path string, vars ml.Vars, _ []*Node) *Node {
	return AddScalar(vars.At(path), 1)
}

type standInOptimizer struct{ standIn }

// State implements optimizer.Optimizer: matrices have two tensors, the rest one.
func (standInOptimizer) State(p ml.Param) []string {
	if p.Role == ml.RoleMatrix {
		return []string{"first", "second"}
	}
	return []string{"first"}
}

// Update implements optimizer.Optimizer.
func (standInOptimizer) Update(_ ml.Param, value, grad *Node, state []*Node, at optimizer.Clock) (*Node, []*Node) {
	out := make([]*Node, len(state))
	for i, s := range state {
		out[i] = Add(s, grad)
	}
	return Sub(value, Mul(grad, Mul(at.Multiplier, ConvertDType(at.Step, dtypes.Float32)))), out
}
