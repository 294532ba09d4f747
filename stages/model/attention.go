package model

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

// Scores is what a block's attention taps, below its prefix: q·k/√d, [B, H, T, T],
// before the mask.
const Scores = ".scores"

// splitHeads turns rows [B·T, n·d] into heads [B, n, T, d].
func splitHeads(x_ND *Node, b, t, n int) *Node {
	head := x_ND.Shape().Dimensions[1] / n
	return TransposeAllDims(Reshape(x_ND, b, t, n, head), 0, 2, 1, 3)
}

// attend is causal softmax attention of H query heads over as many key and
// value heads, [B, H, T, d] each. The result is rows [B·T, H·d].
func attend(q, k, v, mask_TT *Node, dropout float64, at string, vars ml.Vars) *Node {
	d := q.Shape().Dimensions
	scores_BHTT := vars.Dot(q, []int{3}, []int{0, 1}, k, []int{3}, []int{0, 1})
	scores_BHTT = MulScalar(scores_BHTT, 1/math.Sqrt(float64(d[3])))
	vars.Tap(at+Scores, scores_BHTT)
	weights_BHTT := vars.Dropout(causalSoftmax(scores_BHTT, mask_TT), dropout, at+".weights")
	out_BHTd := vars.Dot(weights_BHTT, []int{3}, []int{0, 1}, v, []int{2}, []int{0, 1})
	return Reshape(TransposeAllDims(out_BHTd, 0, 2, 1, 3), d[0]*d[2], d[1]*d[3])
}

// hidden is added to scores of positions that lie ahead: far enough below any
// score that its exponential is exactly 0 in float32.
const hidden = -1e9

// causalSoftmax is the softmax over the last axis of what the mask shows.
func causalSoftmax(scores_BHTT, mask_TT *Node) *Node {
	g := scores_BHTT.Graph()
	penalty_TT := Where(mask_TT, ScalarZero(g, dtypes.Float32), Scalar(g, dtypes.Float32, hidden))
	dims := scores_BHTT.Shape().Dimensions
	masked := Add(scores_BHTT, Reshape(penalty_TT, 1, 1, dims[2], dims[3]))
	top := StopGradient(ReduceAndKeep(masked, ReduceMax, -1))
	e := Exp(Sub(masked, top))
	return Div(e, ReduceAndKeep(e, ReduceSum, -1))
}
