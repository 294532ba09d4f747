package fuse

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"ablate/stages/internal/kernels/hook"
)

// WidenHalf replaces computations in bfloat16 by ones in float32 that round where
// the bfloat16 ones do: products of bfloat16 factors then run in the tiles of
// float32, and conversions and rounding are fused. The values stay the same, but
// products add their terms in the order of tiles. With half, products round their
// factors themselves (see RoundsFactors), and no other node rounds for them.
//
// It must be followed by a pass that replaces all products of float32 factors: the
// backend cannot execute a widened one.
func (g *Graph) WidenHalf(half bool) {
	w := widening{Graph: g, wide: map[*hook.Node]*hook.Node{}, factors: map[*hook.Node]*hook.Node{}}
	for _, n := range slices.Clone(g.Live) {
		if n.Shape.DType != dtypes.Float32 || !slices.ContainsFunc(n.Inputs, isHalf) {
			continue
		}
		switch n.OpType {
		case compute.OpTypeConvertDType:
			g.Replace(n, w.widen(n.Inputs[0]))
		case compute.OpTypeDotGeneral:
			inputs := w.all(n.Inputs, w.widen)
			if half {
				inputs = w.all(n.Inputs, w.factor)
			}
			product := g.Add(n, n.OpType, inputs, n.Data)
			g.roundsFactors[product] = half
			g.Replace(n, product)
		}
	}
	g.Refresh()
}

// RoundsFactors reports whether a product rounds its float32 factors to bfloat16.
func (g *Graph) RoundsFactors(n *hook.Node) bool { return g.roundsFactors[n] }

// Rounding returns the node that rounds a result to bfloat16, if nothing else is done
// with it, other than to rearrange it.
func (g *Graph) Rounding(n *hook.Node) (*hook.Node, bool) {
	chain := g.rearrangements(n)
	last := chain[len(chain)-1]
	if users := g.users[last]; len(users) == 1 && !g.results[last] && users[0].OpType == hook.OpRound {
		return users[0], true
	}
	return nil, false
}

func isHalf(n *hook.Node) bool { return n.Shape.DType == dtypes.BFloat16 }

// widening has float32 nodes of bfloat16 nodes.
type widening struct {
	*Graph
	wide    map[*hook.Node]*hook.Node // with the same values
	factors map[*hook.Node]*hook.Node // with the same values after rounding
}

// widen returns a float32 node with the values of a bfloat16 node.
func (w widening) widen(n *hook.Node) *hook.Node {
	if known := w.wide[n]; known != nil {
		return known
	}
	wide := w.build(n)
	w.wide[n] = wide
	return wide
}

// factor returns a float32 node that has the values of a bfloat16 node once they
// are rounded.
func (w widening) factor(n *hook.Node) *hook.Node {
	if known := w.factors[n]; known != nil {
		return known
	}
	var factor *hook.Node
	switch {
	case rearranges(n.OpType):
		factor = w.float32(n, n.OpType, w.all(n.Inputs, w.factor), n.Data)
	case n.OpType == compute.OpTypeConvertDType && n.Inputs[0].Shape.DType == dtypes.Float32:
		factor = n.Inputs[0]
	default:
		factor = w.widen(n)
	}
	w.factors[n] = factor
	return factor
}

func (w widening) all(nodes []*hook.Node, widen func(*hook.Node) *hook.Node) []*hook.Node {
	out := make([]*hook.Node, len(nodes))
	for i, n := range nodes {
		out[i] = widen(n)
	}
	return out
}

// rearranges reports whether an operation only rearranges elements.
func rearranges(op compute.OpType) bool {
	switch op {
	case compute.OpTypeIdentity, compute.OpTypeReshape, compute.OpTypeTranspose, compute.OpTypeSlice, compute.OpTypeBroadcastInDim:
		return true
	}
	return false
}

func (w widening) build(n *hook.Node) *hook.Node {
	if rearranges(n.OpType) {
		return w.float32(n, n.OpType, w.all(n.Inputs, w.widen), n.Data)
	}
	switch n.OpType {
	case compute.OpTypeConvertDType:
		if n.Inputs[0].Shape.DType == dtypes.Float32 {
			return w.float32(n, hook.OpRound, n.Inputs, nil)
		}
	case compute.OpTypeAdd, compute.OpTypeSub, compute.OpTypeMul, compute.OpTypeDiv, compute.OpTypeNeg:
		exact := w.float32(n, n.OpType, w.all(n.Inputs, w.widen), n.Data)
		return w.float32(n, hook.OpRound, []*hook.Node{exact}, nil)
	}
	return w.float32(n, compute.OpTypeConvertDType, []*hook.Node{n}, nil)
}

// float32 adds a float32 node with the dimensions of another.
func (w widening) float32(like *hook.Node, op compute.OpType, inputs []*hook.Node, data any) *hook.Node {
	n := w.Add(like, op, inputs, data)
	n.Shape = like.Shape.Clone()
	n.Shape.DType = dtypes.Float32
	return n
}
