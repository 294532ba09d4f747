package model

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

// flashBlock is how many queries, and how many keys, have their scores at a
// time. Blocks are written out one by one, for XLA's backend has no loops.
const flashBlock = 512

// flash is causal softmax attention in blocks (Dao et al. 2022, arXiv
// 2205.14135): the forward pass keeps a running maximum and sum of each row and
// leaves the logarithm of its sum; the backward pass makes each block's scores
// again. Every query block and key block waits for the one before, so that a
// scheduler cannot bring all scores into being after all. Heads that share keys
// are rows of one product.
//
// Shape letters, beside those of the models: G query heads to a key head, i and
// j positions of a block of queries and of keys, R = G·i.
type flash struct {
	block   int
	dropout float64
	at      string
	vars    ml.Vars
}

// attend maps q [B, H, T, d], k and v [B, K, T, d] to [B, H, T, d]. A custom
// gradient in GoMLX has one operand, so what the backward pass needs goes
// through it in one array, of which the result is a part; so layers that are
// computed again hand the backward pass what was computed again.
func (f flash) attend(q, k, v *Node) *Node {
	heads, shared := q.Shape().Dimensions[1], k.Shape().Dimensions[1]
	out, logSum := f.forward(q, k, v)
	packed := Concatenate([]*Node{q, k, v, StopGradient(out)}, 1)
	part := func(x *Node, from, to int) *Node { return SliceAxis(x, 1, AxisRange(from, to)) }
	last := heads + 2*shared
	packed = IdentityWithCustomGradient(packed, func(x, slope *Node) *Node {
		x = SchedulingBarrier(x, slope)
		dq, dk, dv := f.backward(part(x, 0, heads), part(x, heads, heads+shared), part(x, heads+shared, last),
			part(x, last, last+heads), logSum, part(slope, last, last+heads))
		return Concatenate([]*Node{dq, dk, dv, ZerosLike(out)}, 1)
	})
	return part(packed, last, last+heads)
}

// forward returns the result and the logarithm of each row's sum, [B, H, T, 1].
func (f flash) forward(q, k, v *Node) (out_BHTd, logSum_BHT1 *Node) {
	shared := k.Shape().Dimensions[1]
	var outs, logSums, tops []*Node
	var highest *Node
	for i, queries := range f.blocks(q) {
		q_BKRd := grouped(queries, shared)
		if i > 0 {
			q_BKRd = SchedulingBarrier(q_BKRd, outs[i-1])
		}
		var top, sum, acc *Node
		for j := range i + 1 {
			scores_BKRj := f.scores(q_BKRd, f.blockOf(k, j))
			masked, shown := f.masked(scores_BKRj, i == j)
			highest = largest(highest, ReduceAllMax(Abs(shown)))
			before := top
			top = largest(top, ReduceAndKeep(masked, ReduceMax, -1))
			e_BKRj := Exp(Sub(masked, top))
			sum_BKR1 := ReduceAndKeep(e_BKRj, ReduceSum, -1)
			out_BKRd := f.vars.Dot(f.drop(e_BKRj, i, j), []int{3}, []int{0, 1}, f.blockOf(v, j), []int{2}, []int{0, 1})
			if j == 0 {
				sum, acc = sum_BKR1, out_BKRd
				continue
			}
			shrink := Exp(Sub(before, top))
			sum, acc = Add(Mul(sum, shrink), sum_BKR1), Add(Mul(acc, shrink), out_BKRd)
		}
		heads := q.Shape().Dimensions[1]
		outs = append(outs, ungrouped(Div(acc, sum), heads))
		logSums = append(logSums, ungrouped(Add(top, Log(sum)), heads))
		tops = append(tops, ungrouped(top, heads))
	}
	f.vars.Tap(f.at+TopScore, highest)
	if f.vars.Watching() {
		f.vars.Tap(f.at+TopScores, ReduceMax(Concatenate(tops, 2), 0, 2, 3))
	}
	return Concatenate(outs, 2), Concatenate(logSums, 2)
}

// backward returns the gradients of q, k and v from that of the result.
func (f flash) backward(q, k, v, out, logSum, slope *Node) (dq, dk, dv *Node) {
	shared, heads := k.Shape().Dimensions[1], q.Shape().Dimensions[1]
	part := func(x *Node, i int) *Node { return grouped(f.blockOf(x, i), shared) }
	dot := ReduceAndKeep(Mul(slope, out), ReduceSum, -1) // Σ p dp of each row
	n := len(f.blocks(q))
	dqs, dks, dvs := make([]*Node, n), make([]*Node, n), make([]*Node, n)
	for j := range n {
		k_BKjd, v_BKjd := f.blockOf(k, j), f.blockOf(v, j)
		if j > 0 {
			k_BKjd = SchedulingBarrier(k_BKjd, dks[j-1], dvs[j-1])
		}
		for i := j; i < n; i++ {
			q_BKRd, slope_BKRd := part(q, i), part(slope, i)
			masked, _ := f.masked(f.scores(q_BKRd, k_BKjd), i == j)
			p_BKRj := Exp(Sub(masked, part(logSum, i)))
			dvs[j] = ml.Plus(dvs[j], f.vars.Dot(f.drop(p_BKRj, i, j), []int{2}, []int{0, 1}, slope_BKRd, []int{2}, []int{0, 1}))
			dp_BKRj := f.drop(f.vars.Dot(slope_BKRd, []int{3}, []int{0, 1}, v_BKjd, []int{3}, []int{0, 1}), i, j)
			ds_BKRj := MulScalar(Mul(p_BKRj, Sub(dp_BKRj, part(dot, i))), f.scale(q))
			dqs[i] = ml.Plus(dqs[i], f.vars.Dot(ds_BKRj, []int{3}, []int{0, 1}, k_BKjd, []int{2}, []int{0, 1}))
			dks[j] = ml.Plus(dks[j], f.vars.Dot(ds_BKRj, []int{2}, []int{0, 1}, q_BKRd, []int{2}, []int{0, 1}))
		}
	}
	for i := range dqs {
		dqs[i] = ungrouped(dqs[i], heads)
	}
	return Concatenate(dqs, 2), Concatenate(dks, 2), Concatenate(dvs, 2)
}

func (f flash) scale(q *Node) float64 { return 1 / math.Sqrt(float64(q.Shape().Dimensions[3])) }

// scores are q·k/√d of a block.
func (f flash) scores(q_BKRd, k_BKjd *Node) *Node {
	return MulScalar(f.vars.Dot(q_BKRd, []int{3}, []int{0, 1}, k_BKjd, []int{3}, []int{0, 1}), f.scale(q_BKRd))
}

// masked hides what lies ahead in a block on the diagonal: from the softmax, and
// from who looks at scores.
func (f flash) masked(scores_BKRj *Node, diagonal bool) (masked, shown *Node) {
	if !diagonal {
		return scores_BKRj, scores_BKRj
	}
	g, d := scores_BKRj.Graph(), scores_BKRj.Shape().Dimensions
	group := d[2] / d[3]
	mask := BroadcastToDims(Reshape(LowerTriangular(g, d[3]), 1, d[3], d[3]), group, d[3], d[3])
	mask_11Rj := Reshape(mask, 1, 1, d[2], d[3])
	penalty := Where(mask_11Rj, ScalarZero(g, dtypes.Float32), Scalar(g, dtypes.Float32, hidden))
	return Add(scores_BKRj, penalty), Where(BroadcastToDims(mask_11Rj, d...), scores_BKRj, ZerosLike(scores_BKRj))
}

// drop is dropout of a block's weights, the same each time.
func (f flash) drop(x_BKRj *Node, i, j int) *Node {
	return f.vars.Dropout(x_BKRj, f.dropout, fmt.Sprintf("%s.weights.%d.%d", f.at, i, j))
}

// blocks cuts x [B, n, T, d] along T.
func (f flash) blocks(x *Node) []*Node {
	t := x.Shape().Dimensions[2]
	out := make([]*Node, (t+f.block-1)/f.block)
	for i := range out {
		out[i] = f.blockOf(x, i)
	}
	return out
}

func (f flash) blockOf(x *Node, i int) *Node {
	return SliceAxis(x, 2, AxisRange(i*f.block, min((i+1)*f.block, x.Shape().Dimensions[2])))
}

// grouped makes rows of the heads that share keys: [B, H, i, d] to [B, K, R, d].
func grouped(x *Node, shared int) *Node {
	d := x.Shape().Dimensions
	return Reshape(x, d[0], shared, d[1]/shared*d[2], d[3])
}

// ungrouped is the inverse of grouped.
func ungrouped(x *Node, heads int) *Node {
	d := x.Shape().Dimensions
	return Reshape(x, d[0], heads, d[1]*d[2]/heads, d[3])
}

// largest is the larger of b and what may be nothing yet.
func largest(a, b *Node) *Node {
	if a == nil {
		return b
	}
	return Max(a, b)
}
