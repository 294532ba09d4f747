package hcl_test

import (
	"ablate/hcl/addr"
	"ablate/hcl/study"
)

// The kinds of the tests resemble those of package stages.

type sites struct {
	Attention float64 `hcl:"attention,optional"`
	FFN       float64 `hcl:"ffn,optional"`
	Final     float64 `hcl:"final,optional"`
}

func (s *sites) SetNumber(v float64) { *s = sites{v, v, v} }

type derf struct {
	Alpha sites     `hcl:"alpha,optional"`
	Blend *emaBlend `hcl:"ema_blend,block"`
}

type emaBlend struct {
	Lambda float64 `hcl:"lambda,optional"`
}

func (b *emaBlend) SetDefaults() { b.Lambda = 0.9 }

type rmsnorm struct {
	Eps float64 `hcl:"eps,optional"`
}

type llama struct {
	Layers  int `hcl:"layers"`
	Width   int `hcl:"width"`
	Heads   int `hcl:"heads"`
	KVHeads int `hcl:"kv_heads,optional"`
}

func (m *llama) Resolve() {
	if m.KVHeads == 0 {
		m.KVHeads = m.Heads
	}
}

type adamw struct {
	LearningRate float64 `hcl:"learning_rate"`
	WeightDecay  float64 `hcl:"weight_decay,optional"`
}

type text struct {
	Source    []string `hcl:"source"`
	Tokenizer string   `hcl:"tokenizer,optional"`
	Split     *split   `hcl:"split,block"`
}

type split struct {
	Validation float64 `hcl:"validation"`
}

type lm struct {
	Data       addr.Instance `hcl:"data" ref:"data"`
	Model      addr.Instance `hcl:"model" ref:"model"`
	Norm       addr.Instance `hcl:"norm" ref:"norm"`
	Optimizer  addr.Instance `hcl:"optimizer" ref:"optimizer"`
	Seed       int64         `hcl:"seed,optional"`
	Steps      int           `hcl:"steps"`
	Horizon    int           `hcl:"horizon,optional"`
	ClipNorm   *float64      `hcl:"clip_norm,optional"`
	Batch      batch         `hcl:"batch,block"`
	Schedule   *schedule     `hcl:"schedule,union"`
	Evaluate   *evaluate     `hcl:"evaluate,block"`
	Checkpoint *checkpoint   `hcl:"checkpoint,block" key:"-"`
}

func (t *lm) Resolve() {
	if t.Horizon == 0 {
		t.Horizon = t.Steps
	}
}

type batch struct {
	Sequences int `hcl:"sequences"`
	Length    int `hcl:"length"`
}

type schedule struct {
	Cosine   *cosine   `hcl:"cosine"`
	Constant *constant `hcl:"constant"`
}

type cosine struct {
	Warmup int     `hcl:"warmup,optional"`
	Floor  float64 `hcl:"floor,optional"`
}

type constant struct {
	Warmup int `hcl:"warmup,optional"`
}

type evaluate struct {
	Every int `hcl:"every"`
}

type checkpoint struct {
	Every int `hcl:"every,optional"`
}

type factorial struct {
	Trials   []addr.Instance       `hcl:"trials" ref:"train"`
	Response string                `hcl:"response"`
	Baseline map[string]addr.Level `hcl:"baseline,optional"`
}

func testKinds() []study.Kind {
	kind := func(block, typ string, fresh func() any) study.Kind {
		return study.Kind{Block: block, Type: typ, Matrix: block == "train", New: fresh}
	}
	return []study.Kind{
		kind("norm", "derf", func() any { return &derf{Alpha: sites{0.5, 0.5, 0.5}} }),
		kind("norm", "rmsnorm", func() any { return &rmsnorm{Eps: 1e-5} }),
		kind("model", "llama", func() any { return &llama{} }),
		kind("optimizer", "adamw", func() any { return &adamw{WeightDecay: 0.1} }),
		kind("data", "text", func() any { return &text{Tokenizer: "bytes"} }),
		kind("train", "lm", func() any { return &lm{} }),
		kind("analysis", "factorial", func() any { return &factorial{} }),
	}
}
