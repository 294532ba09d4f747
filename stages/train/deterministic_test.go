package train

import (
	"testing"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// bytesTokens is a data stage with one token for each byte.
type bytesTokens struct{ pipeline.Stage }

func (bytesTokens) Vocabulary() int { return 256 }
func (bytesTokens) TokenBytes() int { return 1 }

// exampleInputs are those of a trial of the example's size.
func exampleInputs() pipeline.Inputs {
	m := exampleModel()
	m.Resolve()
	return pipeline.Inputs{Refs: map[string][]pipeline.Input{
		"data":      {{Stage: bytesTokens{}, Artifacts: []cache.Artifact{{Name: trainTokens}, {Name: validationTokens}}}},
		"model":     {{Stage: m}},
		"norm":      {{Stage: &norm.RMSNorm{Eps: 1e-5}}},
		"optimizer": {{Stage: &optimizer.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8}}},
	}, Shared: new(pipeline.Shared)}
}

// A state that a GPU may not repeat must not start a trial that must repeat,
// and the Go backend's states serve both.
func TestDeterministicStatesAreTheirOwn(t *testing.T) {
	base := func(backend string, deterministic bool) cache.Key {
		spec := &LM{Steps: 10, Accumulate: 1, Precision: "fp32", Batch: Batch{2, 8}, Probe: &Probe{}, Checkpoint: &Checkpoint{},
			Schedule: &Schedule{Constant: &Constant{}}, Backend: backend, Deterministic: deterministic}
		in := exampleInputs()
		c := pipeline.ShareOf[common](in.Shared, spec.identity(in))
		c.once.Do(func() { c.code = cache.Map(map[string]cache.Value{"init": cache.Int(1), "step": cache.Int(2)}) })
		v, err := spec.base(in)
		if err != nil {
			t.Fatal(err)
		}
		return v.Key("test")
	}
	if base("xla:cuda", true) == base("xla:cuda", false) {
		t.Error("states of XLA are shared by trials that must repeat and trials that need not")
	}
	if base("go", true) != base("go", false) {
		t.Error("states of the Go backend are not shared")
	}
}
