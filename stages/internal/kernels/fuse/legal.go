package fuse

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/layout"
	"ablate/stages/internal/kernels/simd"
)

// Operand is the way in which a member of a group reads a value.
type Operand struct {
	Source *hook.Node
	Kind   simd.Kind
	Offset int
	Rows   []layout.Dim // positions of the rows, or of the elements of a column
}

// elementwise are the operations on one element or two that a group can have.
var elementwise = map[compute.OpType]bool{
	compute.OpTypeAdd: true, compute.OpTypeSub: true, compute.OpTypeMul: true, compute.OpTypeDiv: true, compute.OpTypeMax: true, compute.OpTypeMin: true,
	compute.OpTypeExp: true, compute.OpTypeLog: true, compute.OpTypeSqrt: true, compute.OpTypeTanh: true, compute.OpTypeErf: true,
	compute.OpTypeLogistic: true, compute.OpTypeNeg: true, compute.OpTypeAbs: true, hook.OpRound: true,
}

// fusible reports whether a group can have a node's operation at all.
func fusible(n *hook.Node) bool {
	if !IsFloat(n) {
		return false
	}
	switch {
	case isReduction(n):
		return IsFloat(n.Inputs[0])
	case n.OpType == compute.OpTypeConvertDType:
		equal := n.Inputs[0]
		return equal.OpType == compute.OpTypeEqual && equal.Inputs[0].Shape.DType == dtypes.Int32 && equal.Inputs[1].Shape.DType == dtypes.Int32
	}
	return n.OpType == hook.OpConcat || elementwise[n.OpType]
}

// Operands returns what a member of a group reads.
func (p *Partition) Operands(m *hook.Node, s *Group) []Operand {
	_, operands, _ := p.legal(m, s)
	return operands
}

// legal reports whether a node can be computed by the rows of a group, the kind of
// its result, and its operands.
func (p *Partition) legal(n *hook.Node, s *Group) (simd.Kind, []Operand, bool) {
	switch n.OpType {
	case compute.OpTypeReduceSum, compute.OpTypeReduceMax:
		return p.legalReduction(n, s)
	case compute.OpTypeConvertDType:
		operands, ok := p.operands(n.Inputs[0], s)
		if !ok || operands[0].Kind != simd.PerRow || operands[1].Kind != simd.Tile || layout.Stride(operands[1].Rows) != 0 {
			return 0, nil, false
		}
		return simd.Tile, operands, true
	case hook.OpConcat:
		// Its result lies as rows of the operands do, not as those of any group.
		if lastExtent(n.Inputs[0]) != s.Width {
			return 0, nil, false
		}
		operands := make([]Operand, len(n.Inputs))
		for i, in := range n.Inputs {
			var ok bool
			if operands[i], ok = p.operand(in, in.Shape.Dimensions, s); !ok || operands[i].Kind != simd.Tile {
				return 0, nil, false
			}
		}
		return simd.Concat, operands, true
	}
	operands, ok := p.operands(n, s)
	if !ok {
		return 0, nil, false
	}
	widest := simd.Scalar
	for _, o := range operands {
		widest = max(widest, o.Kind)
	}
	return widest, operands, widest > simd.Scalar
}

// legalReduction is legal for reductions: of rows, or of everything.
func (p *Partition) legalReduction(n *hook.Node, s *Group) (simd.Kind, []Operand, bool) {
	x := n.Inputs[0]
	axes, known := n.Axes()
	rank := x.Shape.Rank()
	o, ok := p.operand(x, x.Shape.Dimensions, s)
	switch {
	case !known || !ok || o.Kind != simd.Tile:
		return 0, nil, false
	case len(axes) == 1 && axes[0] == rank-1 && x.Shape.Dimensions[rank-1] == s.Width:
		return simd.PerRow, []Operand{o}, true
	case n.OpType == compute.OpTypeReduceSum && (len(axes) == 0 || len(axes) == rank):
		return simd.Reduction, []Operand{o}, true
	}
	return 0, nil, false
}

func (p *Partition) operands(n *hook.Node, s *Group) ([]Operand, bool) {
	out := make([]Operand, len(n.Inputs))
	for i, in := range n.Inputs {
		var ok bool
		if out[i], ok = p.operand(in, n.Shape.Dimensions, s); !ok {
			return nil, false
		}
	}
	return out, true
}

// operand returns a value, broadcast to the given dimensions, as the rows of a
// group. It reports false where it cannot be read that way.
func (p *Partition) operand(x *hook.Node, dims []int, s *Group) (Operand, bool) {
	source, l := p.View(x)
	if source.Shape.Size() == 1 {
		return Operand{Source: source, Kind: simd.Scalar}, !s.Has(source)
	}
	o, ok := asRows(source, broadcastTo(l, x, dims), s)
	if !s.Has(source) {
		if !ok && source != x && p.Of[x] == nil {
			// The rearranged value is in memory.
			return asRows(x, broadcastTo(layout.Contiguous(x.Shape.Dimensions), x, dims), s)
		}
		return o, ok
	}
	if !ok {
		return Operand{}, false
	}
	return o.ofMember(s)
}

// ofMember checks that a value of the group itself is read in the order in which it
// is computed.
func (o Operand) ofMember(s *Group) (Operand, bool) {
	kind := s.Kinds[o.Source]
	size, stride := o.Source.Shape.Size(), layout.Stride(o.Rows)
	switch {
	case o.Offset != 0 || s.Rows > 1 && stride == layout.Irregular:
		return Operand{}, false
	case kind == simd.Tile && o.Kind == simd.Tile:
		return o, s.Rows == 1 || stride == s.Width
	case kind == simd.PerRow && size == s.Rows && o.Kind == simd.PerRow:
		return o, s.Rows == 1 || stride == 1
	case kind == simd.PerRow && size != s.Rows && (s.Rows == 1 || stride == s.Width):
		// One number for each row that the graph has broadcast over the row.
		return Operand{Source: o.Source, Kind: simd.PerRow}, true
	}
	return Operand{}, false
}

// broadcastTo returns the layout of an operand broadcast to the dimensions of a
// result of the same rank.
func broadcastTo(l layout.Strided, x *hook.Node, dims []int) layout.Strided {
	positions := make([]int, x.Shape.Rank())
	for i := range positions {
		positions[i] = i
	}
	return l.Broadcast(dims, positions)
}

// asRows splits a layout into the rows of a group, or the elements of a column.
func asRows(source *hook.Node, l layout.Strided, s *Group) (Operand, bool) {
	n := 1
	for _, axis := range l.Axes {
		n *= layout.Extent(axis)
	}
	if n == s.Rows {
		return Operand{source, simd.PerRow, l.Offset, layout.Merge(l.Axes...)}, true
	}
	if n != s.Rows*s.Width {
		return Operand{}, false
	}
	l, ok := l.Reshape([]int{s.Rows, s.Width})
	if !ok || len(l.Axes[1]) != 1 {
		return Operand{}, false
	}
	switch l.Axes[1][0].Stride {
	case 0:
		return Operand{source, simd.PerRow, l.Offset, l.Axes[0]}, true
	case 1:
		return Operand{source, simd.Tile, l.Offset, l.Axes[0]}, true
	}
	return Operand{}, false
}
