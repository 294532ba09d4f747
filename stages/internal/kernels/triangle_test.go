package kernels_test

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/kernels/fuse"
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/lower"
	"ablate/stages/internal/kernels/simd"
)

// causal is attention with a mask, of queries, keys and values [B, H, T, d]. It also
// returns the scores before the mask.
func causal(q, k, v *graph.Node, hidden float64) (out, scores *graph.Node) {
	g, d := q.Graph(), q.Shape().Dimensions
	seen := graph.LessOrEqual(graph.Iota(g, shapes.Make(dtypes.Int32, d[2], d[2]), 1), graph.Iota(g, shapes.Make(dtypes.Int32, d[2], d[2]), 0))
	mask := graph.Where(seen, graph.ScalarZero(g, dtypes.Float32), graph.Scalar(g, dtypes.Float32, hidden))
	scores = graph.MulScalar(graph.DotGeneral(q, []int{3}, []int{0, 1}, k, []int{3}, []int{0, 1}), 0.3)
	masked := graph.Add(scores, graph.Reshape(mask, 1, 1, d[2], d[2]))
	e := graph.Exp(graph.Sub(masked, graph.StopGradient(graph.ReduceAndKeep(masked, graph.ReduceMax, -1))))
	weights := graph.Div(e, graph.ReduceAndKeep(e, graph.ReduceSum, -1))
	return graph.DotGeneral(weights, []int{3}, []int{0, 1}, v, []int{2}, []int{0, 1}), scores
}

// attentions are graphs of attention, and how many of their products are not whole.
var attentions = map[string]struct {
	parts int
	build func(in []*graph.Node) *graph.Node
}{
	"forward": {2, func(in []*graph.Node) *graph.Node {
		out, _ := causal(in[0], in[1], in[2], -1e9)
		return out
	}},
	"backward": {6, func(in []*graph.Node) *graph.Node {
		out, _ := causal(in[0], in[1], in[2], -1e9)
		slopes := graph.Gradient(graph.ReduceAllSum(graph.Mul(out, out)), in...)
		return graph.Concatenate(slopes, 0)
	}},
	"scores that are also a result": {1, func(in []*graph.Node) *graph.Node {
		out, scores := causal(in[0], in[1], in[2], -1e9)
		return graph.Concatenate([]*graph.Node{graph.ReduceSum(out, -1), graph.ReduceSum(scores, -1)}, 0)
	}},
	"the largest score of all": {1, func(in []*graph.Node) *graph.Node {
		out, scores := causal(in[0], in[1], in[2], -1e9)
		return graph.Mul(out, graph.ReduceAllMax(scores))
	}},
	"a mask that hides nothing": {0, func(in []*graph.Node) *graph.Node {
		out, _ := causal(in[0], in[1], in[2], -2)
		return out
	}},
	"weights without a mask beside": {1, func(in []*graph.Node) *graph.Node {
		out, scores := causal(in[0], in[1], in[2], -1e9)
		both := graph.DotGeneral(graph.Exp(scores), []int{3}, []int{0, 1}, in[2], []int{2}, []int{0, 1})
		return graph.Add(graph.MulScalar(both, 1e-3), out)
	}},
}

// TestAttention compares attention with a causal mask with the backend.
func TestAttention(t *testing.T) {
	for _, length := range []int{17, 64, 130} {
		in := slices.Repeat([]shapes.Shape{f32(2, 3, length, 16)}, 3)
		for name, tt := range attentions {
			t.Run(name, func(t *testing.T) {
				plain, ours, _ := both(t, in, tt.build)
				near(t, plain, ours, 1e-4)
			})
		}
	}
}

// TestParts counts the products of attention of which only a part is computed.
func TestParts(t *testing.T) {
	if !simd.HasTiles {
		t.Skip("this processor has no tiles")
	}
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range attentions {
		t.Run(name, func(t *testing.T) {
			c := &counter{Backend: b}
			g := graph.NewGraph(c, "test")
			var in []*graph.Node
			for _, name := range []string{"q", "k", "v"} {
				in = append(in, graph.Parameter(g, name, f32(2, 3, 64, 16)))
			}
			if err := g.Compile(tt.build(in)); err != nil {
				t.Fatal(err)
			}
			if c.parts != tt.parts {
				t.Errorf("%d products are computed in part, want %d", c.parts, tt.parts)
			}
		})
	}
}

// counter is a backend that counts products of which only a part is computed.
type counter struct {
	compute.Backend
	parts int
}

func (c *counter) Builder(name string) compute.Builder {
	return &countingBuilder{c.Backend.Builder(name), c}
}

type countingBuilder struct {
	compute.Builder
	counter *counter
}

func (b *countingBuilder) Compile() (compute.Executable, error) {
	g, _ := fuse.NewGraph(hook.Main(b.Builder))
	g.FoldConstants()
	lower.Products(g)
	for _, n := range g.Live {
		if p, ok := n.Data.(*lower.Product); ok && p.Part != simd.Whole {
			b.counter.parts++
		}
	}
	lower.Fusions(fuse.NewPartition(g))
	g.Schedule()
	return b.Builder.Compile()
}
