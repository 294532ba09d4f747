//go:build xla && cgo && linux

package train

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// cudaPrograms are programs for an NVIDIA GPU. Those of "124m" have the widths, the
// tokens and the batch of the preset, and two of its layers.
func cudaPrograms() map[string]ml.Program {
	clip := 1.0
	large := largeRecipe(0)
	large.model.(*model.Llama).Attention = "cudnn"
	large.batch = Batch{16, 1024}
	m := &model.Llama{Layers: 2, Width: 128, Heads: 2, RopeTheta: 10000, Tied: true, InitStd: 0.02, Attention: "flash", Dropout: 0.1}
	m.Resolve()
	blended := &norm.Derf{Alpha: norm.Sites{Attention: 0.5, FFN: 0.5, Final: 0.5}, Bias: true, EMABlend: &norm.EMABlend{Lambda: 0.9, Momentum: 0.9}}
	muon := &optimizer.Muon{LearningRate: 0.02, Momentum: 0.95, MomentumForm: "ema", Nesterov: true, Iterations: 5, Coefficients: "quintic", Scale: "jordan",
		Batched: true, Precision: "bf16",
		AdamW: &optimizer.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8}}
	mixed := newRecipe(m, norm.Everywhere(blended), muon, 257, &LM{Accumulate: 2, Precision: "bf16", ClipNorm: &clip, Batch: Batch{4, 64}})
	return map[string]ml.Program{
		"124m": large.lower().launch(stepsCompiled("xla:cuda")), "124m-evaluate": large.lower().evaluate(),
		"muon": mixed.lower().launch(4), "muon-probe": (&probe{recipe: mixed.lower()}).program(),
	}
}

// Programs for an NVIDIA GPU mark all of their state as updated in place. Where
// ABLATE_CUDA_COMPILER names a Python with JAX's CUDA plugin (scripts/cuda-compile), XLA
// compiles them for an H100, takes over every byte of the state, and copies none of it.
func TestXLAForCUDA(t *testing.T) {
	dir := t.TempDir()
	var files []string
	state := make(map[string]int64)
	for name, p := range cudaPrograms() {
		var s seen
		if _, err := ml.Compile(observing{forCUDA(), false, &s}, p); s.text == "" {
			t.Fatal(err)
		}
		for _, in := range p.Inputs[:p.InPlace] {
			size := int64(4)
			for _, d := range in.Shape {
				size *= int64(d)
			}
			state[name] += size
		}
		if n := strings.Count(s.text, "tf.aliasing_output"); n != p.InPlace {
			t.Errorf("%s updates %d of %d tensors in place", name, n, p.InPlace)
		}
		files = append(files, filepath.Join(dir, name+".mlir"))
		if err := os.WriteFile(files[len(files)-1], []byte(s.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	python := os.Getenv("ABLATE_CUDA_COMPILER")
	if python == "" {
		return
	}
	c := exec.Command(python, append([]string{"../../bench/gpu/compile.py"}, files...)...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for range files {
		var of struct {
			Program                                   string
			Aliased, Inputs, Temporary, Moved, Copied int64
		}
		if err := dec.Decode(&of); err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", of)
		const scalars = 1 << 10 // such as the number of the step
		if of.Aliased < state[of.Program] || of.Copied > scalars {
			t.Errorf("%s takes over %d bytes of its state's %d, and copies %d", of.Program, of.Aliased, state[of.Program], of.Copied)
		}
	}
}
