package model

import (
	"context"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/norm"
)

// Shape letters: B sequences, T positions, D width, H query heads, K key and
// value heads, d width of a head, F width of the feed-forward layer, V
// vocabulary, N = B·T.

// Llama is model "llama". Weights are [out, in].
type Llama struct {
	Preset        string          `hcl:"preset,preset" key:"-" json:"-" doc:"Values for the rest: \"tiny\", \"124m\" and \"350m\" (GPT-2's depths, widths and heads; that many parameters with its tokens), \"1b-paper\" (arXiv 2604.01563; its base of the rotary frequencies is Llama 3's, which the paper does not name), \"llama-3.2-1b\"."`
	Layers        int             `hcl:"layers" doc:"Number of transformer blocks."`
	Width         int             `hcl:"width" doc:"Width of the residual stream."`
	Heads         int             `hcl:"heads" doc:"Query heads; width must be a multiple, and each head's width even."`
	KVHeads       int             `hcl:"kv_heads,optional" doc:"Key and value heads, each shared by heads / kv_heads query heads. Default: heads."`
	FFN           int             `hcl:"ffn,optional" doc:"Width of the feed-forward layer. Default: 8/3 of width, rounded up to a multiple of 8."`
	RopeTheta     float64         `hcl:"rope_theta,optional" doc:"Base of the rotary frequencies."`
	Tied          bool            `hcl:"tied,optional" doc:"Whether the output projection is the embedding."`
	EmbedScale    bool            `hcl:"embed_scale,optional" doc:"A learnt multiplier of the embeddings, starting at √width, as the authors of DyT and Derf use it."`
	InitStd       float64         `hcl:"init_std,optional" doc:"Standard deviation of the initial weights."`
	ResidualScale *float64        `hcl:"residual_scale,optional" doc:"Start of a learnt multiplier of what each sublayer adds to the residual stream; without it there is none."`
	Attention     string          `hcl:"attention,optional" doc:"How it is computed: \"plain\", with all scores of a sequence together; \"flash\", in blocks of 512 queries and keys whose scores the backward pass computes again (arXiv 2205.14135); or \"cudnn\", by NVIDIA's kernel, which needs backend = \"xla:cuda\" and precision = \"bf16\" and takes no dropout."`
	Dropout       float64         `hcl:"dropout,optional" doc:"Share of elements dropped in training: of the embeddings, the attention weights, and what each sublayer adds."`
	Placement     placement       `hcl:"placement,optional" json:",omitzero" doc:"Where norms stand: \"pre\", x + f(norm(x)) in each sublayer and one norm at the end; \"post\", norm(x + f(x)) and none at the end (arXiv 1706.03762); or \"peri\", x + norm(f(norm(x))) and one at the end (arXiv 2502.02732)."`
	Let           *formula.Let    `hcl:"let,block" key:"-" json:"-" doc:"Intermediates: names for parts of the activation. The names enter no key."`
	Activation    formula.Formula `hcl:"activation,optional" json:",omitzero" doc:"What the matrix down of the feed-forward layer takes: a formula of gate and up. Without gate there is no matrix gate. Default: silu(gate) * up."`
}

// FormulaNames implements spec.FormulaNamer.
func (m *Llama) FormulaNames() []string { return []string{"gate", "up"} }

func newLlama() *Llama {
	return &Llama{Attention: plain, Placement: pre, RopeTheta: 10000, Tied: true, InitStd: 0.02}
}

var llamaPresets = map[string]func(*Llama){
	"tiny": func(m *Llama) { m.Layers, m.Width, m.Heads = 4, 128, 4 },
	"124m": func(m *Llama) { m.Layers, m.Width, m.Heads = 12, 768, 12 },
	"350m": func(m *Llama) { m.Layers, m.Width, m.Heads = 24, 1024, 16 },
	"1b-paper": func(m *Llama) {
		m.Layers, m.Width, m.Heads, m.KVHeads, m.FFN, m.RopeTheta = 16, 2048, 32, 8, 5632, 5e5
	},
	"llama-3.2-1b": func(m *Llama) {
		m.Layers, m.Width, m.Heads, m.KVHeads, m.FFN, m.RopeTheta = 16, 2048, 32, 8, 8192, 5e5
	},
}

// SetPreset implements spec.Presetter.
func (m *Llama) SetPreset(name string) bool {
	fill, ok := llamaPresets[name]
	if ok {
		*m = *newLlama()
		m.Preset = name
		fill(m)
	}
	return ok
}

// Presets implements spec.Presetter.
func (m *Llama) Presets() []string {
	return []string{"tiny", "124m", "350m", "1b-paper", "llama-3.2-1b"}
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

// Traits implements Model.
func (m *Llama) Traits() Traits {
	return Traits{Layers: m.Layers, Width: m.Width, Heads: m.Heads, Block: block(m.Attention), CuDNN: m.Attention == byCuDNN, Noisy: m.Dropout > 0,
		Sites: m.Placement.sites()}
}

// Params implements Model.
func (m *Llama) Params(n norm.Norms, vocabulary int) []ml.Param {
	head := m.Width / m.Heads
	matrix := func(path string, out, in int, role ml.Role) ml.Param {
		return ml.Param{Path: path, Shape: []int{out, in}, Role: role, Init: ml.Init{Std: m.InitStd}}
	}
	params := []ml.Param{matrix("embedding", vocabulary, m.Width, ml.RoleEmbedding)}
	for i := range m.Layers {
		at := fmt.Sprintf("layers.%d.", i)
		params = append(params, m.Placement.params(n, at, norm.Attention, m.Width)...)
		params = append(params,
			matrix(at+"attention.q", m.Heads*head, m.Width, ml.RoleMatrix),
			matrix(at+"attention.k", m.KVHeads*head, m.Width, ml.RoleMatrix),
			matrix(at+"attention.v", m.KVHeads*head, m.Width, ml.RoleMatrix),
			matrix(at+"attention.o", m.Width, m.Heads*head, ml.RoleMatrix))
		params = append(params, m.Placement.params(n, at, norm.FFN, m.Width)...)
		params = append(params, queryKeyParams(n, at, m.Width/m.Heads)...)
		if m.gated() {
			params = append(params, matrix(at+"ffn.gate", m.FFN, m.Width, ml.RoleMatrix))
		}
		params = append(params,
			matrix(at+"ffn.up", m.FFN, m.Width, ml.RoleMatrix),
			matrix(at+"ffn.down", m.Width, m.FFN, ml.RoleMatrix))
		params = append(params, residualParams(at, m.ResidualScale)...)
	}
	params = append(params, m.Placement.endParams(n, m.Width)...)
	if !m.Tied {
		params = append(params, matrix("head", vocabulary, m.Width, ml.RoleHead))
	}
	if m.EmbedScale {
		params = append(params, embeddingScale(m.Width))
	}
	return params
}

// Head implements Model.
func (m *Llama) Head() string { return head(m.Tied) }

// Rows implements Model.
func (m *Llama) Rows(tokens_BT *Node, n norm.Norms, vars ml.Vars) *Node {
	dims := tokens_BT.Shape().Dimensions
	b, t := dims[0], dims[1]
	x_ND := Gather(vars.At("embedding"), Reshape(tokens_BT, b*t, 1))
	if m.EmbedScale {
		x_ND = Mul(x_ND, vars.At("embedding_scale"))
	}
	x_ND = n.Apply(x_ND, norm.Embedding, embeddingNorm, vars)
	x_ND = vars.Dropout(x_ND, m.Dropout, "embedding")
	rope := newRope(tokens_BT.Graph(), t, m.Width/m.Heads, m.RopeTheta)
	mask_TT := LowerTriangular(tokens_BT.Graph(), t)
	stream := stream{placement: m.Placement, norms: n, scaled: m.ResidualScale != nil, dropout: m.Dropout, vars: vars}
	for i := range m.Layers {
		at := fmt.Sprintf("layers.%d.", i)
		x_ND = vars.Enter(x_ND)
		x_ND = stream.through(x_ND, at, norm.Attention, func(y_ND *Node) *Node { return m.attention(y_ND, b, t, at, n, rope, mask_TT, vars) })
		x_ND = stream.through(x_ND, at, norm.FFN, func(y_ND *Node) *Node { return m.feedForward(y_ND, at+"ffn.", vars) })
	}
	return stream.end(vars.Leave(x_ND))
}

// gated reports whether the feed-forward layer has a gate.
func (m *Llama) gated() bool { return m.Activation.IsZero() || m.Activation.Reads("gate") }

// feedForward is down(silu(gate x) · up x), or down of the study's activation.
func (m *Llama) feedForward(x_ND *Node, at string, vars ml.Vars) *Node {
	if !m.gated() {
		return vars.Linear(activation(m.Activation, map[string]*Node{"up": vars.Linear(x_ND, at+"up")}), at+"down")
	}
	linear := vars.Linears(x_ND, at+"gate", at+"up")
	gate_NF := linear(at + "gate")
	up_NF := linear(at + "up")
	if !m.Activation.IsZero() {
		return vars.Linear(activation(m.Activation, map[string]*Node{"gate": gate_NF, "up": up_NF}), at+"down")
	}
	return vars.Linear(Mul(Mul(gate_NF, Sigmoid(gate_NF)), up_NF), at+"down")
}

// attention is causal softmax attention over grouped heads.
func (m *Llama) attention(x_ND *Node, b, t int, layer string, n norm.Norms, rope rope, mask_TT *Node, vars ml.Vars) *Node {
	at := layer + "attention"
	linear := vars.Linears(x_ND, at+".q", at+".k", at+".v")
	q_NE := queryKey(linear(at+".q"), m.Heads, layer+queryNorm, n, vars)
	k_NE := queryKey(linear(at+".k"), m.KVHeads, layer+keyNorm, n, vars)
	q_BHTd, k_BKTd := rope.rotate(splitHeads(q_NE, b, t, m.Heads)), rope.rotate(splitHeads(k_NE, b, t, m.KVHeads))
	v_BKTd := splitHeads(linear(at+".v"), b, t, m.KVHeads)
	out_ND := attend(m.Attention, q_BHTd, k_BKTd, v_BKTd, mask_TT, m.Dropout, at, vars)
	return vars.Linear(out_ND, at+".o")
}

// Validate implements pipeline.Stage.
func (m *Llama) Validate() diag.List {
	var c checks
	c.size("layers", m.Layers, mostLayers)
	c.size("width", m.Width, mostWide)
	c.size("heads", m.Heads, mostWide)
	if len(c.list) == 0 { // else these follow from what is wrong
		c.size("kv_heads", m.KVHeads, mostWide)
		c.size("ffn", m.FFN, mostFFN)
	}
	if m.RopeTheta <= 0 {
		c.wrong("rope_theta", "rope_theta must be above 0, not %v.", m.RopeTheta)
	}
	c.shared(m.InitStd, m.Dropout, m.ResidualScale, m.Attention)
	c.placement(m.Placement)
	c.list = append(c.list, checkActivation(m.Activation, m.FormulaNames())...)
	if len(c.list) > 0 {
		return c.list
	}
	c.heads(m.Width, m.Heads)
	c.fusedHeads(m.Attention, m.Width, m.Heads)
	if m.Width%m.Heads == 0 && m.Width/m.Heads%2 != 0 {
		c.wrong("heads", "%d heads of width %d are %d wide each, and rotary positions need an even width.", m.Heads, m.Width, m.Width/m.Heads)
	}
	if m.Heads%m.KVHeads != 0 {
		c.wrong("kv_heads", "%d heads cannot share %d key and value heads evenly.", m.Heads, m.KVHeads)
	}
	return c.list
}

// Describe implements pipeline.Stage.
func (m *Llama) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(m, in, "llama")
}

// Run implements pipeline.Stage.
func (m *Llama) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(m) }
