package train

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

func TestMemory(t *testing.T) {
	spec := &LM{Steps: 10, Accumulate: 2, Backend: "go", Batch: Batch{8, 64}, Probe: &Probe{}, Schedule: &Schedule{Constant: &Constant{}}}
	m := exampleModel() // 3 layers, width 64, 2 heads, a vocabulary of 256
	m.Resolve()
	w := spec.count(exampleInputs())
	n := w.Parameters
	want := pipeline.Memory{
		Parameters: 4 * n, State: 8 * n, Gradients: 4 * n, // AdamW keeps two averages
		Logits:      4 * 2 * (2 * 8 * 64) * 256,
		Activations: 4 * (2 * 8 * 64) * 3 * (17*64 + 2*2*64),
	}
	if w.Memory != want {
		t.Errorf("memory = %+v, want %+v", w.Memory, want)
	}
	if total := w.Memory.Total(); total != want.Parameters+want.State+want.Gradients+want.Logits+want.Activations {
		t.Errorf("total = %d", total)
	}
	spec.LossChunk = 100
	want.Logits = 4 * (2*100*256 + 64*(2*8*64) + 64*256) // a chunk, rows' gradient, the second micro-batch's of the projection
	if got := spec.count(exampleInputs()).Memory; got != want {
		t.Errorf("in chunks, memory = %+v, want %+v", got, want)
	}
	spec.Checkpointing = true
	want.Activations = 4 * (2 * 8 * 64) * (3*64 + 17*64 + 2*2*64)
	if got := spec.count(exampleInputs()).Memory; got != want {
		t.Errorf("with checkpointing, memory = %+v, want %+v", got, want)
	}
	m.Placement = "peri"
	norms := norm.Everywhere(&norm.RMSNorm{Eps: 1e-5})
	norms[norm.QK], norms[norm.Embedding] = norms[norm.FFN], norms[norm.FFN]
	at := newRecipe(m, norms, smallAdamW(), 256, &LM{Accumulate: 2, Batch: Batch{8, 64}}).memory().Activations
	if want := int64(4 * (2 * 8 * 64) * (3*(21*64+2*2*64) + 64)); at != want {
		t.Errorf("with norms of outputs, queries, keys and embeddings, activations = %d, want %d", at, want)
	}
	m.Attention, m.Placement = "flash", "pre"
	r := newRecipe(m, norm.Everywhere(&norm.RMSNorm{Eps: 1e-5}), smallAdamW(), 256, &LM{Accumulate: 2, Batch: Batch{8, 600}})
	want.Activations = 4 * ((2*8*600)*3*(17*64+2) + 2*8*2*512*512)
	if got := r.memory().Activations; got != want.Activations {
		t.Errorf("in blocks, activations = %d, want %d", got, want.Activations)
	}
	if w.Device != 0 {
		t.Errorf("the Go backend has a device of %d bytes", w.Device)
	}
}

// A rule's states count with their own shapes, and its scratch with the rest.
func TestMemoryOfOptimizers(t *testing.T) {
	m := exampleModel()
	m.Resolve()
	for _, k := range optimizer.Kinds() {
		if k.New().Validate().Err() != nil {
			continue // it has attributes without a default
		}
		o := k.New().(optimizer.Optimizer)
		r := newRecipe(m, norm.Everywhere(&norm.RMSNorm{Eps: 1e-5}), o, 256, &LM{Accumulate: 1, Batch: Batch{8, 64}})
		var want int64
		for _, p := range r.trainedParams() {
			size := p.Size()
			switch {
			case slices.Contains([]string{"lion", "signum", "sgd"}, k.Type):
				want += size
			case k.Type == "ademamix":
				want += 3 * size
			case k.Type == "adamw" || p.Role != ml.RoleMatrix:
				want += 2 * size
			case k.Type == "shampoo":
				want += size + int64(p.Shape[0]*p.Shape[0]+p.Shape[1]*p.Shape[1])
			case k.Type == "normuon":
				want += size + int64(p.Shape[0])
			default: // muon, hyperball
				want += size
			}
		}
		got := r.memory()
		if got.State != 4*want {
			t.Errorf("%s keeps %d bytes, want %d", k.Type, got.State, 4*want)
		}
		if schulz := slices.Contains([]string{"muon", "normuon", "hyperball", "shampoo"}, k.Type); schulz != (got.Update > 0) {
			t.Errorf("%s needs %d bytes for an update", k.Type, got.Update)
		}
	}
}

// A device of one MiB, as the driver's tool says, cannot hold the example.
func TestDeviceThatCannotHoldATrial(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "nvidia-smi"), []byte("#!/bin/sh\necho 'Toy, 1, 1.0'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	spec := &LM{Steps: 10, Accumulate: 1, Backend: "xla:cuda", Batch: Batch{8, 64}, Probe: &Probe{}, Schedule: &Schedule{Constant: &Constant{}}}
	w := spec.count(exampleInputs())
	if w.Device != 1<<20 || w.Fits() {
		t.Errorf("a device of %d bytes holds at least %d", w.Device, w.Memory.Minimum())
	}
	spec.Backend = "go"
	if w := spec.count(exampleInputs()); !w.Fits() {
		t.Error("a trial does not fit where no size is known")
	}
}
