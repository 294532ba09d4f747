package kernels_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/kernels/lower"
	"ablate/stages/internal/kernels/simd"
)

// The sizes of chainInputs: sequences of so many rows.
const (
	chainBatch, chainLength = 8, 24
	chainHeads, chainHead   = 2, 16
	chainWidth, chainInner  = chainHeads * chainHead, 40
)

// chainInputs are rows, the weights of attention and those of a feed-forward layer.
var chainInputs = []shapes.Shape{
	f32(chainBatch*chainLength, chainWidth), f32(chainWidth, 3*chainWidth), f32(chainWidth, chainWidth),
	f32(chainWidth, chainInner), f32(chainInner, chainWidth),
}

func chainNorm(x *graph.Node) *graph.Node {
	return graph.Mul(x, graph.Reciprocal(graph.Sqrt(graph.AddScalar(graph.ReduceAndKeep(graph.Mul(x, x), graph.ReduceMean, -1), 1e-3))))
}

// small is a product with weights as if they were not large.
func small(x, weights *graph.Node) *graph.Node {
	return graph.MulScalar(halfProduct(x, weights, []int{1}, nil, []int{0}, nil), 0.1)
}

// chainAttention has queries, keys and values side by side.
func chainAttention(x, qkv, o *graph.Node) *graph.Node {
	all := small(chainNorm(x), qkv)
	head := func(i int) *graph.Node {
		part := graph.Slice(all, graph.AxisRange(), graph.AxisRange(i*chainWidth, (i+1)*chainWidth))
		return permuted(graph.Reshape(part, chainBatch, chainLength, chainHeads, chainHead), 0, 2, 1, 3)
	}
	scores := graph.MulScalar(halfProduct(head(0), head(1), []int{3}, []int{0, 1}, []int{3}, []int{0, 1}), 0.3)
	out := halfProduct(softmax(masked(scores, 0, -1e9), -1), head(2), []int{3}, []int{0, 1}, []int{2}, []int{0, 1})
	return graph.Add(x, small(graph.Reshape(permuted(out, 0, 2, 1, 3), -1, chainWidth), o))
}

func chainFeedForward(x, up, down *graph.Node) *graph.Node {
	y := small(chainNorm(x), up)
	return graph.Add(x, small(graph.Mul(y, graph.Sigmoid(y)), down))
}

func chainBlock(in []*graph.Node) *graph.Node {
	return chainFeedForward(chainAttention(in[0], in[1], in[2]), in[3], in[4])
}

func flat(nodes ...*graph.Node) *graph.Node {
	for i, n := range nodes {
		nodes[i] = graph.Reshape(n, -1)
	}
	return graph.Concatenate(nodes, 0)
}

var chains = map[string]struct {
	chains int
	build  func(in []*graph.Node) *graph.Node
}{
	"a block": {1, func(in []*graph.Node) *graph.Node { return chainBlock(in) }},
	"two blocks": {1, func(in []*graph.Node) *graph.Node {
		return chainBlock(append([]*graph.Node{chainBlock(in)}, in[1:]...))
	}},
	"its gradients": {1, func(in []*graph.Node) *graph.Node {
		y := chainBlock(in)
		return flat(append(graph.Gradient(graph.ReduceAllSum(graph.Mul(y, y)), in...), y)...)
	}},
	"a result inside": {1, func(in []*graph.Node) *graph.Node {
		y := chainAttention(in[0], in[1], in[2])
		return flat(chainFeedForward(y, in[3], in[4]), y, graph.Neg(y))
	}},
	"rows that all parts read": {2, func(in []*graph.Node) *graph.Node {
		y := chainAttention(in[0], in[1], in[2])
		z := graph.MulScalar(graph.MatMul(y, halfProduct(y, y, []int{0}, nil, []int{0}, nil)), 0.01) // each part needs all of y
		return flat(chainFeedForward(z, in[3], in[4]), chainNorm(y))
	}},
	"an input that parts read, and all of it": {1, func(in []*graph.Node) *graph.Node {
		all := halfProduct(in[0], in[0], []int{1}, nil, []int{1}, nil)
		y := chainAttention(in[0], in[1], in[2])
		return flat(graph.Exp(graph.MulScalar(all, 1e-3)), graph.Mul(in[0], chainFeedForward(y, in[3], in[4])))
	}},
	"rows next to all others": {1, func(in []*graph.Node) *graph.Node {
		y := chainAttention(in[0], in[1], in[2])
		all := graph.MulScalar(halfProduct(chainNorm(y), y, []int{1}, nil, []int{1}, nil), 0.01)
		return chainFeedForward(graph.MulScalar(halfProduct(all, y, []int{1}, nil, []int{0}, nil), 0.1), in[3], in[4])
	}},
	"half of the rows": {1, func(in []*graph.Node) *graph.Node {
		y := chainAttention(in[0], in[1], in[2])
		const half = chainBatch * chainLength / 2
		first := small(graph.Slice(y, graph.AxisRange(0, half)), in[2])
		return graph.Add(y, graph.Concatenate([]*graph.Node{first, graph.Slice(y, graph.AxisRange(half))}, 0))
	}},
	"attention over all rows": {1, func(in []*graph.Node) *graph.Node {
		y := chainAttention(in[0], in[1], in[2])
		rows := graph.Reshape(chainNorm(y), 1, 1, -1, chainWidth)
		scores := graph.MulScalar(halfProduct(rows, rows, []int{3}, []int{0, 1}, []int{3}, []int{0, 1}), 0.3)
		out := halfProduct(softmax(masked(scores, 0, -1e9), -1), rows, []int{3}, []int{0, 1}, []int{2}, []int{0, 1})
		return chainFeedForward(graph.Add(y, graph.Reshape(out, -1, chainWidth)), in[3], in[4])
	}},
	"rows of a longer value": {1, func(in []*graph.Node) *graph.Node {
		y := chainAttention(in[0], in[1], in[2])
		long := graph.Concatenate([]*graph.Node{in[0], graph.Neg(in[0])}, 0)
		return chainFeedForward(graph.Add(y, graph.Slice(long, graph.AxisRange(chainBatch*chainLength))), in[3], in[4])
	}},
	"halves of rows, side by side": {1, func(in []*graph.Node) *graph.Node {
		y := graph.Reshape(chainAttention(in[0], in[1], in[2]), chainBatch, chainLength, chainHeads, chainHead)
		a := graph.Slice(y, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, chainHead/2))
		z := graph.Slice(y, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(chainHead/2))
		return permuted(graph.Concatenate([]*graph.Node{graph.Neg(z), graph.Exp(graph.MulScalar(a, 0.1))}, -1), 2, 0, 1, 3)
	}},
	"the first sequence for all": {1, func(in []*graph.Node) *graph.Node {
		y := chainAttention(in[0], in[1], in[2])
		all := graph.Reshape(in[0], chainBatch, chainLength, chainWidth)
		first := graph.BroadcastToDims(graph.Slice(all, graph.AxisRange(0, 1)), chainBatch, chainLength, chainWidth)
		return chainFeedForward(graph.Add(y, graph.Reshape(graph.Add(all, first), -1, chainWidth)), in[3], in[4])
	}},
	"rows of another sequence": {2, func(in []*graph.Node) *graph.Node {
		y := chainAttention(in[0], in[1], in[2])
		turned := graph.Reshape(permuted(graph.Reshape(y, chainBatch, chainLength, chainWidth), 1, 0, 2), -1, chainWidth)
		return graph.Add(y, chainFeedForward(turned, in[3], in[4]))
	}},
}

// TestChains compares chains with the backend, and their bits with those of the same
// graph without chains, of which three and five cores cannot share the parts equally.
func TestChains(t *testing.T) {
	if !simd.HasTiles {
		t.Skip("this processor has no tiles")
	}
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	eachHalf(t, testChains)
}

func testChains(t *testing.T) {
	for name, tt := range chains {
		t.Run(name, func(t *testing.T) {
			var first []float32
			for _, cores := range []int{1, 2, 3, 4, 5} {
				runtime.GOMAXPROCS(cores)
				want := tt.chains
				if cores == 3 || cores == 5 || simd.Half() == nil {
					want = 0
				}
				if got := countChains(t, tt.build); got < want || want == 0 && got > 0 {
					t.Errorf("with %d cores there are %d chains, want %d", cores, got, want)
				}
				plain, ours, _ := both(t, chainInputs, tt.build)
				near(t, plain, ours, 0.1)
				if first == nil {
					first = ours
				}
				if !slices.Equal(ours, first) {
					t.Errorf("with %d cores the results differ from those with one", cores)
				}
			}
		})
	}
}

// countChains returns how many chains a graph has.
func countChains(t *testing.T, build func(in []*graph.Node) *graph.Node) int {
	t.Helper()
	chains := 0
	rewritten(t, chainInputs, build, func(p lower.Program) {
		if _, ok := p.(*simd.Chain); ok {
			chains++
		}
	}, func(*simd.Product) {})
	return chains
}
