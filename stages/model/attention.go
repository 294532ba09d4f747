package model

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

// How attention is computed.
const (
	plain    = "plain"
	inBlocks = "flash"
	byCuDNN  = "cudnn"
)

// block is the number of positions whose scores exist together, 0 for all. cuDNN's
// kernel keeps one number for each row.
func block(attention string) int {
	switch attention {
	case inBlocks:
		return flashBlock
	case byCuDNN:
		return 1
	}
	return 0
}

// Scores is what a block's attention taps, below its prefix: q·k/√d, [B, H, T, T],
// before the mask.
const Scores = ".scores"

// TopScore is what attention in blocks taps instead: the largest |score| that no
// mask hides, a scalar.
const TopScore = ".score_max"

// TopScores is what attention taps for each query head, below its prefix: the largest
// score that no mask hides, [H]. cuDNN's attention taps none.
const TopScores = ".top_scores"

// splitHeads turns rows [B·T, n·d] into heads [B, n, T, d].
func splitHeads(x_ND *Node, b, t, n int) *Node {
	head := x_ND.Shape().Dimensions[1] / n
	return TransposeAllDims(Reshape(x_ND, b, t, n, head), 0, 2, 1, 3)
}

// attend is causal softmax attention of H query heads, [B, H, T, d], over key and
// value heads, [B, K, T, d], each shared by H / K of them. The result is rows
// [B·T, H·d].
func attend(how string, q, k, v, mask_TT *Node, dropout float64, at string, vars ml.Vars) *Node {
	if how == inBlocks {
		return mergeHeads(flash{flashBlock, dropout, at, vars}.attend(q, k, v))
	}
	k, v = share(k, q), share(v, q)
	d := q.Shape().Dimensions
	if how == byCuDNN {
		out_BTHd := vars.Attend(swapHeads(q), swapHeads(k), swapHeads(v), 1/math.Sqrt(float64(d[3])))
		return Reshape(out_BTHd, d[0]*d[2], d[1]*d[3])
	}
	scores_BHTT := vars.Dot(q, []int{3}, []int{0, 1}, k, []int{3}, []int{0, 1})
	scores_BHTT = MulScalar(scores_BHTT, 1/math.Sqrt(float64(d[3])))
	vars.Tap(at+Scores, scores_BHTT)
	masked_BHTT := causal(scores_BHTT, mask_TT)
	if vars.Watching() {
		vars.Tap(at+TopScores, ReduceMax(masked_BHTT, 0, 2, 3))
	}
	weights_BHTT := vars.Dropout(softmax(masked_BHTT), dropout, at+".weights")
	out_BHTd := vars.Dot(weights_BHTT, []int{3}, []int{0, 1}, v, []int{2}, []int{0, 1})
	return mergeHeads(out_BHTd)
}

// share repeats each key or value head for the query heads that use it.
func share(x_BKTd, q_BHTd *Node) *Node {
	d, heads := x_BKTd.Shape().Dimensions, q_BHTd.Shape().Dimensions[1]
	group := heads / d[1]
	if group == 1 {
		return x_BKTd
	}
	wide := BroadcastToDims(ExpandAxes(x_BKTd, 2), d[0], d[1], group, d[2], d[3])
	return Reshape(wide, d[0], heads, d[2], d[3])
}

// mergeHeads is the inverse of splitHeads.
func mergeHeads(x_BHTd *Node) *Node {
	d := x_BHTd.Shape().Dimensions
	return Reshape(swapHeads(x_BHTd), d[0]*d[2], d[1]*d[3])
}

// swapHeads turns [B, H, T, d] into [B, T, H, d].
func swapHeads(x_BHTd *Node) *Node { return TransposeAllDims(x_BHTd, 0, 2, 1, 3) }

// hidden is added to scores of positions that lie ahead: far enough below any
// score that its exponential is exactly 0 in float32.
const hidden = -1e9

// causal hides scores of positions that lie ahead, as the mask has it.
func causal(scores_BHTT, mask_TT *Node) *Node {
	g := scores_BHTT.Graph()
	penalty_TT := Where(mask_TT, ScalarZero(g, dtypes.Float32), Scalar(g, dtypes.Float32, hidden))
	dims := scores_BHTT.Shape().Dimensions
	return Add(scores_BHTT, Reshape(penalty_TT, 1, 1, dims[2], dims[3]))
}

// softmax is that over the last axis.
func softmax(x *Node) *Node {
	top := StopGradient(ReduceAndKeep(x, ReduceMax, -1))
	e := Exp(Sub(x, top))
	return Div(e, ReduceAndKeep(e, ReduceSum, -1))
}
