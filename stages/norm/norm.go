// Package norm holds the normalizations of the study: classical ones, which
// rescale, and bounded ones, which squash. A new one is a new file and a line
// in Kinds.
//
// Sources: arXiv 2604.01563 for the experiment; Derf is arXiv 2512.10938, DyT
// is arXiv 2503.10622.
package norm

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// Norm is a normalization as part of a model.
type Norm interface {
	// Params declares the parameters of one site, with paths below prefix.
	Params(prefix string, site Site, width int) []ml.Param
	// Apply normalizes x of shape [..., width], float32, with the parameters
	// below prefix. The result has x's shape.
	Apply(x *graph.Node, prefix string, vars ml.Vars) *graph.Node
}

// Running is a norm that keeps a statistic of its inputs, in a parameter with
// the role of a buffer at each site.
type Running interface {
	// Refresh returns the statistic at a path after a step whose micro-batches
	// showed the site the inputs in seen. vars holds the site's parameters as they
	// were. It has no gradient, and evaluation never calls it.
	Refresh(path string, vars ml.Vars, seen []*graph.Node) *graph.Node
}

// Tracking is a norm that names the parameters which probes show.
type Tracking interface {
	Tracked() []string
}

// Kinds lists the stages of block norm.
func Kinds() []pipeline.Kind {
	kind := func(typ, doc string, fresh func() pipeline.Stage) pipeline.Kind {
		return pipeline.Kind{Block: "norm", Type: typ, Version: 1, Role: pipeline.Definition, Doc: doc, New: fresh}
	}
	return []pipeline.Kind{
		kind("rmsnorm", "Root-mean-square normalization: y = γ x / √(mean(x²) + ε).",
			func() pipeline.Stage { return &RMSNorm{Eps: defaultEps} }),
		kind("prmsnorm", "Partial RMSNorm: y = γ x / √(mean(x²) + ε), with the mean over the first elements only.",
			func() pipeline.Stage { return &PRMSNorm{Share: 0.0625, Eps: defaultEps} }),
		kind("tapernorm", "RMSNorm that fades to a linear map during training: y = g γ x / √(mean(x²) + ε) + (1 − g) c γ̃ x, with a gate g that falls from 1 to 0.",
			func() pipeline.Stage { return &TaperNorm{Eps: defaultEps} }),
		kind("layernorm", "Layer normalization: y = γ (x − mean) / √(var + ε), + β where asked.",
			func() pipeline.Stage { return &LayerNorm{Eps: defaultEps} }),
		kind("derf", "Dynamic erf: y = γ erf(α x + s) + β, with scalars α and s learnt at each site.",
			func() pipeline.Stage { return &Derf{Alpha: everywhere(0.5), Shift: true, Bias: true} }),
		kind("dyt", "Dynamic tanh: y = γ tanh(α x) + β, with a scalar α learnt at each site.",
			func() pipeline.Stage { return &DyT{Alpha: everywhere(0.5), Bias: true} }),
		kind("bhyt", "Bounded hyperbolic tanh: y = γ tanh(λ x / (κ √(mean(x²) + ε))), with a scalar λ learnt at each site.",
			func() pipeline.Stage { return &BHyT{Lambda: everywhere(1), Kappa: 10, Eps: 1e-6} }),
		kind("hardtanh", "Dynamic hard tanh: y = γ min(1, max(−1, α x)) + β, with a scalar α learnt at each site.",
			func() pipeline.Stage { return &HardTanh{Alpha: everywhere(0.5), Bias: true} }),
		kind("formula", "A norm that the study declares: y is a formula of x, of parameters and of running values.",
			func() pipeline.Stage { return &Formula{} }),
		kind("none", "No normalization: y = x.", func() pipeline.Stage { return &None{} }),
	}
}

// defaultEps is the ε of Llama 3.
const defaultEps = 1e-5

// Sites is one number for each site; a bare number stands for all three. The output
// of a sublayer has the number of its input. Queries and keys, and the embeddings, have
// that of attention: a study that wants another one there uses another stage there.
type Sites struct {
	Attention float64 `hcl:"attention,optional" doc:"Before attention."`
	FFN       float64 `hcl:"ffn,optional" doc:"Before the feed-forward layer."`
	Final     float64 `hcl:"final,optional" doc:"Before the output projection."`
}

// SetNumber makes all sites alike.
func (s *Sites) SetNumber(v float64) { *s = everywhere(v) }

func everywhere(v float64) Sites { return Sites{v, v, v} }

// at returns the number of a site.
func (s Sites) at(site Site) float64 {
	switch site {
	case Attention, AttentionOutput, QK, Embedding:
		return s.Attention
	case FFN, FFNOutput:
		return s.FFN
	case Final:
		return s.Final
	}
	panic("norm: no site " + string(site))
}

func (s Sites) validate(name string) diag.List {
	for _, v := range []float64{s.Attention, s.FFN, s.Final} {
		if v <= 0 {
			return diag.Errorf(diag.Path{name}, "Out of range",
				"%s must be above 0 at every site, not %v: at 0 nothing passes the norm, and below 0 it only flips signs.", name, v)
		}
	}
	return nil
}

func gain(prefix string, width int) ml.Param {
	return ml.Param{Path: prefix + ".gamma", Shape: []int{width}, Role: ml.RoleVector, Init: ml.Init{Value: 1}}
}

func bias(prefix string, width int) ml.Param {
	return ml.Param{Path: prefix + ".beta", Shape: []int{width}, Role: ml.RoleVector}
}

func scalar(path string, value float64) ml.Param {
	return ml.Param{Path: path, Role: ml.RoleScalar, Init: ml.Init{Value: value}}
}

// row shapes a vector [width] for broadcasting over x of any rank.
func row(v, x *graph.Node) *graph.Node {
	dims := make([]int, x.Rank())
	for i := range dims {
		dims[i] = 1
	}
	dims[len(dims)-1] = v.Shape().Dimensions[0]
	return graph.Reshape(v, dims...)
}

// alone is a norm by itself, with its gradient, at a small fixed shape: the
// fingerprint that tells show and explain where a computation changed.
func alone(n Norm) ml.Program {
	const columns = 8
	params := n.Params("norm", Attention, columns)
	p := ml.Program{Name: "norm", Inputs: []ml.Input{{Name: "x", Shape: []int{2, columns}, DType: dtypes.Float32}}}
	for _, q := range params {
		p.Inputs = append(p.Inputs, ml.Input{Name: q.Path, Shape: q.Shape, DType: dtypes.Float32})
	}
	p.Build = func(in []*graph.Node) []*graph.Node {
		vars := ml.NewVars(params, in[1:])
		y := n.Apply(in[0], "norm", vars)
		out := append([]*graph.Node{y}, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, y)), in...)...)
		for _, q := range params {
			if q.Role == ml.RoleBuffer {
				out = append(out, n.(Running).Refresh(q.Path, vars, in[:1]))
			}
		}
		return out
	}
	return p
}

// describe is Describe for all norms.
func describe(n Norm, in pipeline.Inputs, kind string) (pipeline.Recipe, error) {
	return ml.Define(in, "norm", kind, n, func() ml.Program { return alone(n) })
}
