package kernels_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/kernels"
	"ablate/stages/internal/kernels/fuse"
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/lower"
	"ablate/stages/internal/kernels/simd"
)

// causal is attention with a mask, of queries, keys and values [B, H, T, d]. It also
// returns the scores before the mask.
func causal(q, k, v *graph.Node, hidden float64) (out, scores *graph.Node) {
	out, scores, _ = withWeights(q, k, v, hidden)
	return out, scores
}

func withWeights(q, k, v *graph.Node, hidden float64) (out, scores, weights *graph.Node) {
	g, d := q.Graph(), q.Shape().Dimensions
	seen := graph.LessOrEqual(graph.Iota(g, shapes.Make(dtypes.Int32, d[2], d[2]), 1), graph.Iota(g, shapes.Make(dtypes.Int32, d[2], d[2]), 0))
	mask := graph.Where(seen, graph.ScalarZero(g, dtypes.Float32), graph.Scalar(g, dtypes.Float32, hidden))
	scores = graph.MulScalar(graph.DotGeneral(q, []int{3}, []int{0, 1}, k, []int{3}, []int{0, 1}), 0.3)
	masked := graph.Add(scores, graph.Reshape(mask, 1, 1, d[2], d[2]))
	e := graph.Exp(graph.Sub(masked, graph.StopGradient(graph.ReduceAndKeep(masked, graph.ReduceMax, -1))))
	weights = graph.Div(e, graph.ReduceAndKeep(e, graph.ReduceSum, -1))
	return graph.DotGeneral(weights, []int{3}, []int{0, 1}, v, []int{2}, []int{0, 1}), scores, weights
}

// attentions are graphs of attention, and how many of their products and groups are
// computed in part.
var attentions = map[string]struct {
	products, groups int
	build            func(in []*graph.Node) *graph.Node
}{
	"forward": {2, 1, func(in []*graph.Node) *graph.Node {
		out, _ := causal(in[0], in[1], in[2], -1e9)
		return out
	}},
	"backward": {6, 2, func(in []*graph.Node) *graph.Node {
		out, _ := causal(in[0], in[1], in[2], -1e9)
		slopes := graph.Gradient(graph.ReduceAllSum(graph.Mul(out, out)), in...)
		return graph.Concatenate(slopes, 0)
	}},
	"scores that are also a result": {1, 0, func(in []*graph.Node) *graph.Node {
		out, scores := causal(in[0], in[1], in[2], -1e9)
		return graph.Concatenate([]*graph.Node{graph.ReduceSum(out, -1), graph.ReduceSum(scores, -1)}, 0)
	}},
	"the largest score of all": {1, 0, func(in []*graph.Node) *graph.Node {
		out, scores := causal(in[0], in[1], in[2], -1e9)
		return graph.Mul(out, graph.ReduceAllMax(scores))
	}},
	"a mask that hides nothing": {0, 0, func(in []*graph.Node) *graph.Node {
		out, _ := causal(in[0], in[1], in[2], -2)
		return out
	}},
	"weights without a mask beside": {1, 0, func(in []*graph.Node) *graph.Node {
		out, scores := causal(in[0], in[1], in[2], -1e9)
		both := graph.DotGeneral(graph.Exp(scores), []int{3}, []int{0, 1}, in[2], []int{2}, []int{0, 1})
		return graph.Add(graph.MulScalar(both, 1e-3), out)
	}},
	"weights that are also a result": {2, 0, func(in []*graph.Node) *graph.Node {
		out, _, weights := withWeights(in[0], in[1], in[2], -1e9)
		return graph.Concatenate([]*graph.Node{graph.Reshape(out, -1), graph.Reshape(weights, -1)}, 0)
	}},
}

// TestAttention compares attention with a causal mask with the backend. All memory
// holds NaN when it is computed: what is never written must not be read.
func TestAttention(t *testing.T) {
	for _, length := range []int{17, 64, 96, 128, 130, 320} {
		in := slices.Repeat([]shapes.Shape{f32(2, 3, length, 16)}, 3)
		for name, tt := range attentions {
			t.Run(fmt.Sprint(name, length), func(t *testing.T) {
				plain, _, numbers := both(t, in, tt.build)
				near(t, plain, afterNaN(t, in, numbers, tt.build), 1e-4)
			})
		}
	}
}

// afterNaN runs a graph with the kernels on numbers, after a run on NaN.
func afterNaN(t *testing.T, inputs []shapes.Shape, numbers [][]float32, build func(in []*graph.Node) *graph.Node) []float32 {
	t.Helper()
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	if b, err = kernels.Install(b); err != nil {
		t.Fatal(err)
	}
	g := graph.NewGraph(b, "test")
	var nodes []*graph.Node
	for i, s := range inputs {
		nodes = append(nodes, graph.Parameter(g, fmt.Sprint(i), s))
	}
	if err := g.Compile(build(nodes)); err != nil {
		t.Fatal(err)
	}
	run := func(numbers [][]float32) []float32 {
		var args []compute.Buffer
		for i, s := range inputs {
			buf, err := b.BufferFromFlatData(0, numbers[i], s)
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, buf)
		}
		out, err := g.Executable().Execute(args, []bool{true, true, true}, 0)
		if err != nil {
			t.Fatal(err)
		}
		shape, err := out[0].Shape()
		if err != nil {
			t.Fatal(err)
		}
		flat := make([]float32, shape.Size())
		if err := out[0].ToFlatData(flat); err != nil {
			t.Fatal(err)
		}
		if err := out[0].Finalize(); err != nil {
			t.Fatal(err)
		}
		return flat
	}
	run(slices.Repeat([][]float32{slices.Repeat([]float32{float32(math.NaN())}, len(numbers[0]))}, len(inputs)))
	return run(numbers)
}

// TestParts counts what is computed in part.
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
			if c.products != tt.products || c.groups != tt.groups {
				t.Errorf("%d products and %d groups are computed in part, want %d and %d", c.products, c.groups, tt.products, tt.groups)
			}
		})
	}
}

// counter is a backend that counts products and groups that are computed in part.
type counter struct {
	compute.Backend
	products, groups int
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
	triangles := g.Triangles()
	lower.Products(g, triangles)
	lower.Fusions(fuse.NewPartition(g), triangles)
	g.Refresh()
	for _, n := range g.Live {
		switch data := n.Data.(type) {
		case *lower.Product:
			if data.Part != simd.Whole {
				b.counter.products++
			}
		case *lower.Fusion:
			if data.Program.Lower {
				b.counter.groups++
			}
		}
	}
	g.Schedule()
	return b.Builder.Compile()
}
