package fuse

import (
	"github.com/gomlx/compute"

	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/layout"
)

// View looks through everything that only rearranges elements. It returns the node
// that computes them, and their layout in its result.
func (g *Graph) View(n *hook.Node) (source *hook.Node, l layout.Strided) {
	if known, ok := g.views[n]; ok {
		return known.source, known.layout
	}
	source, l = n, layout.Contiguous(n.Shape.Dimensions)
	if !g.opaque[n] {
		if s, through, ok := g.through(n); ok {
			source, l = s, through
		}
	}
	g.views[n] = view{source, l}
	return source, l
}

// through returns the view of a node that rearranges its input.
func (g *Graph) through(n *hook.Node) (source *hook.Node, l layout.Strided, ok bool) {
	switch n.OpType {
	case compute.OpTypeIdentity:
		source, l = g.View(n.Inputs[0])
		return source, l, true
	case compute.OpTypeReshape:
		source, l = g.View(n.Inputs[0])
		l, ok = l.Reshape(n.Shape.Dimensions)
		return source, l, ok
	case compute.OpTypeTranspose:
		permutation, ok := n.Axes()
		if !ok {
			return nil, layout.Strided{}, false
		}
		source, l = g.View(n.Inputs[0])
		return source, l.Transpose(permutation), true
	case compute.OpTypeSlice:
		b, ok := n.SliceBounds()
		if !ok {
			return nil, layout.Strided{}, false
		}
		source, l = g.View(n.Inputs[0])
		l, ok = l.Slice(b.Starts, b.Limits, b.Strides)
		return source, l, ok
	case compute.OpTypeBroadcastInDim:
		positions, ok := n.Axes()
		if !ok {
			return nil, layout.Strided{}, false
		}
		source, l = g.View(n.Inputs[0])
		return source, l.Broadcast(n.Shape.Dimensions, positions), true
	}
	return nil, layout.Strided{}, false
}

// Destination follows a result through reshapes and transposes that are its only
// users, up to the last transpose. It returns the node there and the layout of the
// elements of n in it, in the axes of n: a producer that writes in this layout
// makes the chain unnecessary.
func (g *Graph) Destination(n *hook.Node) (*hook.Node, layout.Strided) {
	chain := g.rearrangements(n)
	for last := len(chain) - 1; last > 0; last-- {
		if chain[last].OpType != compute.OpTypeTranspose {
			continue
		}
		if l, ok := writtenThrough(chain[:last+1]); ok {
			return chain[last], l
		}
	}
	return n, layout.Contiguous(n.Shape.Dimensions)
}

// rearrangements returns n and the reshapes and transposes that follow it, each
// the only user of the one before.
func (g *Graph) rearrangements(n *hook.Node) []*hook.Node {
	chain := []*hook.Node{n}
	for {
		at := chain[len(chain)-1]
		users := g.users[at]
		if len(users) != 1 || g.results[at] {
			return chain
		}
		next := users[0]
		if op := next.OpType; op != compute.OpTypeReshape && op != compute.OpTypeTranspose {
			return chain
		}
		chain = append(chain, next)
	}
}

// writtenThrough returns the layout of the first node's elements in the result of
// the last.
func writtenThrough(chain []*hook.Node) (layout.Strided, bool) {
	l := layout.Contiguous(chain[len(chain)-1].Shape.Dimensions)
	for i := len(chain) - 1; i > 0; i-- {
		if chain[i].OpType == compute.OpTypeTranspose {
			permutation, ok := chain[i].Axes()
			if !ok {
				return layout.Strided{}, false
			}
			l = l.Transpose(inverse(permutation))
			continue
		}
		var ok bool
		if l, ok = l.Reshape(chain[i-1].Shape.Dimensions); !ok {
			return layout.Strided{}, false
		}
	}
	return l, true
}

// inverse returns the inverse of a permutation.
func inverse(permutation []int) []int {
	out := make([]int, len(permutation))
	for i, axis := range permutation {
		out[axis] = i
	}
	return out
}
