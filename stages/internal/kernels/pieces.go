package kernels

import (
	"reflect"
	"slices"

	"github.com/gomlx/compute"
)

// opPieces is an operation of the enumeration that the backend has no executor
// for; here it stands for values of one shape put side by side along their last
// axis, and written where a transpose afterwards would have put them.
const opPieces = compute.OpTypeAllGather

// spread is the data of such a node: where in its result the elements lie, in
// the axes of the values but for the last, which has all of them.
type spread struct{ where view }

// assemble replaces concatenations along the last axis, and sums of values with
// complementary padding (what the gradient of slices is made of).
func (g *rewriting) assemble() {
	for _, n := range slices.Clone(g.live) {
		parts, ok := g.sideBySide(n)
		if !ok || lastAxis(parts[0]) != parts[0].Shape.Dimensions[n.Shape.Rank()-1] || lastAxis(parts[0]) < 2 || parts[0].Shape.Size() < least {
			continue
		}
		to, where := g.placed(n)
		last := where.axes[n.Shape.Rank()-1]
		if len(last) != 1 || last[0].stride != 1 {
			to, where = n, contiguous(n.Shape.Dimensions)
		}
		fresh := g.add(to, opPieces, parts, &spread{where})
		g.replace(to, fresh)
	}
	g.refresh()
}

// sideBySide returns what a node puts together along its last axis.
func (g *rewriting) sideBySide(n *node) ([]*node, bool) {
	rank := n.Shape.Rank()
	if !isFloat(n) || rank == 0 {
		return nil, false
	}
	switch n.OpType {
	case compute.OpTypeConcatenate:
		alike := !slices.ContainsFunc(n.Inputs, func(in *node) bool { return !in.Shape.Equal(n.Inputs[0].Shape) })
		return n.Inputs, alike && n.Data.(int) == rank-1
	case compute.OpTypeAdd:
		a, b := n.Inputs[0], n.Inputs[1]
		beforeA, afterA, ok := zeros(a)
		if !ok {
			return nil, false
		}
		beforeB, afterB, ok := zeros(b)
		half := n.Shape.Dimensions[rank-1] / 2
		switch {
		case !ok || beforeA+afterA != half || beforeB+afterB != half || !a.Inputs[0].Shape.Equal(b.Inputs[0].Shape):
		case beforeA == 0 && afterB == 0:
			return []*node{a.Inputs[0], b.Inputs[0]}, true
		case afterA == 0 && beforeB == 0:
			return []*node{b.Inputs[0], a.Inputs[0]}, true
		}
	}
	return nil, false
}

// zeros is how many zeros a node puts before and after its input, along the last
// axis only.
func zeros(n *node) (before, after int, ok bool) {
	if n.OpType != compute.OpTypePad || n.Inputs[1].OpType != compute.OpTypeConstant {
		return 0, 0, false
	}
	fill := (*buffer)(reflect.ValueOf(n.Inputs[1].Data).UnsafePointer())
	if x, ok := floats(fill); !ok || x[0] != 0 {
		return 0, 0, false
	}
	config := reflect.ValueOf(n.Data).Elem().FieldByName("axesConfig")
	for i := range config.Len() {
		axis := config.Index(i)
		start, end := int(axis.FieldByName("Start").Int()), int(axis.FieldByName("End").Int())
		if axis.FieldByName("Interior").Int() != 0 || i < config.Len()-1 && (start != 0 || end != 0) {
			return 0, 0, false
		}
		before, after = start, end
	}
	return before, after, before >= 0 && after >= 0
}
