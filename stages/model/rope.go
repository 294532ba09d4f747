package model

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

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
