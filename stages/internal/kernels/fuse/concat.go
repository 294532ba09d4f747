package fuse

import (
	"slices"

	"github.com/gomlx/compute"

	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/layout"
)

// Concat is the data of a node of operation hook.OpConcat: the layout of the
// concatenation in the node's result. Its axes are those of the operands, but the
// last axis has the elements of all.
type Concat struct{ Layout layout.Strided }

// AssembleConcats replaces concatenations along the last axis, and sums of values
// with complementary padding, which the gradients of slices consist of.
func (g *Graph) AssembleConcats() {
	for _, n := range slices.Clone(g.Live) {
		operands, ok := g.concatenated(n)
		if !ok || lastExtent(operands[0]) != operands[0].Shape.Dimensions[n.Shape.Rank()-1] || lastExtent(operands[0]) < 2 || operands[0].Shape.Size() < minGroup {
			continue
		}
		to, l := g.Destination(n)
		last := l.Axes[n.Shape.Rank()-1]
		if len(last) != 1 || last[0].Stride != 1 {
			to, l = n, layout.Contiguous(n.Shape.Dimensions)
		}
		g.Replace(to, g.Add(to, hook.OpConcat, operands, &Concat{l}))
	}
	g.Refresh()
}

// concatenated returns the values that a node concatenates along its last axis.
func (g *Graph) concatenated(n *hook.Node) ([]*hook.Node, bool) {
	rank := n.Shape.Rank()
	if !IsFloat(n) || rank == 0 {
		return nil, false
	}
	switch n.OpType {
	case compute.OpTypeConcatenate:
		axis, ok := n.ConcatAxis()
		differs := func(in *hook.Node) bool { return !in.Shape.Equal(n.Inputs[0].Shape) }
		return n.Inputs, ok && axis == rank-1 && !slices.ContainsFunc(n.Inputs, differs)
	case compute.OpTypeAdd:
		return paddedHalves(n.Inputs[0], n.Inputs[1], n.Shape.Dimensions[rank-1]/2)
	}
	return nil, false
}

// paddedHalves returns the values that two nodes pad with zeros to the first and
// the second half of the last axis.
func paddedHalves(a, b *hook.Node, half int) ([]*hook.Node, bool) {
	beforeA, afterA, okA := zeroPadding(a)
	beforeB, afterB, okB := zeroPadding(b)
	switch {
	case !okA || !okB || beforeA+afterA != half || beforeB+afterB != half || !a.Inputs[0].Shape.Equal(b.Inputs[0].Shape):
		return nil, false
	case beforeA == 0 && afterB == 0:
		return []*hook.Node{a.Inputs[0], b.Inputs[0]}, true
	case afterA == 0 && beforeB == 0:
		return []*hook.Node{b.Inputs[0], a.Inputs[0]}, true
	}
	return nil, false
}

// zeroPadding returns the number of zeros that a node adds before and after its
// input, if it pads the last axis only.
func zeroPadding(n *hook.Node) (before, after int, ok bool) {
	if n.OpType != compute.OpTypePad {
		return 0, 0, false
	}
	fill, ok := n.Inputs[1].Constant()
	if !ok {
		return 0, 0, false
	}
	if x, ok := fill.Float32s(); !ok || x[0] != 0 {
		return 0, 0, false
	}
	axes, ok := n.PadAxes()
	if !ok {
		return 0, 0, false
	}
	for i, axis := range axes {
		if axis.Interior != 0 || i < len(axes)-1 && (axis.Start != 0 || axis.End != 0) {
			return 0, 0, false
		}
		before, after = axis.Start, axis.End
	}
	return before, after, before >= 0 && after >= 0
}
