// Command keys prints what decides keys, one line each: the behaviour of every
// scene, the fingerprints of trials that use every definition, and the class of the
// kernels. check-witness compares its output before and after a change of the
// source.
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/stages"
	"ablate/stages/data"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
	"ablate/stages/train"
)

func main() {
	for _, s := range stages.Behaviours() {
		behaviours := s.Behaviours(nil)
		for _, name := range slices.Sorted(maps.Keys(behaviours)) {
			fmt.Println(name, behaviours[name])
		}
	}
	for name, change := range trials() {
		t := base()
		change(t)
		code, err := t.fingerprints()
		if err != nil {
			fmt.Fprintln(os.Stderr, name, err)
			os.Exit(1)
		}
		for _, part := range code.Keys() {
			fmt.Printf("trial:%s/%s %s\n", name, part, code.At(part).Key("witness"))
		}
	}
	for _, field := range strings.Fields((&train.LM{Backend: "go"}).NumericsClass()) {
		if strings.Contains(field, "=") {
			fmt.Println("class:" + strings.Replace(field, "=", " ", 1))
		}
	}
}

// trial is a trial with its definitions.
type trial struct {
	lm        train.LM
	model     pipeline.Stage
	norm      pipeline.Stage
	at        map[norm.Site]pipeline.Stage // instead of norm
	optimizer pipeline.Stage
}

func base() *trial {
	clip := 1.0
	return &trial{
		lm: train.LM{
			Steps: 40, ClipNorm: &clip, Accumulate: 1, Precision: "fp32", Backend: "go", Batch: train.Batch{Sequences: 2, Length: 8},
			Schedule: &train.Schedule{Cosine: &train.Cosine{Warmup: 5, Floor: 0.1}}, Evaluate: &train.Evaluate{Every: 10, Batches: 2},
			Probe: &train.Probe{Every: 10}, Checkpoint: &train.Checkpoint{Keep: "final"},
		},
		model:     &model.Llama{Layers: 2, Width: 16, Heads: 4, KVHeads: 2, FFN: 24, RopeTheta: 10000, InitStd: 0.02, Attention: "plain", Tied: true},
		norm:      fresh(norm.Kinds(), "rmsnorm"),
		optimizer: fresh(optimizer.Kinds(), "adamw"),
	}
}

// fresh is a stage with the defaults of its kind.
func fresh(kinds []pipeline.Kind, typ string) pipeline.Stage {
	i := slices.IndexFunc(kinds, func(k pipeline.Kind) bool { return k.Type == typ })
	return kinds[i].New()
}

// trials are changes of the base that together use every definition and every field
// that a fingerprint witnesses.
func trials() map[string]func(*trial) {
	out := map[string]func(*trial){
		"base":       func(*trial) {},
		"accumulate": func(t *trial) { t.lm.Accumulate = 2 },
		"unclipped":  func(t *trial) { t.lm.ClipNorm = nil },
		"chunked":    func(t *trial) { t.lm.LossChunk = 5 },
		"recomputed": func(t *trial) { t.lm.Checkpointing = true },
		"bf16":       func(t *trial) { t.lm.Precision = "bf16" },
		"linear":     func(t *trial) { t.lm.Schedule = &train.Schedule{Linear: &train.Linear{Warmup: 5}} },
		"wsd":        func(t *trial) { t.lm.Schedule = &train.Schedule{WSD: &train.WSD{Warmup: 5, Decay: 7}} },
		"flash":      func(t *trial) { t.model.(*model.Llama).Attention = "flash" },
		"dropout":    func(t *trial) { t.model.(*model.Llama).Dropout = 0.1 },
		"untied":     func(t *trial) { t.model.(*model.Llama).Tied = false },
		"scaled":     func(t *trial) { s := 0.5; m := t.model.(*model.Llama); m.EmbedScale, m.ResidualScale = true, &s },
		"gpt2": func(t *trial) {
			t.model = &model.GPT2{Layers: 2, Width: 16, Heads: 4, FFN: 24, Positions: 16, Bias: true, Tied: true, InitStd: 0.02, Attention: "plain"}
		},
		"post": func(t *trial) { t.model.(*model.Llama).Placement = "post" },
		"peri": func(t *trial) { t.model.(*model.Llama).Placement = "peri" },
		"sites": func(t *trial) {
			t.model.(*model.Llama).Placement = "peri"
			t.at = make(map[norm.Site]pipeline.Stage)
			for i, site := range norm.AllSites() {
				t.at[site] = &norm.RMSNorm{Eps: float64(i+1) / 1024}
			}
		},
		"clipped": func(t *trial) {
			o := fresh(optimizer.Kinds(), "muon").(*optimizer.Muon)
			o.QKClip = 0.5
			t.optimizer, t.lm.Accumulate = o, 2
		},
		"clipped-gpt2": func(t *trial) {
			t.model = &model.GPT2{Layers: 2, Width: 16, Heads: 4, FFN: 24, Positions: 16, Bias: true, Tied: true, InitStd: 0.02, Attention: "flash"}
			o := fresh(optimizer.Kinds(), "muon").(*optimizer.Muon)
			o.QKClip = 0.5
			t.optimizer = o
		},
		"ema": func(t *trial) {
			n := fresh(norm.Kinds(), "derf").(*norm.Derf)
			n.EMABlend = &norm.EMABlend{Lambda: 0.9, Momentum: 0.5}
			t.norm, t.lm.Accumulate = n, 2
		},
		"asinh": func(t *trial) {
			n := fresh(norm.Kinds(), "dyt").(*norm.DyT)
			n.Asinh = &norm.Asinh{Scale: 1}
			t.norm = n
		},
	}
	for _, k := range norm.Kinds() {
		if k.New().Validate().Err() != nil {
			continue // it has attributes without a default
		}
		out["norm-"+k.Type] = func(t *trial) { t.norm = k.New() }
	}
	for _, k := range optimizer.Kinds() {
		if k.New().Validate().Err() != nil {
			continue
		}
		out["optimizer-"+k.Type] = func(t *trial) { t.optimizer = k.New() }
	}
	return out
}

// fingerprints are those that the trial's key holds.
func (t *trial) fingerprints() (cache.Value, error) {
	ref := func(block string, s pipeline.Stage) []pipeline.Input {
		for _, k := range stages.All() {
			if k.Block == block && fmt.Sprintf("%T", k.New()) == fmt.Sprintf("%T", s) {
				return []pipeline.Input{{Stage: s, Ref: action.NewKind(k).Ref(s), Address: addr.Instance{Stage: addr.Stage{Block: block, Type: k.Type}}}}
			}
		}
		panic(fmt.Sprintf("no kind makes a %T", s))
	}
	text := func(name string) cache.Artifact { return cache.Artifact{Name: name, Size: 4096} }
	refs := map[string][]pipeline.Input{
		"data":      {{Stage: &data.Text{Tokenizer: "bytes"}, Artifacts: []cache.Artifact{text("train"), text("validation")}}},
		"model":     ref("model", t.model),
		"optimizer": ref("optimizer", t.optimizer),
	}
	if t.at == nil {
		refs["norm"] = ref("norm", t.norm)
	}
	for site, n := range t.at {
		refs["norm."+string(site)] = ref("norm", n)
	}
	recipe, err := t.lm.Describe(pipeline.Inputs{Memo: forgetful{}, Refs: refs})
	return recipe.Code, err
}

// forgetful is a memo that remembers nothing.
type forgetful struct{}

// Digest implements pipeline.Memo.
func (forgetful) Digest(_ cache.Value, compute func() (cache.Digest, error)) (cache.Digest, error) {
	return compute()
}
