package train

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

// P is the vocabulary, padded.

// vocabularyMultiple is what the products over a vocabulary are padded to on XLA.
// cuBLAS has no fast kernel for 50,257 columns, and XLA reads rows of odd lengths one
// number at a time.
const vocabularyMultiple = 64

// loweredChunk is ofChunk for XLA. The output projection has rows of zeros for tokens
// that do not exist. The gradient of the scores is written out: it reads the scores
// once and is written once, in the precision of products; every value of that size has
// one consumer, so XLA need not store it. The largest score and the sum are two passes,
// because the graph has no reduction with two results.
func (r *recipe) loweredChunk(weight_VD *Node, n int, vars ml.Vars, sloped bool) ofChunk {
	v := weight_VD.Shape().Dimensions[0]
	weight_PD := vars.Rounded(StopGradient(weight_VD))
	if more := (vocabularyMultiple - v%vocabularyMultiple) % vocabularyMultiple; more > 0 {
		zeros := Zeros(weight_VD.Graph(), shapes.Make(weight_PD.DType(), more, weight_VD.Shape().Dimensions[1]))
		weight_PD = Concatenate([]*Node{weight_PD, zeros}, 0)
	}
	return func(x_CD, targets_C *Node) (part *Node, slopes []*Node) {
		rounded_CP := vars.Product(x_CD, []int{1}, nil, weight_PD, []int{1}, nil)
		s := newScores(rounded_CP, targets_C, v)
		part, slope := r.scoresLoss(s, n, sloped)
		if !sloped {
			return part, nil
		}
		slope_CP := vars.Rounded(s.slope(slope))
		return part, []*Node{
			vars.Dot(slope_CP, []int{1}, nil, weight_PD, []int{0}, nil),
			SliceAxis(vars.Dot(slope_CP, []int{0}, nil, x_CD, []int{0}, nil), 0, AxisRange(0, v)),
		}
	}
}

// scores are the scores of a chunk with what the loss reads of them.
type scores struct {
	all_CP    *Node
	targets_C *Node
	v         int // tokens that exist; the scores of others are 0
	logZ_C    *Node
	entropy_C *Node
}

func newScores(rounded_CP, targets_C *Node, v int) scores {
	s := scores{all_CP: ConvertDType(rounded_CP, dtypes.Float32), targets_C: targets_C, v: v}
	g, rows, columns := rounded_CP.Graph(), rounded_CP.Shape().Dimensions[0], rounded_CP.Shape().Dimensions[1]
	exist_CP := s.all_CP
	if columns > v {
		exist_CP = Where(LessThan(s.columns(), Scalar(g, dtypes.Int32, v)), s.all_CP, Scalar(g, dtypes.Float32, math.Inf(-1)))
	}
	top_C1 := ReduceAndKeep(exist_CP, ReduceMax, -1)
	sum_C := ReduceSum(Exp(Sub(exist_CP, top_C1)), -1)
	s.logZ_C = Add(Log(sum_C), Squeeze(top_C1, -1))
	at_C2 := Concatenate([]*Node{Iota(g, shapes.Make(dtypes.Int32, rows, 1), 0), ExpandAxes(targets_C, -1)}, 1)
	s.entropy_C = Sub(s.logZ_C, ConvertDType(Gather(rounded_CP, at_C2, true), dtypes.Float32))
	return s
}

// columns numbers the columns.
func (s scores) columns() *Node {
	return Iota(s.all_CP.Graph(), shapes.Make(dtypes.Int32, s.all_CP.Shape().Dimensions...), 1)
}

// lossSlope is the slope of a loss with respect to what it reads of each row; nil is 0.
type lossSlope struct{ entropy_C, logZ_C, mean_C *Node }

// scoresLoss computes a chunk's part of the mean loss of n rows, and its slope.
func (r *recipe) scoresLoss(s scores, n int, sloped bool) (*Node, lossSlope) {
	if r.formula.IsZero() || !sloped {
		each := BroadcastToDims(Scalar(s.all_CP.Graph(), dtypes.Float32, 1/float64(n)), s.targets_C.Shape().Dimensions...)
		return DivScalar(ReduceAllSum(s.entropy_C), float64(n)), lossSlope{entropy_C: each}
	}
	var slope lossSlope
	values := make(map[string]*Node)
	var read []*Node
	var into []**Node
	for _, of := range []struct {
		name  string
		value func() *Node
		slope **Node
	}{
		{"cross_entropy", func() *Node { return s.entropy_C }, &slope.entropy_C},
		{"log_z", func() *Node { return s.logZ_C }, &slope.logZ_C},
		{"mean_logit", func() *Node { return DivScalar(ReduceSum(s.all_CP, -1), float64(s.v)) }, &slope.mean_C},
	} {
		if r.formula.Reads(of.name) {
			values[of.name] = Identity(StopGradient(of.value())) // which has a gradient, and passes none on
			read, into = append(read, values[of.name]), append(into, of.slope)
		}
	}
	part := DivScalar(ReduceAllSum(r.formulaOf(s.all_CP.Graph(), values)), float64(n))
	for i, g := range Gradient(part, read...) {
		*into[i] = g
	}
	return part, slope
}

// slope is the slope with respect to the scores. For tokens that do not exist it is
// not 0, but their rows of the projection are; it must be finite, though their score of
// 0 may be far above log Z.
func (s scores) slope(of lossSlope) *Node {
	column := func(x_C *Node) *Node { return ExpandAxes(x_C, -1) }
	share_CP := Exp(MinScalar(Sub(s.all_CP, column(s.logZ_C)), 0)) // no share is above 1
	var out_CP *Node
	switch {
	case of.entropy_C == nil && of.logZ_C == nil:
	case of.entropy_C == nil:
		out_CP = Mul(share_CP, column(of.logZ_C))
	default:
		out_CP = Mul(share_CP, column(ml.Plus(of.logZ_C, of.entropy_C)))
		hit_CP := Equal(s.columns(), BroadcastToShape(column(s.targets_C), shapes.Make(dtypes.Int32, s.all_CP.Shape().Dimensions...)))
		out_CP = Where(hit_CP, Sub(out_CP, column(of.entropy_C)), out_CP)
	}
	if of.mean_C == nil {
		return out_CP
	}
	mean_CP := BroadcastToDims(column(DivScalar(of.mean_C, float64(s.v))), s.all_CP.Shape().Dimensions...)
	return ml.Plus(out_CP, mean_CP)
}

// attached is 0, with a gradient with respect to x. Unlike firstOrder, it reads one
// number of x.
func attached(x, gradient *Node) *Node {
	first := func(x *Node) *Node {
		ranges := make([]SliceAxisSpec, x.Rank())
		for i := range ranges {
			ranges[i] = AxisRange(0, 1)
		}
		return Reshape(Slice(x, ranges...))
	}
	one := first(IdentityWithCustomGradient(x, func(_, v *Node) *Node { return Mul(gradient, first(v)) }))
	return Sub(one, StopGradient(one))
}
