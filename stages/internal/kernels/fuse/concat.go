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
		if !ok || lastExtent(operands[0]) != operands[0].Shape.Dimensions[n.Shape.Rank()-1] || lastExtent(operands[0]) < 2 || operands[0].Shape.Size() < minGroup ||
			slices.ContainsFunc(operands, g.repeatsColumns) {
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

// repeatsColumns reports whether the rows of a value are views that repeat an element,
// which no group can concatenate.
func (g *Graph) repeatsColumns(n *hook.Node) bool {
	_, l := g.View(n)
	return slices.ContainsFunc(l.Axes[n.Shape.Rank()-1], func(d layout.Dim) bool { return d.Stride == 0 })
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
		return g.paddedParts(n)
	}
	return nil, false
}

// paddedParts returns the values of a sum that pad equal parts of the last axis with
// zeros, in the order of the parts.
func (g *Graph) paddedParts(sum *hook.Node) ([]*hook.Node, bool) {
	terms := g.terms(sum)
	width := sum.Shape.Dimensions[sum.Shape.Rank()-1] / len(terms)
	parts := make([]*hook.Node, len(terms))
	if width == 0 {
		return nil, false
	}
	for _, n := range terms {
		before, after, ok := zeroPadding(n)
		if !ok || before%width != 0 || before+width+after != width*len(terms) || parts[before/width] != nil || !n.Inputs[0].Shape.Equal(terms[0].Inputs[0].Shape) {
			return nil, false
		}
		parts[before/width] = n.Inputs[0]
	}
	return parts, true
}

// terms returns what a sum adds, through sums that nothing else uses.
func (g *Graph) terms(sum *hook.Node) []*hook.Node {
	var out []*hook.Node
	for _, in := range sum.Inputs {
		if in.OpType == compute.OpTypeAdd && len(g.users[in]) == 1 && !g.results[in] && in.Shape.Equal(sum.Shape) {
			out = append(out, g.terms(in)...)
		} else {
			out = append(out, in)
		}
	}
	return out
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
