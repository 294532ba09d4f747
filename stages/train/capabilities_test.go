package train

import (
	"reflect"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"ablate/cache"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// lackedByXLA are the operations, beside the fused ones, that go-xla does not
// claim. A test with the tag xla holds the list against the library.
var lackedByXLA = []compute.OpType{
	compute.OpTypeInvalid, compute.OpTypeAtan2, compute.OpTypeCall, compute.OpTypeDynamicDimensionSize, compute.OpTypeDynamicShape,
	compute.OpTypeDynamicReshape, compute.OpTypeSelectAndScatterSum, compute.OpTypeSort, compute.OpTypeWhile, compute.OpTypeIf,
	compute.OpTypeCapturedValue, compute.OpTypeCollectiveBroadcast, compute.OpTypeAllGather, compute.OpTypeBlockForDotGeneral,
}

// xlaOperations is what go-xla claims to do: on every platform, or on CUDA,
// where it also fuses attention.
func xlaOperations(cuda bool) map[compute.OpType]bool {
	fused := reflect.TypeFor[compute.FusedOps]()
	ops := make(map[compute.OpType]bool)
	for op := compute.OpType(0); op < compute.OpTypeLast; op++ {
		if _, ok := fused.MethodByName(op.String()); !ok && !slices.Contains(lackedByXLA, op) {
			ops[op] = true
		}
	}
	if cuda {
		ops[compute.OpTypeFusedScaledDotProductAttention] = true
		ops[compute.OpTypeFusedScaledDotProductAttentionVJP] = true
	}
	return ops
}

// claiming is the Go backend with another's capabilities.
type claiming struct {
	compute.Backend
	operations map[compute.OpType]bool
}

// Capabilities implements compute.Backend.
func (c claiming) Capabilities() compute.Capabilities {
	all := c.Backend.Capabilities().Clone()
	all.Operations, all.Functions, all.DynamicAxes = c.operations, true, false
	return all
}

// A trial has one key on all backends: what a backend can fuse must not show in
// the fingerprints of the example's programs.
func TestFingerprintsAreEqualOnAllBackends(t *testing.T) {
	adamw := &optimizer.AdamW{LearningRate: 0.01, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
	muon := &optimizer.Muon{LearningRate: 0.02, Momentum: 0.95, Nesterov: true, MomentumForm: "ema", Iterations: 5, Coefficients: "quintic", Scale: "jordan", Batched: true, Precision: "bf16", QKClip: 100, AdamW: adamw}
	alpha := norm.Sites{Attention: 0.5, FFN: 0.5, Final: 0.5}
	clip := 1.0
	for _, precision := range []string{"fp32", "bf16"} {
		for name, n := range map[string]norm.Norm{
			"rmsnorm": &norm.RMSNorm{Eps: 1e-5}, "derf": &norm.Derf{Alpha: alpha, Bias: true}, "dyt": &norm.DyT{Alpha: alpha, Bias: true},
		} {
			for rule, o := range map[string]optimizer.Optimizer{"adamw": adamw, "muon": muon} {
				spec := &LM{Steps: 160, ClipNorm: &clip, Accumulate: 1, Precision: precision, Batch: Batch{8, 64}, Schedule: &Schedule{Constant: &Constant{}}}
				if rule == "muon" {
					spec.LossChunk, spec.Checkpointing = 200, true
				}
				m, norms := exampleModel(), norm.Everywhere(n)
				if precision == "bf16" { // what XLA would fuse
					m.Attention, m.Placement = "flash", "peri"
					norms[norm.QK], norms[norm.Embedding] = n, n
				}
				m.Resolve()
				r := newRecipe(m, norms, o, 256, spec)
				for _, p := range []ml.Program{r.step(), r.evaluate(), (&probe{recipe: r}).program()} {
					want, err := ml.Fingerprint(p)
					if err != nil {
						t.Fatal(err)
					}
					for _, cuda := range []bool{false, true} {
						got, err := ml.FingerprintOver(claiming{gobackend.GetBackend(), xlaOperations(cuda)}, p)
						if err != nil || got != want {
							t.Errorf("%s, %s, %s, %s: over XLA (CUDA: %v) %s, %v, want %s", precision, name, rule, p.Name, cuda, got, err, want)
						}
					}
				}
			}
		}
	}
}

// cudnnRecipe is the example's computation with cuDNN's attention.
func cudnnRecipe(attention string, heads, kv int) *recipe {
	m := &model.Llama{Layers: 2, Width: 64, Heads: heads, KVHeads: kv, RopeTheta: 10000, Tied: true, InitStd: 0.02, Attention: attention}
	m.Resolve()
	clip := 1.0
	adamw := &optimizer.AdamW{LearningRate: 0.01, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
	return newRecipe(m, norm.Everywhere(&norm.RMSNorm{Eps: 1e-5}), adamw, 19, &LM{Accumulate: 2, Precision: "bf16", ClipNorm: &clip, Batch: Batch{2, 24}})
}

// cuDNN's attention has a fingerprint on every machine, also where it cannot run.
func TestFusedAttentionIsRecorded(t *testing.T) {
	known := make(map[cache.Digest]string)
	for name, r := range map[string]*recipe{
		"plain": cudnnRecipe("plain", 4, 4), "cudnn": cudnnRecipe("cudnn", 4, 4), "cudnn, 2 heads": cudnnRecipe("cudnn", 2, 2), "cudnn, shared heads": cudnnRecipe("cudnn", 4, 2),
	} {
		for _, p := range []ml.Program{r.step(), r.evaluate(), (&probe{recipe: r}).program()} {
			want, err := ml.Fingerprint(p)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, p.Name, err)
			}
			if other, ok := known[want]; ok {
				t.Errorf("%s, %s has the fingerprint of %s", name, p.Name, other)
			}
			known[want] = name + ", " + p.Name
			for _, cuda := range []bool{false, true} {
				got, err := ml.FingerprintOver(claiming{gobackend.GetBackend(), xlaOperations(cuda)}, p)
				if err != nil || got != want {
					t.Errorf("%s, %s: over XLA (CUDA: %v) %s, %v, want %s", name, p.Name, cuda, got, err, want)
				}
			}
		}
	}
}

func TestCuDNNNeedsItsBackend(t *testing.T) {
	in := exampleInputs()
	in.Refs["model"][0].Stage = &model.Llama{Layers: 1, Width: 64, Heads: 4, Attention: "cudnn"}
	for _, c := range []struct {
		backend, precision string
		ok                 bool
	}{{"xla:cuda", "bf16", true}, {"xla:cuda", "fp32", false}, {"go", "bf16", false}, {"xla:cpu", "bf16", false}} {
		spec := &LM{Backend: c.backend, Precision: c.precision}
		if err := spec.Check(in).Err(); (err == nil) != c.ok {
			t.Errorf("%s, %s: Check = %v", c.backend, c.precision, err)
		}
	}
}
