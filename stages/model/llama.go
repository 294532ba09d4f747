package model

import (
	"context"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/norm"
)

// Shape letters: B sequences, T positions, D width, H query heads, K key and
// value heads, d width of a head, F width of the feed-forward layer, V
// vocabulary, N = B·T.

// Llama is model "llama". Weights are [out, in].
type Llama struct {
	Layers     int     `hcl:"layers" doc:"Number of transformer blocks."`
	Width      int     `hcl:"width" doc:"Width of the residual stream."`
	Heads      int     `hcl:"heads" doc:"Query heads; width must be a multiple, and each head's width even."`
	KVHeads    int     `hcl:"kv_heads,optional" doc:"Key and value heads, each shared by heads / kv_heads query heads. Default: heads."`
	FFN        int     `hcl:"ffn,optional" doc:"Width of the feed-forward layer. Default: 8/3 of width, rounded up to a multiple of 8."`
	RopeTheta  float64 `hcl:"rope_theta,optional" doc:"Base of the rotary frequencies."`
	Tied       bool    `hcl:"tied,optional" doc:"Whether the output projection is the embedding."`
	EmbedScale bool    `hcl:"embed_scale,optional" doc:"A learnt multiplier of the embeddings, starting at √width, as the authors of DyT and Derf use it."`
	InitStd    float64 `hcl:"init_std,optional" doc:"Standard deviation of the initial weights."`
}

// Resolve fills derived defaults.
func (m *Llama) Resolve() {
	if m.KVHeads == 0 {
		m.KVHeads = m.Heads
	}
	if m.FFN == 0 {
		m.FFN = (m.Width*8/3 + 7) / 8 * 8
	}
}

// Params implements Model.
func (m *Llama) Params(n norm.Norm, vocabulary int) []ml.Param {
	head := m.Width / m.Heads
	matrix := func(path string, out, in int, role ml.Role) ml.Param {
		return ml.Param{Path: path, Shape: []int{out, in}, Role: role, Init: ml.Init{Std: m.InitStd}}
	}
	params := []ml.Param{matrix("embedding", vocabulary, m.Width, ml.RoleEmbedding)}
	for i := range m.Layers {
		at := fmt.Sprintf("layers.%d.", i)
		params = append(params, n.Params(at+"norm.attention", norm.Attention, m.Width)...)
		params = append(params,
			matrix(at+"attention.q", m.Heads*head, m.Width, ml.RoleMatrix),
			matrix(at+"attention.k", m.KVHeads*head, m.Width, ml.RoleMatrix),
			matrix(at+"attention.v", m.KVHeads*head, m.Width, ml.RoleMatrix),
			matrix(at+"attention.o", m.Width, m.Heads*head, ml.RoleMatrix))
		params = append(params, n.Params(at+"norm.ffn", norm.FFN, m.Width)...)
		params = append(params,
			matrix(at+"ffn.gate", m.FFN, m.Width, ml.RoleMatrix),
			matrix(at+"ffn.up", m.FFN, m.Width, ml.RoleMatrix),
			matrix(at+"ffn.down", m.Width, m.FFN, ml.RoleMatrix))
	}
	params = append(params, n.Params("norm.final", norm.Final, m.Width)...)
	if !m.Tied {
		params = append(params, matrix("head", vocabulary, m.Width, ml.RoleHead))
	}
	if m.EmbedScale {
		params = append(params, ml.Param{Path: "embedding_scale", Role: ml.RoleScalar, Init: ml.Init{Value: math.Sqrt(float64(m.Width))}})
	}
	return params
}

// Logits implements Model.
func (m *Llama) Logits(tokens_BT *Node, n norm.Norm, vars ml.Vars) *Node {
	dims := tokens_BT.Shape().Dimensions
	b, t := dims[0], dims[1]
	table_VD := vars.At("embedding")
	x_ND := Gather(table_VD, Reshape(tokens_BT, b*t, 1))
	if m.EmbedScale {
		x_ND = Mul(x_ND, vars.At("embedding_scale"))
	}
	rope := newRope(tokens_BT.Graph(), t, m.Width/m.Heads, m.RopeTheta)
	mask_TT := LowerTriangular(tokens_BT.Graph(), t)
	for i := range m.Layers {
		at := fmt.Sprintf("layers.%d.", i)
		y_ND := n.Apply(x_ND, at+"norm.attention", vars)
		x_ND = Add(x_ND, m.attention(y_ND, b, t, at+"attention.", rope, mask_TT, vars))
		y_ND = n.Apply(x_ND, at+"norm.ffn", vars)
		x_ND = Add(x_ND, swiglu(y_ND, at+"ffn.", vars))
	}
	x_ND = n.Apply(x_ND, "norm.final", vars)
	out_VD := table_VD
	if !m.Tied {
		out_VD = vars.At("head")
	}
	return Reshape(linear(x_ND, out_VD), b, t, out_VD.Shape().Dimensions[0])
}

// linear multiplies rows [N, in] by a weight [out, in].
func linear(x_NI, w_OI *Node) *Node {
	return DotGeneral(x_NI, []int{1}, nil, w_OI, []int{1}, nil)
}

// swiglu is down(silu(gate x) · up x).
func swiglu(x_ND *Node, at string, vars ml.Vars) *Node {
	gate_NF := linear(x_ND, vars.At(at+"gate"))
	up_NF := linear(x_ND, vars.At(at+"up"))
	return linear(Mul(Mul(gate_NF, Sigmoid(gate_NF)), up_NF), vars.At(at+"down"))
}

// attention is causal softmax attention over grouped heads.
func (m *Llama) attention(x_ND *Node, b, t int, at string, rope rope, mask_TT *Node, vars ml.Vars) *Node {
	head := m.Width / m.Heads
	heads := func(name string, n int) *Node { // [B, n, T, d]
		return TransposeAllDims(Reshape(linear(x_ND, vars.At(at+name)), b, t, n, head), 0, 2, 1, 3)
	}
	q_BHTd := rope.rotate(heads("q", m.Heads))
	k_BHTd := m.share(rope.rotate(heads("k", m.KVHeads)))
	v_BHTd := m.share(heads("v", m.KVHeads))
	scores_BHTT := DotGeneral(q_BHTd, []int{3}, []int{0, 1}, k_BHTd, []int{3}, []int{0, 1})
	scores_BHTT = MulScalar(scores_BHTT, 1/math.Sqrt(float64(head)))
	weights_BHTT := causalSoftmax(scores_BHTT, mask_TT)
	out_BHTd := DotGeneral(weights_BHTT, []int{3}, []int{0, 1}, v_BHTd, []int{2}, []int{0, 1})
	out_ND := Reshape(TransposeAllDims(out_BHTd, 0, 2, 1, 3), b*t, m.Heads*head)
	return linear(out_ND, vars.At(at+"o"))
}

// share repeats each key or value head for the query heads that use it.
func (m *Llama) share(x_BKTd *Node) *Node {
	group := m.Heads / m.KVHeads
	if group == 1 {
		return x_BKTd
	}
	d := x_BKTd.Shape().Dimensions
	wide := BroadcastToDims(ExpandAxes(x_BKTd, 2), d[0], d[1], group, d[2], d[3])
	return Reshape(wide, d[0], d[1]*group, d[2], d[3])
}

// hidden is added to scores of positions that lie ahead: far enough below any
// score that its exponential is exactly 0 in float32.
const hidden = -1e9

// causalSoftmax is the softmax over the last axis of what the mask shows.
func causalSoftmax(scores_BHTT, mask_TT *Node) *Node {
	g := scores_BHTT.Graph()
	penalty_TT := Where(mask_TT, ScalarZero(g, dtypes.Float32), Scalar(g, dtypes.Float32, hidden))
	dims := scores_BHTT.Shape().Dimensions
	masked := Add(scores_BHTT, Reshape(penalty_TT, 1, 1, dims[2], dims[3]))
	top := StopGradient(ReduceAndKeep(masked, ReduceMax, -1))
	e := Exp(Sub(masked, top))
	return Div(e, ReduceAndKeep(e, ReduceSum, -1))
}

// rope holds the rotary tables, [T, d/2] each.
type rope struct{ cos, sin *Node }

// newRope computes θ^(−2i/d) and the angles in the graph, in float32, so that
// the fingerprint witnesses them.
func newRope(g *Graph, t, head int, theta float64) rope {
	half := head / 2
	exponent := MulScalar(Iota(g, shapes.Make(dtypes.Float32, half), 0), -2/float64(head))
	frequency := Pow(Scalar(g, dtypes.Float32, theta), exponent)
	angle := Mul(Iota(g, shapes.Make(dtypes.Float32, t, half), 0), Reshape(frequency, 1, half))
	return rope{Cos(angle), Sin(angle)}
}

// rotate turns the two halves of each head together, as Hugging Face's layout
// of Llama has it.
func (r rope) rotate(x_BHTd *Node) *Node {
	d := x_BHTd.Shape().Dimensions
	half := d[3] / 2
	cos, sin := Reshape(r.cos, 1, 1, d[2], half), Reshape(r.sin, 1, 1, d[2], half)
	a := Slice(x_BHTd, AxisRange(), AxisRange(), AxisRange(), AxisRange(0, half))
	z := Slice(x_BHTd, AxisRange(), AxisRange(), AxisRange(), AxisRange(half, d[3]))
	return Concatenate([]*Node{Sub(Mul(a, cos), Mul(z, sin)), Add(Mul(z, cos), Mul(a, sin))}, -1)
}

// Validate implements pipeline.Stage.
func (m *Llama) Validate() diag.List {
	var list diag.List
	wrong := func(name, detail string, args ...any) {
		list = append(list, diag.Errorf(diag.Path{name}, "Out of range", detail, args...)...)
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"layers", m.Layers}, {"width", m.Width}, {"heads", m.Heads}, {"kv_heads", m.KVHeads}, {"ffn", m.FFN}} {
		if f.value < 1 {
			wrong(f.name, "%s must be at least 1, not %d.", f.name, f.value)
		}
	}
	if m.RopeTheta <= 0 {
		wrong("rope_theta", "rope_theta must be above 0, not %v.", m.RopeTheta)
	}
	if m.InitStd <= 0 {
		wrong("init_std", "init_std must be above 0, not %v: equal weights would never part.", m.InitStd)
	}
	if len(list) > 0 {
		return list
	}
	switch {
	case m.Width%m.Heads != 0:
		wrong("width", "width %d cannot be divided among %d heads. Make it a multiple, for example %d.",
			m.Width, m.Heads, (m.Width/m.Heads+1)*m.Heads)
	case m.Width/m.Heads%2 != 0:
		wrong("heads", "%d heads of width %d are %d wide each, and rotary positions need an even width.", m.Heads, m.Width, m.Width/m.Heads)
	}
	if m.Heads%m.KVHeads != 0 {
		wrong("kv_heads", "%d heads cannot share %d key and value heads evenly.", m.Heads, m.KVHeads)
	}
	return list
}

// Describe implements pipeline.Stage.
func (m *Llama) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	what := cache.Map(map[string]cache.Value{"part": cache.String("model"), "spec": cache.String(fmt.Sprintf("%+v", *m))})
	d, err := in.Memo.Digest(what, func() (cache.Digest, error) { return ml.Fingerprint(m.alone()) })
	if err != nil {
		return pipeline.Recipe{}, fmt.Errorf("fingerprinting the model: %w", err)
	}
	return pipeline.Recipe{
		Code:    cache.Map(map[string]cache.Value{"model": cache.DigestValue(d)}),
		Outputs: pipeline.DefinitionOutputs(),
	}, nil
}

// alone is the model by itself with a plain norm, a small vocabulary and a
// short sequence.
func (m *Llama) alone() ml.Program {
	n := &norm.None{}
	params := m.Params(n, 4)
	p := ml.Program{Name: "model", Inputs: []ml.Input{{Name: "tokens", Shape: []int{1, 4}, DType: dtypes.Int32}}}
	for _, q := range params {
		p.Inputs = append(p.Inputs, ml.Input{Name: q.Path, Shape: q.Shape, DType: dtypes.Float32})
	}
	p.Build = func(in []*Node) []*Node {
		return []*Node{m.Logits(in[0], n, ml.NewVars(params, in[1:]))}
	}
	return p
}

// Run implements pipeline.Stage.
func (m *Llama) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(m) }
