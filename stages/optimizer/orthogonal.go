package optimizer

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// quintic is K. Jordan's polynomial a x + b x³ + c x⁵, the same in every
// iteration: five of them send every singular value in [0.003, 1] to between
// 0.68 and 1.14.
var quintic = [][3]float64{{3.4445, -4.7750, 2.0315}}

// polarExpress is a polynomial of its own for each iteration (arXiv
// 2505.16932, as modded-nanogpt has it); the last serves all further ones.
var polarExpress = [][3]float64{
	{8.1566, -22.4833, 15.8788},
	{4.0429, -2.8089, 0.5000},
	{3.8917, -2.7725, 0.5061},
	{3.2858, -2.3681, 0.4645},
	{2.3465, -1.7098, 0.4232},
}

// polarMargin keeps the singular values below 1 where Polar Express starts.
const polarMargin = 1.02

// mostIterations is far more than any use has, and few enough for the graph.
const mostIterations = 100

// newtonSchulz is how directions are orthogonalized.
type newtonSchulz struct {
	iterations   int
	coefficients string // "quintic" or "polar-express"
	half         bool   // the iterations' matrices are bfloat16
	batched      bool   // matrices of equal shape together
}

// each orthogonalizes matrices.
func (s newtonSchulz) each(xs []*Node) []*Node {
	if s.batched {
		return stacked(xs, s.apply)
	}
	out := make([]*Node, len(xs))
	for i, x := range xs {
		out[i] = s.apply(x)
	}
	return out
}

// apply brings the singular values of a matrix [r, c], or of each in a stack
// [n, r, c], float32, near 1 and keeps its singular vectors:
// X ← a X + (b A + c A²) X with A = X Xᵀ, from X = G / (‖G‖ + 1e-7), on the
// transpose when r > c.
func (s newtonSchulz) apply(g *Node) *Node {
	row, col := g.Rank()-2, g.Rank()-1
	var batch []int
	if row > 0 {
		batch = []int{0}
	}
	tall := g.Shape().Dimensions[row] > g.Shape().Dimensions[col]
	x := g
	if tall {
		x = Transpose(x, row, col)
	}
	triples, size := quintic, frobenius(x)
	if s.coefficients == "polar-express" {
		triples, size = polarExpress, MulScalar(size, polarMargin)
	}
	x = Div(x, AddScalar(size, 1e-7))
	if s.half {
		x = ConvertDType(x, dtypes.BFloat16)
	}
	for i := range s.iterations {
		t := triples[min(i, len(triples)-1)]
		a := DotGeneral(x, []int{col}, batch, x, []int{col}, batch)
		b := Add(MulScalar(a, t[1]), MulScalar(DotGeneral(a, []int{col}, batch, a, []int{row}, batch), t[2]))
		x = Add(MulScalar(x, t[0]), DotGeneral(b, []int{col}, batch, x, []int{row}, batch))
	}
	if s.half {
		x = ConvertDType(x, dtypes.Float32)
	}
	if tall {
		x = Transpose(x, row, col)
	}
	return x
}

// frobenius is ‖x‖, a scalar, or of each matrix in a stack, [n, 1, 1].
func frobenius(x *Node) *Node {
	squares := Mul(x, x)
	if x.Rank() > 2 {
		return Sqrt(ReduceAndKeep(squares, ReduceSum, 1, 2))
	}
	return Sqrt(ReduceAllSum(squares))
}

// stacked applies f to stacks of the matrices that have one shape, or one
// transposed.
func stacked(xs []*Node, f func(*Node) *Node) []*Node {
	type shape struct{ short, long int }
	var shapes []shape
	of := make(map[shape][]int)
	for i, x := range xs {
		d := x.Shape().Dimensions
		s := shape{min(d[0], d[1]), max(d[0], d[1])}
		if of[s] == nil {
			shapes = append(shapes, s)
		}
		of[s] = append(of[s], i)
	}
	turned := func(x *Node, like int) *Node {
		if d := xs[like].Shape().Dimensions; d[0] > d[1] {
			return Transpose(x, 0, 1)
		}
		return x
	}
	out := make([]*Node, len(xs))
	for _, s := range shapes {
		wide := make([]*Node, len(of[s]))
		for j, i := range of[s] {
			wide[j] = turned(xs[i], i)
		}
		y_nrc := f(Stack(wide, 0))
		for j, i := range of[s] {
			out[i] = turned(Squeeze(SliceAxis(y_nrc, 0, AxisElem(j)), 0), i)
		}
	}
	return out
}

// shapeFactor scales an orthogonalized update by the shape of its matrix.
func shapeFactor(rule string, out, in int) float64 {
	switch rule {
	case "jordan":
		return math.Sqrt(math.Max(1, float64(out)/float64(in)))
	case "moonlight":
		return 0.2 * math.Sqrt(float64(max(out, in)))
	case "max":
		return math.Sqrt(float64(max(out, in)))
	}
	return 1
}

// split takes the equal parts apart that are stacked in x's rows.
func split(x *Node, parts int) []*Node {
	if parts <= 1 {
		return []*Node{x}
	}
	rows := x.Shape().Dimensions[0] / parts
	out := make([]*Node, parts)
	for i := range out {
		out[i] = SliceAxis(x, 0, AxisRange(i*rows, (i+1)*rows))
	}
	return out
}

// joined is the inverse of split.
func joined(parts []*Node) *Node {
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, 0)
}
