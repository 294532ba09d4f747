package optimizer

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/ml"
)

func matrixParam(out, in, parts int) ml.Param {
	return ml.Param{Path: "w", Shape: []int{out, in}, Role: ml.RoleMatrix, Parts: parts}
}

func waves(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(math.Sin(float64(i*i + 1)))
	}
	return out
}

func size(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// The first updates of rules that are arithmetic on single elements, from
// p = 2, m = 0.25, g = −3, η = 0.1 · 0.5, by hand.
func TestElementwiseRules(t *testing.T) {
	for _, tt := range []struct {
		name        string
		rule        Optimizer
		value, mean float64
	}{
		{"lion", &Lion{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.99, WeightDecay: 0.5}, 2*(1-0.05*0.5) + 0.05, 0.99*0.25 - 0.01*3},
		{"lion sign of the mixture", &Lion{LearningRate: 0.1, Beta1: 0.99, Beta2: 0.99}, 2 - 0.05, 0.99*0.25 - 0.01*3},
		{"signum", &Signum{LearningRate: 0.1, Momentum: 0.9, WeightDecay: 0.5}, 2*(1-0.05*0.5) + 0.05, 0.9*0.25 - 0.1*3},
		{"sgd", &SGD{LearningRate: 0.1, Momentum: 0.9}, 2 - 0.05*(0.9*0.25-3), 0.9*0.25 - 3},
		{"sgd nesterov", &SGD{LearningRate: 0.1, Momentum: 0.9, Nesterov: true}, 2 - 0.05*(-3+0.9*(0.9*0.25-3)), 0.9*0.25 - 3},
		{"sgd without momentum", &SGD{LearningRate: 0.1, WeightDecay: 0.5}, 2*(1-0.05*0.5) + 0.05*3, -3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mean := float32(0.25)
			if tt.name == "sgd without momentum" {
				mean = 0
			}
			out := execute(t, one(tt.rule, matrixParam(1, 1, 0)), []float32{0}, []float32{0.5}, []float32{2}, []float32{-3}, []float32{mean})
			if got := float64(out[0][0]); math.Abs(got-tt.value) > 1e-6 {
				t.Errorf("value = %v, want %v", got, tt.value)
			}
			if got := float64(out[1][0]); math.Abs(got-tt.mean) > 1e-6 {
				t.Errorf("average = %v, want %v", got, tt.mean)
			}
		})
	}
}

// A parameter's own learning rate replaces the optimizer's, and a group's.
func TestOwnLearningRate(t *testing.T) {
	rates := &Rates{Scalar: 0.3}
	for _, tt := range []struct {
		param ml.Param
		want  float64
	}{
		{ml.Param{Path: "alpha", Role: ml.RoleScalar}, 0.3},
		{ml.Param{Path: "alpha", Role: ml.RoleScalar, LearningRate: 0.7}, 0.7},
		{ml.Param{Path: "gamma", Shape: []int{1}, Role: ml.RoleVector}, 0.1},
	} {
		a := &AdamW{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, LearningRates: rates}
		out := execute(t, one(a, tt.param), []float32{0}, []float32{1}, []float32{0}, []float32{-5}, []float32{0}, []float32{0})
		if got := float64(out[0][0]); math.Abs(got-tt.want) > 1e-5 {
			t.Errorf("%+v moved by %v, want %v", tt.param, got, tt.want)
		}
	}
}

// Both forms of momentum take the same orthogonalized step when they start at
// zero: the scale is all that differs, and Newton-Schulz removes it.
func TestMomentumForms(t *testing.T) {
	step := func(form string) []float32 {
		m := newMuon()
		m.MomentumForm = form
		zero := make([]float32, 12)
		return execute(t, one(m, matrixParam(3, 4, 0)), []float32{0}, []float32{1}, zero, waves(12), zero)[0]
	}
	ema, heavy := step("ema"), step("heavy_ball")
	for i := range ema {
		if math.Abs(float64(ema[i]-heavy[i])) > 1e-6 {
			t.Fatalf("element %d: %v by ema, %v by heavy_ball", i, ema[i], heavy[i])
		}
	}
}

// A fused matrix moves as its parts would alone, or as one.
func TestSplitQKV(t *testing.T) {
	step := func(p ml.Param, split bool, grad []float32) []float32 {
		m := newMuon()
		m.SplitQKV = split
		zero := make([]float32, len(grad))
		return execute(t, one(m, p), []float32{0}, []float32{1}, zero, grad, zero)[0]
	}
	grad := waves(6 * 4)
	fused := step(matrixParam(6, 4, 3), true, grad)
	for i := range 3 {
		part := step(matrixParam(2, 4, 0), true, grad[i*8:(i+1)*8])
		for j := range part {
			if math.Abs(float64(part[j]-fused[i*8+j])) > 1e-6 {
				t.Fatalf("part %d element %d: %v fused, %v alone", i, j, fused[i*8+j], part[j])
			}
		}
	}
	whole, alone := step(matrixParam(6, 4, 3), false, grad), step(matrixParam(6, 4, 0), true, grad)
	for j := range whole {
		if whole[j] != alone[j] {
			t.Fatalf("unsplit: element %d = %v, want %v", j, whole[j], alone[j])
		}
	}
}

// The quintic's scalar map and Polar Express on diagonal matrices: the values
// of the first are five float64 iterations by hand; the second comes closer
// to 1 from 0.01 upwards.
func TestSingularValues(t *testing.T) {
	through := func(s float64, coefficients string) float64 {
		// A second, large singular value fixes the norm near 1.
		p := ml.Program{Name: "ns", Inputs: []ml.Input{{Name: "g", Shape: []int{2, 2}, DType: dtypes.Float32}},
			Build: func(in []*graph.Node) []*graph.Node {
				return []*graph.Node{newtonSchulz{iterations: 5, coefficients: coefficients}.apply(in[0])}
			}}
		return float64(execute(t, p, []float32{float32(s), 0, 0, float32(math.Sqrt(1 - s*s))})[0][0])
	}
	for s, want := range map[float64]float64{.001: .4705, .01: .6989, .05: .7581, .1: .7121, .3: 1.0796, .5: .7654, .7: 1.1203} {
		if got := through(s, "quintic"); math.Abs(got-want) > 1e-3 {
			t.Errorf("quintic(%v) = %.4f, want %.4f", s, got, want)
		}
	}
	for _, s := range []float64{.01, .05, .1, .3, .5, .7, .9} {
		if got := through(s, "polar-express"); math.Abs(got-1) > 0.15 {
			t.Errorf("polar-express(%v) = %.4f, want about 1", s, got)
		}
	}
}

// Under hyperball no matrix grows, whichever way the direction is found.
func TestHyperballKeepsNorms(t *testing.T) {
	for _, direction := range []string{"muon", "adam"} {
		h := newHyperball()
		h.Direction = direction
		p := matrixParam(4, 6, 0)
		value, grad := waves(24), waves(48)[24:]
		args := [][]float32{{0}, {1}, value, grad}
		for range h.State(p) {
			args = append(args, make([]float32, 24))
		}
		got := execute(t, one(h, p), args...)[0]
		if was, is := size(value), size(got); math.Abs(is/was-1) > 1e-5 {
			t.Errorf("%s: the norm went from %v to %v", direction, was, is)
		}
		moved := make([]float32, 24)
		for i := range moved {
			moved[i] = got[i] - value[i]
		}
		if share := size(moved) / size(value); share < 0.01 || share > 0.021 {
			t.Errorf("%s: it moved by %v of its norm, want about the learning rate 0.02", direction, share)
		}
	}
}

// Rounding does not add up: after thousands of steps the norm is that of the start.
func TestHyperballDoesNotDrift(t *testing.T) {
	h := newHyperball()
	h.Direction = "adam"
	p := matrixParam(4, 6, 0)
	update, start := compiled(t, one(h, p)), waves(24)
	out := [][]float32{start, make([]float32, 24), make([]float32, 24)}
	for step := range 3000 {
		gradient := waves(24 + step)[step:]
		out = update(append([][]float32{{float32(step)}, {1}, out[0], gradient}, out[1:]...)...)
	}
	if drift := math.Abs(size(out[0])/size(start) - 1); drift > 2e-5 {
		t.Errorf("the norm drifted by %v", drift)
	}
}

func TestMuonVariants(t *testing.T) {
	for _, name := range newMuon().Presets() {
		m := &Muon{}
		if !m.SetPreset(name) {
			t.Fatalf("no variant %q", name)
		}
		if err := m.Validate().Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := &Muon{}
	m.SetPreset("moonlight")
	if m.Scale != "moonlight" || m.MomentumForm != "heavy_ball" || m.WeightDecay != 0.1 || m.LearningRate != 1e-3 {
		t.Errorf("moonlight = %+v", m)
	}
	m.SetPreset("speedrun-2024-10") // train_gpt2.py of the record: AdamW(lr=0.0036, betas=(0.9, 0.95), weight_decay=0), Muon(lr=0.1*0.0036)
	if a := m.AdamW; m.LearningRate != 0.00036 || a.LearningRate != 0.0036 || a.Beta1 != 0.9 || a.Beta2 != 0.95 || a.WeightDecay != 0 {
		t.Errorf("speedrun-2024-10 = %+v with %+v", m, a)
	}
	if (&Muon{}).SetPreset("adam") {
		t.Error("there is a variant adam")
	}
}
