package fuse

import (
	"slices"

	"github.com/gomlx/compute"

	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/layout"
)

// Square names two axes of the same extent, whose positions a causal mask compares.
// Elements above the diagonal have a column that is ahead of their row.
type Square struct{ Row, Column int }

// A mask hides scores by adding numbers of at most hiddenBelow, and shows them by
// adding more than half of that. The exponential of a hidden score, less the largest
// of its row, is zero in float32.
const hiddenBelow = -1e8

// Triangles are the elements above diagonals that causal masks make zero or hide.
type Triangles struct {
	graph *Graph

	masks   map[*hook.Node]Square // constants that hide what is above the diagonal
	hidden  map[*hook.Node]Square // scores that a mask has hidden there
	zero    map[*hook.Node]Square // zero there
	tainted map[*hook.Node]bool   // computed from hidden scores, and not zero

	ignored map[ignoring]bool
}

type ignoring struct {
	node *hook.Node
	Square
}

// Triangles follows the masks of causal attention through the graph.
func (g *Graph) Triangles() *Triangles {
	t := &Triangles{
		graph: g, masks: map[*hook.Node]Square{}, hidden: map[*hook.Node]Square{}, zero: map[*hook.Node]Square{},
		tainted: map[*hook.Node]bool{}, ignored: map[ignoring]bool{},
	}
	for _, n := range g.Live {
		t.visit(n)
		_, zero := t.zero[n]
		t.tainted[n] = !zero && slices.ContainsFunc(n.Inputs, t.far)
	}
	return t
}

// far reports whether a node may have elements that a mask has moved far away.
func (t *Triangles) far(n *hook.Node) bool {
	_, hidden := t.hidden[n]
	return hidden || t.tainted[n]
}

// visit finds what is known of a node from its inputs.
func (t *Triangles) visit(n *hook.Node) {
	switch n.OpType {
	case compute.OpTypeConstant:
		if s, ok := hides(n); ok {
			t.masks[n] = s
		}
	case compute.OpTypeReshape, compute.OpTypeTranspose, compute.OpTypeIdentity, hook.OpRound:
		carry(t.masks, n)
		carry(t.hidden, n)
		carry(t.zero, n)
	case compute.OpTypeNeg:
		carry(t.zero, n)
	case compute.OpTypeExp:
		if s, ok := t.hidden[n.Inputs[0]]; ok {
			t.zero[n] = s
		}
	case compute.OpTypeWhere: // dropout
		if s, ok := t.zero[n.Inputs[1]]; ok && t.isZero(n.Inputs[2]) {
			t.zero[n] = s
		}
	case compute.OpTypeAdd, compute.OpTypeSub:
		t.sum(n)
	case compute.OpTypeMul, compute.OpTypeDiv:
		a, zeroA := t.zero[n.Inputs[0]]
		b, zeroB := t.zero[n.Inputs[1]]
		switch {
		case zeroA && (n.OpType == compute.OpTypeMul || !zeroB):
			t.zero[n] = a
		case zeroB && n.OpType == compute.OpTypeMul:
			t.zero[n] = b
		}
	}
}

// sum finds what is known of a sum or a difference. Only a mask that is added to
// scores hides them; what is subtracted then must not bring them back.
func (t *Triangles) sum(n *hook.Node) {
	a, b := n.Inputs[0], n.Inputs[1]
	za, zeroA := t.zero[a]
	if zb, zeroB := t.zero[b]; zeroA && zeroB && za == zb {
		t.zero[n] = za
		return
	}
	if n.OpType == compute.OpTypeSub {
		if h, ok := t.hidden[a]; ok && (!t.far(b) || t.isRowMaximum(b, a, h)) {
			t.hidden[n] = h
		}
		return
	}
	for _, pair := range [][2]*hook.Node{{a, b}, {b, a}} {
		mask, ok := t.masks[pair[0]]
		h, hidden := t.hidden[pair[1]]
		if ok && (!t.far(pair[1]) || hidden && h == mask) {
			t.hidden[n] = mask
		}
	}
}

// isRowMaximum reports whether a node is the maximum of each row of scores, repeated
// over the row. The diagonal is not hidden, so that it is a score that is shown.
func (t *Triangles) isRowMaximum(n, scores *hook.Node, s Square) bool {
	top, l := t.graph.View(n)
	if top.OpType != compute.OpTypeReduceMax || len(l.Axes) <= s.Column || top.Inputs[0] != scores {
		return false
	}
	axes, ok := top.Axes()
	moves := func(d layout.Dim) bool { return d.Stride != 0 }
	return ok && slices.Equal(axes, []int{s.Column}) && !slices.ContainsFunc(l.Axes[s.Column], moves)
}

// isZero reports whether a node is the constant 0.
func (t *Triangles) isZero(n *hook.Node) bool {
	source, _ := t.graph.View(n)
	value, ok := source.Constant()
	if !ok {
		return false
	}
	x, ok := value.Float32s()
	return ok && !slices.ContainsFunc(x, func(v float32) bool { return v != 0 })
}

// hides returns the square of a constant that hides what is above its diagonal, and
// shows the diagonal.
func hides(n *hook.Node) (Square, bool) {
	dims := n.Shape.Dimensions
	rank := len(dims)
	value, ok := n.Constant()
	if !ok || rank < 2 || dims[rank-1] != dims[rank-2] || n.Shape.Size() != dims[rank-1]*dims[rank-1] {
		return Square{}, false
	}
	x, ok := value.Float32s()
	if !ok {
		return Square{}, false
	}
	extent := dims[rank-1]
	for i := range extent {
		row := x[i*extent:][:extent]
		shown := func(v float32) bool { return !(v <= hiddenBelow) }
		if !(row[i] > hiddenBelow/2) || slices.ContainsFunc(row[i+1:], shown) {
			return Square{}, false
		}
	}
	return Square{rank - 2, rank - 1}, extent > 1
}

// carry copies what is known of a node's only input to the node, if its axes survive.
func carry(known map[*hook.Node]Square, n *hook.Node) {
	if s, ok := known[n.Inputs[0]]; ok {
		if s, ok = s.through(n); ok {
			known[n] = s
		}
	}
}

// through returns the square in the result of a node that keeps or rearranges the
// elements of its input. It reports false if a reshape touches its axes.
func (s Square) through(n *hook.Node) (Square, bool) {
	switch n.OpType {
	case compute.OpTypeTranspose:
		permutation, ok := n.Axes()
		return Square{slices.Index(permutation, s.Row), slices.Index(permutation, s.Column)}, ok
	case compute.OpTypeReshape:
		from, to := n.Inputs[0].Shape.Dimensions, n.Shape.Dimensions
		kept := 0 // axes at the end
		for kept < min(len(from), len(to)) && from[len(from)-1-kept] == to[len(to)-1-kept] {
			kept++
		}
		moved := len(to) - len(from)
		return Square{s.Row + moved, s.Column + moved}, min(s.Row, s.Column) >= len(from)-kept
	}
	return s, true
}

// Zero returns the square of a node above whose diagonal all elements are zero.
func (t *Triangles) Zero(n *hook.Node) (Square, bool) {
	s, ok := t.zero[n]
	return s, ok
}

// Hidden returns the square of a node above whose diagonal a mask has hidden all
// elements.
func (t *Triangles) Hidden(n *hook.Node) (Square, bool) {
	s, ok := t.hidden[n]
	return s, ok
}

// Ignored reports whether no result depends on the elements of a node above the
// diagonal of a square, as long as they are finite and not far from others.
func (t *Triangles) Ignored(n *hook.Node, s Square) bool {
	known, ok := t.ignored[ignoring{n, s}]
	if !ok {
		users := t.graph.users[n]
		known = !t.graph.results[n] && len(users) > 0 && !slices.ContainsFunc(users, func(user *hook.Node) bool { return !t.ignoredBy(user, n, s) })
		t.ignored[ignoring{n, s}] = known
	}
	return known
}

// ignoredBy is Ignored for one user of a node.
func (t *Triangles) ignoredBy(user, n *hook.Node, s Square) bool {
	z, zero := t.zero[user]
	h, hidden := t.hidden[n]
	switch user.OpType {
	case compute.OpTypeExp:
		return zero && z == s
	case compute.OpTypeReduceMax: // a maximum of whole rows is one of the scores that are shown
		axes, ok := user.Axes()
		return ok && hidden && h == s && slices.Contains(axes, s.Column)
	case compute.OpTypeReshape, compute.OpTypeTranspose, compute.OpTypeIdentity, compute.OpTypeNeg, hook.OpRound:
		s, ok := s.through(user)
		return ok && t.Ignored(user, s)
	case compute.OpTypeMul:
		return zero && z == s || t.Ignored(user, s)
	case compute.OpTypeAdd, compute.OpTypeSub:
		return t.Ignored(user, s)
	case compute.OpTypeDiv:
		return user.Inputs[1] != n && t.Ignored(user, s)
	case compute.OpTypeWhere:
		return user.Inputs[0] != n && t.Ignored(user, s)
	}
	return false
}
