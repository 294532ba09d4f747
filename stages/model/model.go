// Package model holds the networks of the study.
package model

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/norm"
)

// Model is a language model up to its norms and vocabulary.
type Model interface {
	// Params declares all parameters for the norms of its sites and a vocabulary.
	Params(n norm.Norms, vocabulary int) []ml.Param
	// Rows maps tokens [B, T], int32, to what the output projection takes, rows
	// [B·T, width] of float32.
	Rows(tokens_BT *Node, n norm.Norms, vars ml.Vars) *Node
	// Head is the path of the output projection, [vocabulary, width].
	Head() string
	// Traits says what a trainer must know beside the graph.
	Traits() Traits
}

// Traits are facts about a model.
type Traits struct {
	Layers, Width, Heads int
	Longest              int         // positions of the longest sequence; 0 for no limit
	Block                int         // positions whose attention scores exist at a time; 0 for all
	CuDNN                bool        // attention is cuDNN's, on NVIDIA GPUs in half precision only
	Noisy                bool        // draws noise in training
	Sites                []norm.Site // where norms can stand
}

// Kinds lists the stages of block model.
func Kinds() []pipeline.Kind {
	return []pipeline.Kind{{
		Block: "model", Type: "llama", Version: 1, Role: pipeline.Definition,
		Doc: "A decoder-only transformer in Llama's shape: rotary positions, grouped-query attention, SwiGLU, norms before each sublayer and at the end, or where placement says.",
		New: func() pipeline.Stage { return newLlama() },
	}, {
		Block: "model", Type: "gpt2", Version: 1, Role: pipeline.Definition,
		Doc: "A decoder-only transformer in GPT-2's shape: learnt positions, fused attention weights, GELU, norms before each sublayer and at the end, or where placement says.",
		New: func() pipeline.Stage { return newGPT2() },
	}}
}

// Parameters counts the numbers that training changes.
func Parameters(params []ml.Param) int64 {
	var n int64
	for _, p := range params {
		if p.Role != ml.RoleBuffer {
			n += p.Size()
		}
	}
	return n
}

// FLOPs is the arithmetic of one trained token, forward and backward, in
// operations: 6 for each weight of a matrix product (arXiv 2001.08361, with the
// output projection and without the lookup of embeddings), and 12 · layers ·
// width · length for attention's own products, not halved for the mask.
func FLOPs(m Model, params []ml.Param, length int) float64 {
	weights, embedding, head := 0.0, 0.0, false
	for _, p := range params {
		switch {
		case p.Role == ml.RoleMatrix:
			weights += float64(p.Size())
		case p.Role == ml.RoleHead:
			weights, head = weights+float64(p.Size()), true
		case p.Path == "embedding":
			embedding = float64(p.Size())
		}
	}
	if !head {
		weights += embedding
	}
	t := m.Traits()
	return 6*weights + 12*float64(t.Layers)*float64(t.Width)*float64(length)
}

// embeddingScale is the learnt multiplier of the embeddings.
func embeddingScale(width int) ml.Param {
	return ml.Param{Path: "embedding_scale", Role: ml.RoleScalar, Init: ml.Init{Value: math.Sqrt(float64(width))}}
}

// Logits maps tokens [B, T], int32, to scores [B, T, vocabulary], float32.
func Logits(m Model, tokens_BT *Node, n norm.Norms, vars ml.Vars) *Node {
	dims, path := tokens_BT.Shape().Dimensions, m.Head()
	return Reshape(vars.Linear(m.Rows(tokens_BT, n, vars), path), dims[0], dims[1], vars.At(path).Shape().Dimensions[0])
}

// head is the path of the output projection.
func head(tied bool) string {
	if tied {
		return "embedding"
	}
	return "head"
}

// describe is Describe for all models.
func describe(m Model, in pipeline.Inputs, kind string) (pipeline.Recipe, error) {
	return ml.Define(in, "model", kind, m, func() ml.Program { return alone(m) })
}

// alone is a model by itself without norms, with a small vocabulary and a short
// sequence.
func alone(m Model) ml.Program {
	n, length := norm.Everywhere(&norm.None{}), 4
	if t := m.Traits(); t.Longest > 0 {
		length = min(length, t.Longest)
	}
	params := m.Params(n, 4)
	p := ml.Program{Name: "model", Inputs: []ml.Input{
		{Name: "tokens", Shape: []int{1, length}, DType: dtypes.Int32}, {Name: "noise", Shape: []int{2}, DType: dtypes.Uint32},
	}}
	for _, q := range params {
		p.Inputs = append(p.Inputs, ml.Input{Name: q.Path, Shape: q.Shape, DType: dtypes.Float32})
	}
	p.Build = func(in []*Node) []*Node {
		return []*Node{Logits(m, in[0], n, ml.NewVars(params, in[2:]).Noisy(in[1]))}
	}
	return p
}

// checks collects range errors.
type checks struct{ list diag.List }

func (c *checks) wrong(name, detail string, args ...any) {
	c.list = append(c.list, diag.Errorf(diag.Path{name}, "Out of range", detail, args...)...)
}

// The largest models that are worth describing: far beyond what anyone trains,
// and small enough that sizes can be counted and plans be made at once.
const (
	mostLayers = 1000
	mostWide   = 1 << 20
	mostFFN    = 4 * mostWide
)

// size checks a dimension of a model.
func (c *checks) size(name string, v, most int) {
	switch {
	case v < 1:
		c.wrong(name, "%s must be at least 1, not %d.", name, v)
	case v > most:
		c.wrong(name, "%s must be at most %d, not %d.", name, most, v)
	}
}

// shared checks what all models have.
func (c *checks) shared(std, dropout float64, scale *float64, attention string) {
	if attention != plain && attention != inBlocks && attention != byCuDNN {
		c.wrong("attention", "attention must be %q, %q or %q, not %q.", plain, inBlocks, byCuDNN, attention)
	}
	if attention == byCuDNN && dropout > 0 {
		c.wrong("attention", "attention = %q takes no dropout. Set dropout = 0, or attention = %q.", byCuDNN, inBlocks)
	}
	if std <= 0 {
		c.wrong("init_std", "init_std must be above 0, not %v: equal weights would never part.", std)
	}
	if dropout < 0 || dropout >= 1 {
		c.wrong("dropout", "dropout is a share, at least 0 and below 1, not %v.", dropout)
	}
	if scale != nil && *scale == 0 {
		c.wrong("residual_scale", "residual_scale must not be 0: no sublayer would ever learn.")
	}
}

func (c *checks) placement(p placement) {
	if p != pre && p != post && p != peri {
		c.wrong("placement", "placement must be %q, %q or %q, not %q.", pre, post, peri, p)
	}
}

// fusedHeads checks the width of a head that cuDNN's kernel computes.
func (c *checks) fusedHeads(attention string, width, heads int) {
	if d := width / heads; attention == byCuDNN && width%heads == 0 && (d%8 != 0 || d > 128) {
		c.wrong("attention", "attention = %q needs heads whose width is a multiple of 8 and at most 128, but %d heads of width %d are %d wide each. "+
			"Use another number of heads, or attention = %q.", byCuDNN, heads, width, d, inBlocks)
	}
}

func (c *checks) heads(width, heads int) {
	if width%heads != 0 {
		c.wrong("width", "width %d cannot be divided among %d heads. Make it a multiple, for example %d.",
			width, heads, (width/heads+1)*heads)
	}
}
