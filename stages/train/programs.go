package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/cache"
	"ablate/hcl/formula"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// Shape letters: A micro-batches, B sequences, T predicted positions (L = T+1
// tokens), V vocabulary.

// recipe holds the parts of a train step. Parameters are sorted by path: their order
// decides in which order the squares of a gradient are summed, and must not depend on
// the order in which norms and models declare them.
type recipe struct {
	model      model.Model
	norms      norm.Norms
	optimizer  optimizer.Optimizer
	vocabulary int
	batch      Batch
	accumulate int
	clip       float64         // 0 for none
	chunk      int             // rows whose scores are computed together; 0 for all
	formula    formula.Formula // of the loss; empty for the cross-entropy
	again      bool            // layers are recomputed in the backward pass
	dot        dtypes.DType
	lowered    bool // for XLA; see lower

	params []ml.Param
	states []ml.Param // of the optimizer, in the order of params
}

func newRecipe(m model.Model, n norm.Norms, o optimizer.Optimizer, vocabulary int, t *LM) *recipe {
	r := &recipe{
		model: m, norms: n, optimizer: o, vocabulary: vocabulary,
		batch: t.Batch, accumulate: t.Accumulate, clip: t.clip(), chunk: t.LossChunk, formula: t.Loss, again: t.Checkpointing, dot: dtypes.Float32,
	}
	if t.Precision == "bf16" {
		r.dot = dtypes.BFloat16
	}
	r.params = m.Params(n, vocabulary)
	slices.SortFunc(r.params, func(a, b ml.Param) int { return strings.Compare(a.Path, b.Path) })
	for _, p := range r.params {
		if p.Role == ml.RoleBuffer {
			continue
		}
		r.states = append(r.states, optimizer.States(o, p)...)
	}
	return r
}

// forward is the recipe without its optimizer and the other parts that only training
// needs, so that programs traced from it cannot depend on them.
func (r *recipe) forward() *recipe {
	f := *r
	f.optimizer, f.states, f.accumulate, f.clip, f.again = nil, nil, 0, 0, false
	return &f
}

// lower returns the recipe in the form in which XLA computes it: the same mathematics
// with fewer and larger products. It changes how sums are split, and with that the
// last bits, so that its number is in XLA's numerics class. Fingerprints are of the
// recipe before.
func (r *recipe) lower() *recipe {
	l := *r
	l.lowered = true
	return &l
}

// layout lists all tensors of a state: parameters, then the optimizer's.
func (r *recipe) layout() []ml.Param { return slices.Concat(r.params, r.states) }

func (r *recipe) inputs(params []ml.Param) []ml.Input {
	out := make([]ml.Input, len(params))
	for i, p := range params {
		out[i] = ml.Input{Name: p.Path, Shape: p.Shape, DType: dtypes.Float32}
	}
	return out
}

// step is one whole optimizer step. Inputs: parameters, optimizer state, step
// (int32), multiplier (float32), tokens [A, B, L] (int32), and for a noisy model
// the noise of each micro-batch [A, 2] (uint32). Outputs: the new
// parameters and state, the mean loss before the update, and the global norm
// of the gradient before clipping.
func (r *recipe) step() ml.Program {
	np, ns := len(r.params), len(r.states)
	inputs := append(r.inputs(r.params), r.inputs(r.states)...)
	inputs = append(inputs,
		ml.Input{Name: "step", DType: dtypes.Int32},
		ml.Input{Name: "multiplier", DType: dtypes.Float32},
		ml.Input{Name: "tokens", Shape: []int{r.accumulate, r.batch.Sequences, r.batch.Length + 1}, DType: dtypes.Int32})
	noisy := r.noisy()
	if noisy {
		inputs = append(inputs, ml.Input{Name: "noise", Shape: []int{r.accumulate, 2}, DType: dtypes.Uint32})
	}
	build := func(in []*Node) []*Node {
		params, states := in[:np], in[np:np+ns]
		var noise_A2 *Node
		if noisy {
			noise_A2 = in[len(in)-1]
		}
		clock := optimizer.Clock{Step: in[np+ns], Multiplier: in[np+ns+1]}
		seen := make(taps)
		loss := r.meanLoss(in[np+ns+2], noise_A2, r.vars(params).Watched(seen.add))
		grads := Gradient(loss, r.trained(params)...)
		size, grads := clipGlobal(grads, r.clip)
		newParams, newStates := r.update(params, grads, states, clock, seen)
		return append(append(newParams, newStates...), loss, size)
	}
	return ml.Program{Name: "step", Inputs: inputs, Build: build, InPlace: np + ns}
}

// taps are the tapped values, one for each micro-batch.
type taps map[string][]*Node

func (t taps) add(path string, x *Node) { t[path] = append(t[path], x) }

func (r *recipe) noisy() bool { return r.model.Traits().Noisy }

// vars binds the parameters of one forward pass.
func (r *recipe) vars(params []*Node) ml.Vars {
	v := ml.NewVars(r.params, params).Multiplying(r.dot)
	if r.lowered {
		return v.Joining()
	}
	return v
}

// trainedParams lists the parameters that have a gradient.
func (r *recipe) trainedParams() []ml.Param {
	return slices.DeleteFunc(slices.Clone(r.params), func(p ml.Param) bool { return p.Role == ml.RoleBuffer })
}

// trained picks the values of the parameters that have a gradient.
func (r *recipe) trained(params []*Node) []*Node {
	var out []*Node
	for i, p := range r.params {
		if p.Role != ml.RoleBuffer {
			out = append(out, params[i])
		}
	}
	return out
}

// meanLoss averages the loss over the micro-batches of tokens_ABL.
func (r *recipe) meanLoss(tokens_ABL, noise_A2 *Node, vars ml.Vars) *Node {
	if r.again {
		vars = vars.Recomputing()
	}
	var total *Node
	for a := range r.accumulate {
		micro_BL := Squeeze(SliceAxis(tokens_ABL, 0, AxisElem(a)), 0)
		if noise_A2 != nil {
			vars = vars.Noisy(Squeeze(SliceAxis(noise_A2, 0, AxisElem(a)), 0))
		}
		total = ml.Plus(total, r.loss(micro_BL, vars, true))
	}
	if r.accumulate > 1 {
		total = DivScalar(total, float64(r.accumulate))
	}
	return total
}

// clipGlobal scales gradients so that their global norm is at most limit, as
// torch.nn.utils.clip_grad_norm_ does, and returns the norm before.
func clipGlobal(grads []*Node, limit float64) (*Node, []*Node) {
	var squares *Node
	for _, g := range grads {
		squares = ml.Plus(squares, ReduceAllSum(Mul(g, g)))
	}
	size := Sqrt(squares)
	if limit == 0 {
		return size, grads
	}
	g := size.Graph()
	factor := Min(ScalarOne(g, dtypes.Float32), Div(Scalar(g, dtypes.Float32, limit), AddScalar(size, 1e-6)))
	out := make([]*Node, len(grads))
	for i, grad := range grads {
		out[i] = Mul(grad, factor)
	}
	return size, out
}

// update applies the optimizer to all trained parameters, and refreshes the running
// statistics from the taps of the forward passes.
func (r *recipe) update(params, grads, states []*Node, clock optimizer.Clock, seen taps) (newParams, newStates []*Node) {
	trained := r.trainedParams()
	perParam := make([][]*Node, len(trained))
	for i, p := range trained {
		n := len(r.optimizer.State(p))
		perParam[i], states = states[:n], states[n:]
	}
	values, perParam := optimizer.UpdateAll(r.optimizer, trained, r.trained(params), grads, perParam, clock)
	r.clipScores(trained, values, seen)
	vars := r.vars(params)
	for _, p := range r.params {
		if p.Role == ml.RoleBuffer {
			newParams = append(newParams, r.norms.Of(p.Path).(norm.Running).Refresh(p.Path, vars, seen[norm.InputOf(p)]))
			continue
		}
		newParams, values = append(newParams, values[0]), values[1:]
	}
	return newParams, slices.Concat(perParam...)
}

// evaluate is the mean loss of one batch of validation text. Inputs:
// parameters, tokens [B, L] (int32).
func (r *recipe) evaluate() ml.Program {
	inputs := append(r.inputs(r.params),
		ml.Input{Name: "tokens", Shape: []int{r.batch.Sequences, r.batch.Length + 1}, DType: dtypes.Int32})
	build := func(in []*Node) []*Node {
		last := len(in) - 1
		return []*Node{r.loss(in[last], r.vars(in[:last]), false)}
	}
	return ml.Program{Name: "evaluate", Inputs: inputs, Build: build}
}

// initialisation describes the start of every parameter, and of every state that
// does not start at zero: path, shape and rule.
func (r *recipe) initialisation() cache.Digest {
	var items []cache.Value
	describe := func(p ml.Param) {
		items = append(items, cache.List(cache.String(p.Path), cache.String(fmt.Sprint(p.Shape)), cache.Float(p.Init.Std), cache.Float(p.Init.Value)))
	}
	for _, p := range r.params {
		describe(p)
	}
	for _, s := range r.states {
		if s.Init != (ml.Init{}) {
			describe(s)
		}
	}
	return cache.Digest(cache.List(items...).Key("ablate initialisation v2"))
}
