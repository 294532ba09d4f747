package model

import (
	"context"
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
	"ablate/pipeline"
	"ablate/stages/internal/express"
	"ablate/stages/internal/ml"
	"ablate/stages/norm"
)

// GPT2 is model "gpt2": learnt positions, one fused matrix for queries, keys
// and values, and a feed-forward layer with the exact GELU, as nanoGPT has it.
// Weights are [out, in]; those of the fused matrix are stacked query, key,
// value.
type GPT2 struct {
	Preset        string          `hcl:"preset,preset" key:"-" json:"-" doc:"Values for the rest, all after nanoGPT: \"nano-char\" (its character model, with dropout 0.2), \"124m\" and \"350m\"."`
	Layers        int             `hcl:"layers" doc:"Number of transformer blocks."`
	Width         int             `hcl:"width" doc:"Width of the residual stream."`
	Heads         int             `hcl:"heads" doc:"Heads; width must be a multiple."`
	FFN           int             `hcl:"ffn,optional" doc:"Width of the feed-forward layer. Default: 4 times width."`
	Positions     int             `hcl:"positions,optional" doc:"The longest sequence: each position has an embedding of its own."`
	Bias          bool            `hcl:"bias,optional" doc:"Whether linear layers add a vector."`
	Tied          bool            `hcl:"tied,optional" doc:"Whether the output projection is the embedding."`
	EmbedScale    bool            `hcl:"embed_scale,optional" doc:"A learnt multiplier of the embeddings, starting at √width, as the authors of DyT and Derf use it."`
	InitStd       float64         `hcl:"init_std,optional" doc:"Standard deviation of the initial weights; of those that write into the residual stream it is divided by √(2 layers)."`
	ResidualScale *float64        `hcl:"residual_scale,optional" doc:"Start of a learnt multiplier of what each sublayer adds to the residual stream; without it there is none."`
	Attention     string          `hcl:"attention,optional" doc:"How it is computed: \"plain\", with all scores of a sequence together; \"flash\", in blocks of 512 queries and keys whose scores the backward pass computes again (arXiv 2205.14135); or \"cudnn\", by NVIDIA's kernel, which needs backend = \"xla:cuda\" and precision = \"bf16\" and takes no dropout."`
	Dropout       float64         `hcl:"dropout,optional" doc:"Share of elements dropped in training: of the embeddings, the attention weights, and what each sublayer adds."`
	Placement     placement       `hcl:"placement,optional" json:",omitzero" doc:"Where norms stand: \"pre\", x + f(norm(x)) in each sublayer and one norm at the end; \"post\", norm(x + f(x)) and none at the end (arXiv 1706.03762); or \"peri\", x + norm(f(norm(x))) and one at the end (arXiv 2502.02732)."`
	Let           *formula.Let    `hcl:"let,block" key:"-" json:"-" doc:"Intermediates: names for parts of the activation. The names enter no key."`
	Activation    formula.Formula `hcl:"activation,optional" json:",omitzero" doc:"What the matrix down of the feed-forward layer takes: a formula of up. Default: gelu(up)."`
}

// FormulaNames implements spec.FormulaNamer.
func (m *GPT2) FormulaNames() []string { return []string{"up"} }

func newGPT2() *GPT2 {
	return &GPT2{Attention: plain, Placement: pre, Positions: 1024, Bias: true, Tied: true, InitStd: 0.02}
}

var gpt2Presets = map[string]func(*GPT2){
	"nano-char": func(m *GPT2) {
		m.Layers, m.Width, m.Heads, m.Positions, m.Bias, m.Dropout = 6, 384, 6, 256, false, 0.2
	},
	"124m": func(m *GPT2) { m.Layers, m.Width, m.Heads, m.Bias = 12, 768, 12, false },
	"350m": func(m *GPT2) { m.Layers, m.Width, m.Heads, m.Bias = 24, 1024, 16, false },
}

// SetPreset implements spec.Presetter.
func (m *GPT2) SetPreset(name string) bool {
	fill, ok := gpt2Presets[name]
	if ok {
		*m = *newGPT2()
		m.Preset = name
		fill(m)
	}
	return ok
}

// Presets implements spec.Presetter.
func (m *GPT2) Presets() []string { return []string{"nano-char", "124m", "350m"} }

// Resolve fills derived defaults.
func (m *GPT2) Resolve() {
	if m.FFN == 0 {
		m.FFN = 4 * m.Width
	}
}

// Traits implements Model.
func (m *GPT2) Traits() Traits {
	return Traits{Layers: m.Layers, Width: m.Width, Heads: m.Heads, Longest: m.Positions, Block: block(m.Attention), CuDNN: m.Attention == byCuDNN, Noisy: m.Dropout > 0,
		Sites: m.Placement.sites()}
}

// Params implements Model.
func (m *GPT2) Params(n norm.Norms, vocabulary int) []ml.Param {
	inner := m.InitStd / math.Sqrt(2*float64(m.Layers))
	var params []ml.Param
	matrix := func(path string, out, in int, role ml.Role, std float64) {
		params = append(params, ml.Param{Path: path, Shape: []int{out, in}, Role: role, Init: ml.Init{Std: std}})
	}
	linear := func(path string, out, in, parts int, std float64) {
		matrix(path, out, in, ml.RoleMatrix, std)
		params[len(params)-1].Parts = parts
		if m.Bias {
			params = append(params, ml.Param{Path: path + "_bias", Shape: []int{out}, Role: ml.RoleVector})
		}
	}
	matrix("embedding", vocabulary, m.Width, ml.RoleEmbedding, m.InitStd)
	matrix("positions", m.Positions, m.Width, ml.RoleEmbedding, m.InitStd)
	for i := range m.Layers {
		at := fmt.Sprintf("layers.%d.", i)
		params = append(params, m.Placement.params(n, at, norm.Attention, m.Width)...)
		linear(at+"attention.qkv", 3*m.Width, m.Width, 3, m.InitStd)
		linear(at+"attention.o", m.Width, m.Width, 0, inner)
		params = append(params, m.Placement.params(n, at, norm.FFN, m.Width)...)
		params = append(params, queryKeyParams(n, at, m.Width/m.Heads)...)
		linear(at+"ffn.up", m.FFN, m.Width, 0, m.InitStd)
		linear(at+"ffn.down", m.Width, m.FFN, 0, inner)
		params = append(params, residualParams(at, m.ResidualScale)...)
	}
	params = append(params, m.Placement.endParams(n, m.Width)...)
	if !m.Tied {
		matrix("head", vocabulary, m.Width, ml.RoleHead, m.InitStd)
	}
	if m.EmbedScale {
		params = append(params, embeddingScale(m.Width))
	}
	return params
}

// Head implements Model.
func (m *GPT2) Head() string { return head(m.Tied) }

// Rows implements Model.
func (m *GPT2) Rows(tokens_BT *Node, n norm.Norms, vars ml.Vars) *Node {
	dims := tokens_BT.Shape().Dimensions
	b, t := dims[0], dims[1]
	x_BTD := Reshape(Gather(vars.At("embedding"), Reshape(tokens_BT, b*t, 1)), b, t, m.Width)
	if m.EmbedScale {
		x_BTD = Mul(x_BTD, vars.At("embedding_scale"))
	}
	positions_TD := Slice(vars.At("positions"), AxisRange(0, t), AxisRange())
	x_ND := Reshape(Add(x_BTD, Reshape(positions_TD, 1, t, m.Width)), b*t, m.Width)
	x_ND = n.Apply(x_ND, norm.Embedding, embeddingNorm, vars)
	x_ND = vars.Dropout(x_ND, m.Dropout, "embedding")
	mask_TT := LowerTriangular(tokens_BT.Graph(), t)
	stream := stream{placement: m.Placement, norms: n, scaled: m.ResidualScale != nil, dropout: m.Dropout, vars: vars}
	for i := range m.Layers {
		at := fmt.Sprintf("layers.%d.", i)
		x_ND = vars.Enter(x_ND)
		x_ND = stream.through(x_ND, at, norm.Attention, func(y_ND *Node) *Node { return m.attention(y_ND, b, t, at, n, mask_TT, vars) })
		x_ND = stream.through(x_ND, at, norm.FFN, func(y_ND *Node) *Node {
			return m.linear(m.activate(m.linear(y_ND, at+"ffn.up", vars)), at+"ffn.down", vars)
		})
	}
	return stream.end(vars.Leave(x_ND))
}

// attention is causal softmax attention with as many key and value heads as
// query heads.
func (m *GPT2) attention(x_ND *Node, b, t int, layer string, n norm.Norms, mask_TT *Node, vars ml.Vars) *Node {
	at := layer + "attention"
	fused_NE := m.linear(x_ND, at+".qkv", vars)
	part := func(i int) *Node { return Slice(fused_NE, AxisRange(), AxisRange(i*m.Width, (i+1)*m.Width)) }
	q_BHTd := splitHeads(queryKey(part(0), m.Heads, layer+queryNorm, n, vars), b, t, m.Heads)
	k_BHTd := splitHeads(queryKey(part(1), m.Heads, layer+keyNorm, n, vars), b, t, m.Heads)
	v_BHTd := splitHeads(part(2), b, t, m.Heads)
	return m.linear(attend(m.Attention, q_BHTd, k_BHTd, v_BHTd, mask_TT, m.Dropout, at, vars), at+".o", vars)
}

func (m *GPT2) linear(x_NI *Node, path string, vars ml.Vars) *Node {
	y_NO := vars.Linear(x_NI, path)
	if m.Bias {
		y_NO = Add(y_NO, ExpandAxes(vars.At(path+"_bias"), 0))
	}
	return y_NO
}

// activate is GELU, or the study's activation.
func (m *GPT2) activate(up_NF *Node) *Node {
	if m.Activation.IsZero() {
		return express.GELU(up_NF)
	}
	return activation(m.Activation, map[string]*Node{"up": up_NF})
}

// Validate implements pipeline.Stage.
func (m *GPT2) Validate() diag.List {
	var c checks
	c.size("layers", m.Layers, mostLayers)
	c.size("width", m.Width, mostWide)
	if len(c.list) == 0 { // else it follows from what is wrong
		c.size("ffn", m.FFN, mostFFN)
	}
	c.size("heads", m.Heads, mostWide)
	c.size("positions", m.Positions, mostWide)
	c.shared(m.InitStd, m.Dropout, m.ResidualScale, m.Attention)
	c.placement(m.Placement)
	c.list = append(c.list, checkActivation(m.Activation, m.FormulaNames())...)
	if len(c.list) == 0 {
		c.heads(m.Width, m.Heads)
		c.fusedHeads(m.Attention, m.Width, m.Heads)
	}
	return c.list
}

// Describe implements pipeline.Stage.
func (m *GPT2) Describe(in pipeline.Inputs) (pipeline.Recipe, error) { return describe(m, in, "gpt2") }

// Run implements pipeline.Stage.
func (m *GPT2) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(m) }
