package train

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
	"ablate/stages/model"
)

// loss is the mean cross-entropy, in nats, of predicting each next token. Computed in
// chunks, it has a gradient only if sloped is set.
func (r *recipe) loss(tokens_BL *Node, vars ml.Vars, sloped bool) *Node {
	b, l := tokens_BL.Shape().Dimensions[0], tokens_BL.Shape().Dimensions[1]
	inputs_BT := SliceAxis(tokens_BL, 1, AxisRange(0, l-1))
	targets_N := Reshape(SliceAxis(tokens_BL, 1, AxisRange(1, l)), b*(l-1))
	if r.chunk > 0 || r.lowered {
		return r.chunkedLoss(r.model.Rows(inputs_BT, r.norms, vars), targets_N, vars, sloped)
	}
	logits_NV := Reshape(model.Logits(r.model, inputs_BT, r.norms, vars), b*(l-1), r.vocabulary)
	return ReduceAllMean(r.objective(logits_NV, targets_N, sloped))
}

// crossEntropy is −log softmax at each row's target, with its parts.
type crossEntropy struct {
	loss_N   *Node
	top_N1   *Node // the largest score, without a gradient
	logSum_N *Node // the logarithm of the sum of e to the scores less the largest
}

func newCrossEntropy(logits_NV, targets_N *Node) crossEntropy {
	top_N1 := StopGradient(ReduceAndKeep(logits_NV, ReduceMax, -1))
	shifted_NV := Sub(logits_NV, top_N1)
	logSum_N := Log(ReduceSum(Exp(shifted_NV), -1))
	hit_NV := OneHot(targets_N, logits_NV.Shape().Dimensions[1], dtypes.Float32)
	target_N := ReduceSum(Mul(shifted_NV, hit_NV), -1)
	return crossEntropy{Sub(logSum_N, target_N), top_N1, logSum_N}
}

// chunkedLoss is the mean of crossEntropy, computed one chunk of rows at a time so
// that the scores of all rows never exist together. Since the loss is a scalar, the
// scores of a chunk give its share of the gradient at once: nothing is kept for the
// backward pass or computed twice. Each chunk waits for the previous one. The
// gradient is attached as the loss's first-order term, whose value is 0.
func (r *recipe) chunkedLoss(x_ND, targets_N *Node, vars ml.Vars, sloped bool) *Node {
	n := x_ND.Shape().Dimensions[0]
	weight_VD := vars.At(r.model.Head())
	of, attach := r.recordedChunk(weight_VD, n, vars, sloped), firstOrder
	if r.lowered {
		of, attach = r.loweredChunk(weight_VD, n, vars, sloped), attached
	}
	cut_ND := StopGradient(x_ND)
	var loss, slope_VD *Node
	var slopes_CD, done []*Node // done: results that the next chunk waits for
	for from := 0; from < n; from += r.chunkRows(n) {
		rows := AxisRange(from, min(from+r.chunkRows(n), n))
		x_CD := SliceAxis(cut_ND, 0, rows)
		if from > 0 {
			x_CD = SchedulingBarrier(x_CD, done...)
		}
		part, slopes := of(x_CD, SliceAxis(targets_N, 0, rows))
		done = []*Node{part}
		if sloped {
			slopes_CD = append(slopes_CD, slopes[0])
			slope_VD = ml.Plus(slope_VD, slopes[1])
			done = []*Node{slopes[0], slope_VD}
		}
		loss = ml.Plus(loss, part)
	}
	loss = StopGradient(loss)
	if !sloped {
		return loss
	}
	return Add(loss, Add(attach(x_ND, Concatenate(slopes_CD, 0)), attach(weight_VD, slope_VD)))
}

// chunkRows is the number of rows of a chunk, of n.
func (r *recipe) chunkRows(n int) int {
	if r.chunk == 0 {
		return n
	}
	return r.chunk
}

// ofChunk computes a chunk's part of the mean loss and, where it has a gradient, its
// slopes with respect to the rows and to the output projection.
type ofChunk func(x_CD, targets_C *Node) (part *Node, slopes []*Node)

// recordedChunk is ofChunk as fingerprints have it.
func (r *recipe) recordedChunk(weight_VD *Node, n int, vars ml.Vars, sloped bool) ofChunk {
	cut_VD := Identity(weight_VD)
	return func(x_CD, targets_C *Node) (part *Node, slopes []*Node) {
		logits_CV := vars.Dot(x_CD, []int{1}, nil, cut_VD, []int{1}, nil)
		part = DivScalar(ReduceAllSum(r.objective(logits_CV, targets_C, sloped)), float64(n))
		if sloped {
			slopes = Gradient(part, x_CD, cut_VD)
		}
		return part, slopes
	}
}

// firstOrder is 0, with a gradient with respect to x.
func firstOrder(x, gradient *Node) *Node {
	return ReduceAllSum(Mul(Sub(x, StopGradient(x)), StopGradient(gradient)))
}
