package train

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// started is a machine at step 0.
func started(t *testing.T, r *recipe) *machine {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	machine, err := startedMachine(b, r, 1, initialise(r.layout(), ml.NewStream(0, "init", "1")))
	if err != nil {
		t.Fatal(err)
	}
	return machine
}

// trained runs the steps of a small trial: all losses and gradient norms, the
// evaluation at the end, and the state.
func trained(t *testing.T, r *recipe, steps int) (rows []float64, state [][]float32) {
	t.Helper()
	machine := started(t, r)
	tokens := smallTokens(r)
	for step := range steps {
		var noise []uint32
		if r.noisy() {
			noise = []uint32{1, 2, 3, uint32(step)}
		}
		loss, size, err := machine.step(step, 1, tokens, noise)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, loss, size)
	}
	loss, err := machine.evaluate(tokens[:r.batch.Sequences*(r.batch.Length+1)])
	if err != nil {
		t.Fatal(err)
	}
	params, moments, err := machine.save()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range slices.Concat(params, moments) {
		state = append(state, x.F32)
	}
	return append(rows, loss), state
}

func smallAdamW() *optimizer.AdamW {
	return &optimizer.AdamW{LearningRate: 0.01, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
}

// Computing layers again gives the same bits.
func TestCheckpointing(t *testing.T) {
	blended := &norm.Derf{Alpha: norm.Sites{Attention: 0.5, FFN: 0.5, Final: 0.5}, Bias: true, EMABlend: &norm.EMABlend{Lambda: 0.9, Momentum: 0.9}}
	for name, m := range smallModels() {
		for precision, n := range map[string]norm.Norm{"fp32": blended, "bf16": &norm.RMSNorm{Eps: 1e-5}} {
			t.Run(name+" "+precision, func(t *testing.T) {
				run := func(again bool) ([]float64, [][]float32) {
					spec := &LM{Accumulate: 2, Precision: precision, Batch: Batch{2, 9}, LossChunk: 5, Checkpointing: again}
					return trained(t, newRecipe(m, norm.Everywhere(n), smallAdamW(), 19, spec), 4)
				}
				rows, state := run(true)
				wantRows, wantState := run(false)
				if !slices.Equal(rows, wantRows) || !slices.EqualFunc(state, wantState, slices.Equal[[]float32]) {
					t.Errorf("losses %v, without checkpointing %v", rows, wantRows)
				}
			})
		}
	}
}

// A model's gradients, evaluation and largest scores are those of attention as
// a whole, in sequences of more than one block.
func TestFlashAttention(t *testing.T) {
	run := func(how string, again bool) (*recipe, map[string][]float32) {
		m := &model.Llama{Layers: 2, Width: 16, Heads: 4, KVHeads: 2, RopeTheta: 10000, Tied: true, InitStd: 0.3, Attention: how}
		m.Resolve()
		spec := &LM{Accumulate: 1, Batch: Batch{1, 530}, Checkpointing: again}
		r := newRecipe(m, norm.Everywhere(&norm.RMSNorm{Eps: 1e-5}), smallAdamW(), 19, spec)
		return r, gradients(t, r)
	}
	whole, want := run("plain", false)
	wantReadings := readings(t, whole)
	for _, again := range []bool{false, true} {
		r, got := run("flash", again)
		agree(t, got, want, 2e-5)
		seen := readings(t, r)
		for name, w := range wantReadings {
			if g := seen[name]; math.Abs(g-w) > 1e-4*math.Abs(w) {
				t.Errorf("%s = %v, want %v", name, g, w)
			}
		}
	}
}

// readings are the probe's, and the evaluation without a name.
func readings(t *testing.T, r *recipe) map[string]float64 {
	t.Helper()
	machine := started(t, r)
	names, values, err := machine.probe(smallTokens(r))
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]float64)
	for i, n := range names {
		out[n.name()] = float64(values[i])
	}
	if out[""], err = machine.evaluate(smallTokens(r)); err != nil {
		t.Fatal(err)
	}
	return out
}

// The backward pass starts from what enters each layer: what the graph has
// within its layers it has twice, but for what the last layer's output needs.
func TestCheckpointingComputesLayersAgain(t *testing.T) {
	for again, want := range map[bool]int{false: 5, true: 9} { // Derf: twice in each of two layers, and at the end
		r := smallRecipe(smallModels()["llama"], smallAdamW(), 9, func(s *LM) { s.Checkpointing, s.Accumulate = again, 1 })
		if got := counts(t, r.step(), NodeTypeErf); got != want {
			t.Errorf("checkpointing %v: %d error functions, want %d", again, got, want)
		}
	}
}

// counts counts the nodes of a type that a program's outputs need.
func counts(t *testing.T, p ml.Program, of NodeType) int {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	seen, count := map[*Node]bool{}, 0
	var visit func(n *Node)
	visit = func(n *Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		if n.Type() == of {
			count++
		}
		for _, in := range n.Inputs() {
			visit(in)
		}
	}
	build := p.Build
	p.Build = func(in []*Node) []*Node {
		out := build(in)
		for _, n := range out {
			visit(n)
		}
		return out
	}
	if _, err := ml.Compile(b, p); err != nil {
		t.Fatal(err)
	}
	return count
}
