package optimizer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// QK-clip bounds the scores of attention, q·k/√d (Kimi K2, arXiv 2507.20534, algorithm
// 1). After the update of a step, the weights of the queries and of the keys of head h
// are multiplied by √γ with γ = min(1, τ/S), S being the largest score of the head in
// the step's forward passes. So the product of a query and a key is multiplied by γ.
// Biases of queries and keys are parts of them, and are multiplied, too.
//
// The report has heads with keys of their own. Where query heads share a key head, S is
// the largest score of them all, and they have one γ, as in Megatron-LM.

// Clipping is an Optimizer that bounds the scores of attention.
type Clipping interface {
	// ScoreLimit is τ; 0 for none.
	ScoreLimit() float64
}

// ScoreLimit returns the limit of a rule; 0 if it has none.
func ScoreLimit(o Optimizer) float64 {
	if c, ok := o.(Clipping); ok {
		return c.ScoreLimit()
	}
	return 0
}

// ClipQueryKey multiplies the rows that make queries and keys by √γ. value is a matrix
// or a bias. Its rows are parts of equal size, of which the first make queries or keys,
// and the others below do not. top_H has the largest score of each query head.
func ClipQueryKey(value, top_H *Node, keyHeads, parts, others int, limit float64) *Node {
	top_K := ReduceMax(Reshape(top_H, keyHeads, -1), 1)
	factor_K := Sqrt(Div(Scalar(top_K.Graph(), dtypes.Float32, limit), MaxScalar(top_K, limit)))
	dims := value.Shape().Dimensions
	rows := dims[0] / (parts + others)
	share := rows / keyHeads
	part := Reshape(BroadcastToDims(ExpandAxes(factor_K, 1), keyHeads, share), rows)
	all := make([]*Node, 0, parts+1)
	for range parts {
		all = append(all, part)
	}
	if others > 0 {
		all = append(all, Ones(value.Graph(), shapes.Make(dtypes.Float32, others*rows)))
	}
	factor := part
	if len(all) > 1 {
		factor = Concatenate(all, 0)
	}
	if len(dims) > 1 {
		factor = ExpandAxes(factor, 1)
	}
	return Mul(value, factor)
}
