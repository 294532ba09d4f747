package train

import (
	"math"
	"testing"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// probed looks at an untrained model.
func probed(t *testing.T, n norm.Norm, scale float64) map[string]float64 {
	t.Helper()
	b, err := backend.Open("go", 1)
	if err != nil {
		t.Fatal(err)
	}
	m := &model.Llama{Layers: 2, Width: 16, Heads: 2, KVHeads: 2, FFN: 24, RopeTheta: 10000, Tied: true, InitStd: scale}
	o := &optimizer.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8}
	r := newRecipe(m, norm.Everywhere(n), o, 16, &LM{Batch: Batch{2, 8}, Accumulate: 1})
	machine, err := startedMachine(b, r, 1, initialise(r.layout(), ml.NewStream(0, "init", "1")))
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]int32, 2*9)
	for i := range tokens {
		tokens[i] = int32(i * 5 % 16)
	}
	readings, values, err := machine.probe(tokens)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]float64)
	for i, r := range readings {
		out[r.name()] = float64(values[i])
	}
	if len(out) != len(values) {
		t.Fatalf("%d readings have %d names", len(values), len(out))
	}
	return out
}

// The readings of a fresh model follow from how it was made.
func TestProbe(t *testing.T) {
	dyt := &norm.DyT{Alpha: norm.Sites{Attention: 0.5, FFN: 0.3, Final: 40}, Bias: true}
	got := probed(t, dyt, 1)
	within := func(name string, low, high float64) {
		t.Helper()
		if v, ok := got[name]; !ok || v < low || v > high {
			t.Errorf("%s = %v (there: %v), want between %v and %v", name, v, ok, low, high)
		}
	}
	within("layers.0.norm.attention alpha", 0.5, 0.5)
	within("layers.1.norm.ffn alpha", 0.299, 0.301)
	within("layers.0.norm.attention input_std", 0.8, 1.2) // N(0, 1) embeddings
	within("layers.0.norm.attention argument_std", 0.4, 0.6)
	within("layers.0.norm.attention saturated", 0, 0.01)
	within("norm.final saturated", 0.8, 1) // α = 40
	within("layers.0.attention.q frobenius", 13, 19)
	within("layers.0.attention.q spectral", 5, 8.5) // 2 √16 in the limit
	within("layers.0.attention score_max", 0.5, 200)
	if g := got["layers.0.norm.attention alpha_gradient"]; g == 0 || math.IsNaN(g) {
		t.Errorf("the gradient of α is %v", g)
	}
	if rms := probed(t, &norm.RMSNorm{Eps: 1e-5}, 0.5); math.Abs(rms["norm.final output_variance"]-1) > 0.1 {
		t.Errorf("RMSNorm puts out a variance of %v", rms["norm.final output_variance"])
	} else if _, ok := rms["norm.final saturated"]; ok {
		t.Error("RMSNorm saturates")
	}
}
