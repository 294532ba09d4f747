package optimizer

import (
	"math"

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

// NewtonSchulz brings the singular values of a matrix [r, c], float32, near 1
// and keeps its singular vectors: X ← a X + (b A + c A²) X with A = X Xᵀ, from
// X = G / (‖G‖ + 1e-7), on the transpose when r > c. coefficients is "quintic"
// or "polar-express".
func NewtonSchulz(g *Node, iterations int, coefficients string) *Node {
	rows, cols := g.Shape().Dimensions[0], g.Shape().Dimensions[1]
	x := g
	if rows > cols {
		x = Transpose(x, 0, 1)
	}
	triples, size := quintic, frobenius(x)
	if coefficients == "polar-express" {
		triples, size = polarExpress, MulScalar(size, polarMargin)
	}
	x = Div(x, AddScalar(size, 1e-7))
	for i := range iterations {
		t := triples[min(i, len(triples)-1)]
		a := DotGeneral(x, []int{1}, nil, x, []int{1}, nil)
		b := Add(MulScalar(a, t[1]), MulScalar(DotGeneral(a, []int{1}, nil, a, []int{0}, nil), t[2]))
		x = Add(MulScalar(x, t[0]), DotGeneral(b, []int{1}, nil, x, []int{0}, nil))
	}
	if rows > cols {
		x = Transpose(x, 0, 1)
	}
	return x
}

// frobenius is ‖x‖, a scalar.
func frobenius(x *Node) *Node { return Sqrt(ReduceAllSum(Mul(x, x))) }

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

// byParts applies f to each of the equal parts that are stacked in x's rows.
func byParts(x *Node, parts int, f func(*Node) *Node) *Node {
	if parts <= 1 {
		return f(x)
	}
	rows := x.Shape().Dimensions[0] / parts
	out := make([]*Node, parts)
	for i := range out {
		out[i] = f(SliceAxis(x, 0, AxisRange(i*rows, (i+1)*rows)))
	}
	return Concatenate(out, 0)
}
