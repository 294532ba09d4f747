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

// masked adds a mask to scores [.., T, T], which shows columns up to some distance
// behind each row.
func masked(scores *graph.Node, behind int, hidden float64) *graph.Node {
	g, d := scores.Graph(), scores.Shape().Dimensions
	t := d[len(d)-1]
	row, column := graph.Iota(g, shapes.Make(dtypes.Int32, t, t), 0), graph.Iota(g, shapes.Make(dtypes.Int32, t, t), 1)
	shown := graph.LessOrEqual(graph.AddScalar(column, behind), row)
	mask := graph.Where(shown, graph.ScalarZero(g, dtypes.Float32), graph.Scalar(g, dtypes.Float32, hidden))
	return graph.Add(scores, graph.ExpandLeftToRank(mask, len(d)))
}

func softmax(x *graph.Node, axis int) *graph.Node {
	e := graph.Exp(graph.Sub(x, graph.StopGradient(graph.ReduceAndKeep(x, graph.ReduceMax, axis))))
	return graph.Div(e, graph.ReduceAndKeep(e, graph.ReduceSum, axis))
}

// causal is attention with a mask, of queries, keys and values [B, H, T, d]. It also
// returns the scores before the mask.
func causal(q, k, v *graph.Node, hidden float64) (out, scores *graph.Node) {
	out, scores, _ = withWeights(q, k, v, hidden)
	return out, scores
}

func withWeights(q, k, v *graph.Node, hidden float64) (out, scores, weights *graph.Node) {
	scores = graph.MulScalar(product(q, k, 3, 3), 0.3)
	weights = softmax(masked(scores, 0, hidden), -1)
	return product(weights, v, 3, 2), scores, weights
}

// product contracts an axis of [B, H, ..] with one of another.
func product(a, b *graph.Node, axisA, axisB int) *graph.Node {
	return graph.DotGeneral(a, []int{axisA}, []int{0, 1}, b, []int{axisB}, []int{0, 1})
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
		both := product(graph.Exp(scores), in[2], 3, 2)
		return graph.Add(graph.MulScalar(both, 1e-3), out)
	}},
	"a mask that hides a whole row": {0, 0, func(in []*graph.Node) *graph.Node {
		return product(softmax(masked(product(in[0], in[1], 3, 3), 1, -1e9), -1), in[2], 3, 2)
	}},
	"softmax over heads": {0, 0, func(in []*graph.Node) *graph.Node {
		return product(softmax(masked(product(in[0], in[1], 3, 3), 0, -1e9), 1), in[2], 3, 2)
	}},
	"less the smallest score": {0, 0, func(in []*graph.Node) *graph.Node {
		scores := masked(product(in[0], in[1], 3, 3), 0, -1e9)
		e := graph.Exp(graph.MulScalar(graph.Sub(scores, graph.ReduceAndKeep(scores, graph.ReduceMin, -1)), 1e-9))
		return product(e, in[2], 3, 2)
	}},
	"dropout": {6, 1, func(in []*graph.Node) *graph.Node {
		_, _, weights := withWeights(in[0], in[1], in[2], -1e9)
		keep := graph.GreaterThan(graph.ReduceSum(in[0], 3), graph.ScalarZero(in[0].Graph(), dtypes.Float32))
		keep = graph.BroadcastToDims(graph.ExpandAxes(keep, -1), weights.Shape().Dimensions...)
		out := product(graph.Where(keep, graph.MulScalar(weights, 2), graph.ZerosLike(weights)), in[2], 3, 2)
		return graph.Concatenate(graph.Gradient(graph.ReduceAllSum(graph.Mul(out, out)), in...), 0)
	}},
	"weights that are also a result": {2, 0, func(in []*graph.Node) *graph.Node {
		out, _, weights := withWeights(in[0], in[1], in[2], -1e9)
		return graph.Concatenate([]*graph.Node{graph.Reshape(out, -1), graph.Reshape(weights, -1)}, 0)
	}},
}

// TestAttention compares attention with a causal mask with the backend. All memory
// holds NaN when it is computed: what is never written must not be read.
func TestAttention(t *testing.T) {
	for _, length := range []int{17, 64, 96, 128, 130, 333, 512} {
		in := slices.Repeat([]shapes.Shape{f32(2, 3, length, 16)}, 3)
		for name, tt := range attentions {
			t.Run(fmt.Sprint(name, length), func(t *testing.T) {
				plain, _, numbers := both(t, in, tt.build)
				near(t, plain, afterNaN(t, in, numbers, tt.build), 1e-4)
			})
		}
	}
}

// TestHalfAttention is TestAttention with factors in bfloat16, and their gradients.
func TestHalfAttention(t *testing.T) {
	half := func(a, b *graph.Node, axisA, axisB int) *graph.Node {
		return halfProduct(a, b, []int{axisA}, []int{0, 1}, []int{axisB}, []int{0, 1})
	}
	build := func(in []*graph.Node) *graph.Node {
		weights := softmax(masked(graph.MulScalar(half(in[0], in[1], 3, 3), 0.3), 0, -1e9), -1)
		out := half(weights, in[2], 3, 2)
		return graph.Concatenate(append(graph.Gradient(graph.ReduceAllSum(graph.Mul(out, out)), in...), out), 0)
	}
	eachHalf(t, func(t *testing.T) {
		for _, length := range []int{17, 130} {
			in := slices.Repeat([]shapes.Shape{f32(1, 2, length, 8)}, 3)
			plain, _, numbers := both(t, in, build)
			near(t, plain, afterNaN(t, in, numbers, build), 2e-2)
		}
	})
}

// TestPositionsAsBatch has as many heads as positions, and products in which the
// position of the query is an axis of the batch.
func TestPositionsAsBatch(t *testing.T) {
	const length = 64
	in := slices.Repeat([]shapes.Shape{f32(length, length, 16)}, 3)
	build := func(in []*graph.Node) *graph.Node {
		scores := graph.DotGeneral(in[0], []int{2}, []int{0}, in[1], []int{2}, []int{0})
		return graph.DotGeneral(softmax(masked(scores, 0, -1e9), -1), []int{2}, []int{1}, in[2], []int{1}, []int{0})
	}
	plain, _, numbers := both(t, in, build)
	near(t, plain, afterNaN(t, in, numbers, build), 1e-4)
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
	run := compiled(t, b, inputs, build)
	run(slices.Repeat([][]float32{slices.Repeat([]float32{float32(math.NaN())}, len(numbers[0]))}, len(inputs)))
	return run(numbers)
}

// TestParts counts what is computed in part.
func TestParts(t *testing.T) {
	if !simd.HasTiles {
		t.Skip("this processor has no tiles")
	}
	for name, tt := range attentions {
		t.Run(name, func(t *testing.T) {
			products, groups := 0, 0
			rewritten(t, slices.Repeat([]shapes.Shape{f32(2, 3, 64, 16)}, 3), tt.build, func(p lower.Program) {
				if p, ok := p.(*simd.Program); ok && p.Lower {
					groups++
				}
			}, func(p *simd.Product) {
				if p.Part != simd.Whole {
					products++
				}
			})
			if products != tt.products || groups != tt.groups {
				t.Errorf("%d products and %d groups are computed in part, want %d and %d", products, groups, tt.products, tt.groups)
			}
		})
	}
}

// rewritten calls functions for what the kernels compute of a graph, also for the stages
// of chains.
func rewritten(t *testing.T, inputs []shapes.Shape, build func(in []*graph.Node) *graph.Node, program func(lower.Program), product func(*simd.Product)) {
	t.Helper()
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	g := graph.NewGraph(watched{b, func(g *fuse.Graph) {
		kernels.Rewrite(g)
		for _, n := range g.Live {
			switch data := n.Data.(type) {
			case *lower.Product:
				product(&data.Product)
			case *lower.Fusion:
				program(data.Program)
				chain, ok := data.Program.(*simd.Chain)
				if !ok {
					continue
				}
				for _, s := range chain.Stages {
					if s.Product != nil {
						product(s.Product)
					} else {
						program(s.Program)
					}
				}
			}
		}
	}}, "test")
	var in []*graph.Node
	for i, s := range inputs {
		in = append(in, graph.Parameter(g, fmt.Sprint(i), s))
	}
	if err := g.Compile(build(in)); err != nil {
		t.Fatal(err)
	}
}

// watched is a backend that calls a function for each graph that it compiles.
type watched struct {
	compute.Backend
	look func(*fuse.Graph)
}

func (w watched) Builder(name string) compute.Builder {
	return watchedBuilder{w.Backend.Builder(name), w.look}
}

type watchedBuilder struct {
	compute.Builder
	look func(*fuse.Graph)
}

func (b watchedBuilder) Compile() (compute.Executable, error) {
	g, _ := fuse.NewGraph(hook.Main(b.Builder))
	b.look(g)
	g.Refresh()
	g.Schedule()
	return b.Builder.Compile()
}
