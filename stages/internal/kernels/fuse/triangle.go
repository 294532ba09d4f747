package fuse

import (
	"slices"

	"github.com/gomlx/compute"

	"ablate/stages/internal/kernels/hook"
)

// Square names two axes of the same extent, whose positions a causal mask compares:
// what lies above the diagonal has a column that is ahead of its row.
type Square struct{ Row, Column int }

// hiddenBelow is the largest number that a mask may add to hide a score. The
// exponential of a score that is so far below others is zero.
const hiddenBelow = -1e8

// triangles are the nodes whose elements above the diagonal of a square are known.
type triangles struct {
	zero   map[*hook.Node]Square // they are zero
	hidden map[*hook.Node]Square // they have been hidden from a softmax
}

// findTriangles follows the masks of causal attention through the graph.
func (g *Graph) findTriangles() triangles {
	t := triangles{map[*hook.Node]Square{}, map[*hook.Node]Square{}}
	for _, n := range g.Live {
		switch n.OpType {
		case compute.OpTypeConstant:
			if s, ok := hides(n); ok {
				t.hidden[n] = s
			}
		case compute.OpTypeReshape, compute.OpTypeTranspose, compute.OpTypeIdentity, compute.OpTypeNeg, hook.OpRound:
			carry(t.zero, n)
			if n.OpType != compute.OpTypeNeg {
				carry(t.hidden, n)
			}
		case compute.OpTypeExp:
			if s, ok := t.hidden[n.Inputs[0]]; ok {
				t.zero[n] = s
			}
		case compute.OpTypeAdd, compute.OpTypeSub, compute.OpTypeMul, compute.OpTypeDiv:
			t.binary(n)
		}
	}
	return t
}

// hides returns the square of a constant that hides what lies above its diagonal.
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
		if slices.ContainsFunc(x[i*extent+i+1:(i+1)*extent], func(v float32) bool { return v > hiddenBelow || v != v }) {
			return Square{}, false
		}
	}
	return Square{rank - 2, rank - 1}, extent > 1
}

// carry lets a node have what is known of its only input.
func carry(known map[*hook.Node]Square, n *hook.Node) {
	if s, ok := known[n.Inputs[0]]; ok {
		if s, ok = s.through(n); ok {
			known[n] = s
		}
	}
}

// binary finds what is known of a result from its operands.
func (t triangles) binary(n *hook.Node) {
	za, zeroA := t.zero[n.Inputs[0]]
	zb, zeroB := t.zero[n.Inputs[1]]
	ha, hiddenA := t.hidden[n.Inputs[0]]
	hb, hiddenB := t.hidden[n.Inputs[1]]
	sum := n.OpType == compute.OpTypeAdd || n.OpType == compute.OpTypeSub
	switch {
	case n.OpType == compute.OpTypeMul && zeroB:
		t.zero[n] = zb
	case n.OpType == compute.OpTypeMul && zeroA, n.OpType == compute.OpTypeDiv && zeroA && !zeroB, sum && zeroA && zeroB && za == zb:
		t.zero[n] = za
	case n.OpType == compute.OpTypeAdd && hiddenB:
		t.hidden[n] = hb
	case sum && hiddenA && !hiddenB:
		t.hidden[n] = ha
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

// Triangles tells which parts of the matrices of a graph need not be computed.
type Triangles struct {
	graph *Graph
	triangles
}

// Triangles finds what causal masks make of a graph.
func (g *Graph) Triangles() *Triangles { return &Triangles{g, g.findTriangles()} }

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
// diagonal of a square, as long as they are finite.
func (t *Triangles) Ignored(n *hook.Node, s Square) bool {
	if t.graph.results[n] || len(t.graph.users[n]) == 0 {
		return false
	}
	return !slices.ContainsFunc(t.graph.users[n], func(user *hook.Node) bool { return !t.ignoredBy(user, n, s) })
}

// ignoredBy is Ignored for one user of a node.
func (t *Triangles) ignoredBy(user, n *hook.Node, s Square) bool {
	if z, ok := t.zero[user]; ok && z == s && user.OpType == compute.OpTypeMul {
		return true
	}
	if h, ok := t.hidden[user]; ok && h == s && user.OpType == compute.OpTypeAdd {
		return true
	}
	switch user.OpType {
	case compute.OpTypeReshape, compute.OpTypeTranspose, compute.OpTypeIdentity, compute.OpTypeNeg, hook.OpRound:
		s, ok := s.through(user)
		return ok && t.Ignored(user, s)
	case compute.OpTypeAdd, compute.OpTypeSub, compute.OpTypeMul:
		return t.Ignored(user, s)
	case compute.OpTypeDiv:
		return user.Inputs[1] != n && t.Ignored(user, s)
	}
	return false
}
