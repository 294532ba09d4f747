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
// products add their terms in the order of tiles.
//
// It must be followed by a pass that replaces all products of float32 factors: the
// backend cannot execute a widened one.
func (g *Graph) WidenHalf() {
	w := widening{Graph: g, wide: map[*hook.Node]*hook.Node{}}
	for _, n := range slices.Clone(g.Live) {
		if n.Shape.DType != dtypes.Float32 || !slices.ContainsFunc(n.Inputs, isHalf) {
			continue
		}
		switch n.OpType {
		case compute.OpTypeConvertDType:
			g.Replace(n, w.widen(n.Inputs[0]))
		case compute.OpTypeDotGeneral:
			g.Replace(n, g.Add(n, n.OpType, w.all(n.Inputs), n.Data))
		}
	}
	g.Refresh()
}

func isHalf(n *hook.Node) bool { return n.Shape.DType == dtypes.BFloat16 }

// widening has the float32 node of each bfloat16 node.
type widening struct {
	*Graph
	wide map[*hook.Node]*hook.Node
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

func (w widening) all(nodes []*hook.Node) []*hook.Node {
	out := make([]*hook.Node, len(nodes))
	for i, n := range nodes {
		out[i] = w.widen(n)
	}
	return out
}

func (w widening) build(n *hook.Node) *hook.Node {
	switch n.OpType {
	case compute.OpTypeConvertDType:
		if n.Inputs[0].Shape.DType == dtypes.Float32 {
			return w.float32(n, hook.OpRound, n.Inputs, nil)
		}
	case compute.OpTypeIdentity, compute.OpTypeReshape, compute.OpTypeTranspose, compute.OpTypeSlice, compute.OpTypeBroadcastInDim:
		return w.float32(n, n.OpType, w.all(n.Inputs), n.Data)
	case compute.OpTypeAdd, compute.OpTypeSub, compute.OpTypeMul, compute.OpTypeDiv, compute.OpTypeNeg:
		exact := w.float32(n, n.OpType, w.all(n.Inputs), n.Data)
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
