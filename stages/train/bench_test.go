package train

import (
	"testing"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// BenchmarkStep times one train step at the size of the example study on one
// core.
func BenchmarkStep(b *testing.B) {
	adamw := &optimizer.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
	muon := &optimizer.Muon{LearningRate: 0.02, Momentum: 0.95, Nesterov: true, MomentumForm: "ema", Iterations: 5, Coefficients: "quintic", Scale: "jordan", AdamW: adamw}
	for _, bm := range []struct {
		name string
		norm norm.Norm
		opt  optimizer.Optimizer
	}{
		{"rmsnorm-adamw", &norm.RMSNorm{Eps: 1e-5}, adamw},
		{"derf-adamw", &norm.Derf{Alpha: norm.Sites{Attention: 0.5, FFN: 0.5, Final: 0.5}, Bias: true}, adamw},
		{"rmsnorm-muon", &norm.RMSNorm{Eps: 1e-5}, muon},
	} {
		b.Run(bm.name, func(b *testing.B) { benchmarkStep(b, bm.norm, bm.opt) })
	}
}

func benchmarkStep(b *testing.B, n norm.Norm, o optimizer.Optimizer) {
	machine, tokens := benchMachine(b, exampleModel(), n, o, 64, 1, "fp32")
	for b.Loop() {
		if _, _, err := machine.step(0, 1, tokens, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(8*64*b.N)/b.Elapsed().Seconds(), "tokens/s")
}

// exampleModel has the size of the example study's.
func exampleModel() *model.Llama {
	return &model.Llama{Layers: 3, Width: 64, Heads: 2, RopeTheta: 10000, Tied: true, EmbedScale: true, InitStd: 0.02}
}

// benchMachine is a trial of eight sequences a step, and a batch.
func benchMachine(b *testing.B, m *model.Llama, n norm.Norm, o optimizer.Optimizer, length, threads int, precision string) (*machine, []int32) {
	b.Helper()
	clip := 1.0
	spec := &LM{Steps: 100, ClipNorm: &clip, Accumulate: 1, Precision: precision, Batch: Batch{8, length}, Schedule: &Schedule{Constant: &Constant{}}}
	m.Resolve()
	r := newRecipe(m, norm.Everywhere(n), o, 256, spec)
	be, err := backend.Open("go", threads)
	if err != nil {
		b.Fatal(err)
	}
	machine, err := startedMachine(be, r, 1, initialise(r.layout(), ml.NewStream(0, "init", "1")))
	if err != nil {
		b.Fatal(err)
	}
	tokens := make([]int32, 8*(length+1))
	for i := range tokens {
		tokens[i] = int32(i * 7 % 256)
	}
	return machine, tokens
}

// BenchmarkProbe times one look inside, to be held against fifty steps.
func BenchmarkProbe(b *testing.B) {
	adamw := &optimizer.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
	machine, tokens := benchMachine(b, exampleModel(), &norm.Derf{Alpha: norm.Sites{Attention: 0.5, FFN: 0.5, Final: 0.5}, Bias: true}, adamw, 64, 1, "fp32")
	if _, _, err := machine.probe(tokens); err != nil { // compiles
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := machine.probe(tokens); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLarger is the smaller model of bench/train on two cores, in either precision.
func BenchmarkLarger(b *testing.B) {
	for _, precision := range []string{"fp32", "bf16"} {
		b.Run(precision, func(b *testing.B) { benchmarkLarger(b, precision) })
	}
}

func benchmarkLarger(b *testing.B, precision string) {
	adamw := &optimizer.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
	m := &model.Llama{Layers: 4, Width: 128, Heads: 4, FFN: 344, RopeTheta: 10000, Tied: true, InitStd: 0.02}
	machine, tokens := benchMachine(b, m, &norm.RMSNorm{Eps: 1e-5}, adamw, 128, 2, precision)
	for b.Loop() {
		if _, _, err := machine.step(0, 1, tokens, nil); err != nil {
			b.Fatal(err)
		}
	}
}
