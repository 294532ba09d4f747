//go:build xla && cgo && linux

package train

import (
	"slices"
	"testing"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// launchRecipes are computations with every kind of input and state.
func launchRecipes() map[string]*recipe {
	m := &model.Llama{Layers: 2, Width: 16, Heads: 4, KVHeads: 2, RopeTheta: 10000, Tied: true, InitStd: 0.3}
	m.Resolve()
	noisy, clip := *m, 1.0
	noisy.Dropout = 0.1
	blended := &norm.Derf{Alpha: norm.Sites{Attention: 0.5, FFN: 0.5, Final: 0.5}, Bias: true, EMABlend: &norm.EMABlend{Lambda: 0.9, Momentum: 0.9}}
	adamw := &optimizer.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
	spec := func(accumulate int) *LM {
		return &LM{Accumulate: accumulate, ClipNorm: &clip, Batch: Batch{2, 9}}
	}
	return map[string]*recipe{
		"accumulated, dropout": newRecipe(&noisy, norm.Everywhere(&norm.RMSNorm{Eps: 1e-5}), adamw, 19, spec(2)),
		"running statistics":   newRecipe(m, norm.Everywhere(blended), adamw, 19, spec(1)),
	}
}

// A trial's bits do not depend on how its steps are grouped into calls.
func TestXLALaunches(t *testing.T) {
	RequireXLA(t)
	b, err := backend.Open("xla:cpu", 2)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range launchRecipes() {
		t.Run(name, func(t *testing.T) {
			m, err := startedMachine(b, r, 4, initialise(r.layout(), ml.NewStream(0, "init", "1")))
			if err != nil {
				t.Fatal(err)
			}
			want := grouped(t, m, r, 1, 1, 1, 1, 1, 1)
			for _, groups := range [][]int{{2, 2, 2}, {4, 2}, {3, 1, 2}} {
				if got := grouped(t, m, r, groups...); !slices.Equal(got, want) {
					t.Errorf("calls of %v steps give other bits than single steps", groups)
				}
			}
		})
	}
}

// grouped trains from the start in calls of so many steps, and returns all losses,
// norms and the state.
func grouped(t *testing.T, m *machine, r *recipe, groups ...int) (out []float32) {
	t.Helper()
	if err := m.set(initialise(r.layout(), ml.NewStream(0, "init", "1"))); err != nil {
		t.Fatal(err)
	}
	first := 0
	for _, n := range groups {
		losses, norms, err := m.steps(first, exampleSteps(r, first, n))
		if err != nil {
			t.Fatal(err)
		}
		for i := range losses {
			out = append(out, losses[i], norms[i])
		}
		first += n
	}
	params, moments, err := m.save()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range slices.Concat(params, moments) {
		out = append(out, x.F32...)
	}
	return out
}

func exampleSteps(r *recipe, first, n int) []stepInput {
	in := make([]stepInput, n)
	for i := range in {
		step := first + i
		in[i] = stepInput{multiplier: float32(step+1) / 8, tokens: make([]int32, r.accumulate*r.batch.Sequences*(r.batch.Length+1))}
		for j := range in[i].tokens {
			in[i].tokens[j] = int32((j*7 + step*step*3 + j*j*step) % 19)
		}
		if r.noisy() {
			for j := range 2 * r.accumulate {
				in[i].noise = append(in[i].noise, uint32(step*31+j))
			}
		}
	}
	return in
}
