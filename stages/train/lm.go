package train

import (
	"fmt"
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/formula"
	"ablate/stages/answer/numeral"
	"ablate/stages/internal/backend"
)

// LM is train "lm": one trial of a language model.
type LM struct {
	Data          addr.Instance   `hcl:"data" ref:"data" doc:"The tokens."`
	Model         addr.Instance   `hcl:"model" ref:"model" doc:"The network."`
	Norm          addr.Parts      `hcl:"norm" ref:"norm" parts:"embedding,attention,qk,attention_output,ffn,ffn_output,final" doc:"Its normalization: one norm for every site, or an object with a norm for each site of the model: attention, ffn, final, and where the model has placement = \"peri\" attention_output and ffn_output, which without an entry have the norm of attention and ffn. An object can also name qk, for each head's queries and keys, and embedding, for what enters the first layer."`
	Optimizer     addr.Instance   `hcl:"optimizer" ref:"optimizer" doc:"The update rule."`
	Seed          int64           `hcl:"seed,optional" doc:"The replicate: initial weights and the order of the data follow from it."`
	Steps         int             `hcl:"steps" key:"code" doc:"Optimizer steps."`
	ClipNorm      *float64        `hcl:"clip_norm,optional" key:"code" doc:"Largest global norm of the gradient; 0 switches clipping off."`
	Accumulate    int             `hcl:"accumulate,optional" key:"code" doc:"Micro-batches averaged into one step."`
	LossChunk     int             `hcl:"loss_chunk,optional" key:"code" doc:"Tokens whose scores over the vocabulary exist at a time, which bounds the memory of the loss and its gradient; 0 for all of a micro-batch."`
	Checkpointing bool            `hcl:"gradient_checkpointing,optional" key:"code" doc:"Whether the backward pass keeps only what enters each layer and computes the rest again: less memory for a third more arithmetic in the layers."`
	Precision     string          `hcl:"precision,optional" key:"code" doc:"Of the factors and results of the model's matrix products: \"fp32\" or \"bf16\". Their sums, weights and everything else are fp32."`
	Backend       string          `hcl:"backend,optional" doc:"Where it runs: \"go\" (\"xla:cpu\" and \"xla:cuda\" in binaries built with XLA)."`
	Deterministic bool            `hcl:"deterministic,optional" key:"code" doc:"Whether XLA may only use GPU programs that repeat their bits: no atomic sums, no choice of kernels by timing. Slower; the cost has not been measured. \"go\" repeats always."`
	Batch         Batch           `hcl:"batch,block" key:"code" doc:"The size of one micro-batch."`
	Schedule      *Schedule       `hcl:"schedule,union" key:"code" doc:"The factor of the learning rate, step by step. Default: 1 at every step."`
	Let           *formula.Let    `hcl:"let,block" key:"-" json:"-" doc:"Intermediates: names for parts of formulas. The names enter no key."`
	Loss          formula.Formula `hcl:"loss,optional" key:"code" json:",omitzero" doc:"What training minimizes of each token: a formula of cross_entropy, log_z (the logarithm of the sum of e to the scores) and mean_logit. Evaluations take cross_entropy. Default: cross_entropy."`
	Evaluate      *Evaluate       `hcl:"evaluate,block" doc:"Loss on validation text, always at the last step too."`
	Probe         *Probe          `hcl:"probe,block" doc:"Looks inside: α, the scale of activations, saturation and weight norms, as the artifact \"probes\"."`
	Checkpoint    *Checkpoint     `hcl:"checkpoint,block" key:"-" doc:"What is kept of the states on the way. It enters no key."`
	Diverge       float64         `hcl:"diverge_above,optional" doc:"A loss above it ends the trial as diverged, as one that is no number does; 0 for none."`
}

// Batch is the size of a micro-batch.
type Batch struct {
	Sequences int `hcl:"sequences" doc:"Sequences."`
	Length    int `hcl:"length" doc:"Tokens of each that are predicted."`
}

// Evaluate is the schedule of the validation loss, and the amount of text for it.
type Evaluate struct {
	Every   int `hcl:"every,optional" doc:"Steps between evaluations."`
	Batches int `hcl:"batches,optional" doc:"Batches of validation text, fewer where the text is short; the same for every trial of the study whose batches are of one size."`
}

// SetDefaults sets the defaults of an evaluate block.
func (e *Evaluate) SetDefaults() { *e = Evaluate{Every: 50, Batches: 16} }

// Checkpoint says which weights are kept.
type Checkpoint struct {
	Every int    `hcl:"every,optional" doc:"Steps between states that a stopped trial can go on from; 0 for one a minute."`
	Keep  string `hcl:"keep,optional" doc:"What stays when the trial is done: the \"final\" state, and that before the decay of schedule \"wsd\", from which longer runs go on; \"all\"; or \"none\"."`
}

// SetDefaults sets the defaults of a checkpoint block.
func (c *Checkpoint) SetDefaults() { c.Keep = "final" }

// clip is the largest gradient norm, 0 for none.
func (t *LM) clip() float64 {
	if t.ClipNorm == nil {
		return 0
	}
	return *t.ClipNorm
}

// Limits of a trial. Every step has a key, so steps cost memory even in a plan. The
// tokens of a step are counted in an int.
const (
	mostSteps = 10_000_000
	mostBatch = 1 << 20 // sequences, the length of one, and micro-batches
)

// Validate implements pipeline.Stage.
func (t *LM) Validate() diag.List {
	var list diag.List
	that := func(ok bool, path, detail string, args ...any) { // path has dots, so that a valid trial needs no memory for it
		if !ok {
			list = append(list, diag.Errorf(strings.Split(path, "."), "Out of range", detail, args...)...)
		}
	}
	count := func(v, most int, path string) {
		if v >= 1 && v <= most {
			return
		}
		name := path[strings.LastIndexByte(path, '.')+1:]
		that(v >= 1, path, "%s must be at least 1, not %d.", name, v)
		that(v <= most, path, "%s must be at most %d, not %d.", name, most, v)
	}
	count(t.Steps, mostSteps, "steps")
	count(t.Accumulate, mostBatch, "accumulate")
	count(t.Batch.Sequences, mostBatch, "batch.sequences")
	count(t.Batch.Length, mostBatch, "batch.length")
	that(t.clip() >= 0, "clip_norm", "clip_norm must be above 0, or 0 for no clipping, not %v.", t.clip())
	that(t.LossChunk >= 0, "loss_chunk", "loss_chunk is a number of tokens, or 0 for all of a micro-batch, not %d.", t.LossChunk)
	that(t.Evaluate.Every >= 1, "evaluate.every", "every must be at least 1 step, not %d.", t.Evaluate.Every)
	count(t.Evaluate.Batches, mostBatch, "evaluate.batches")
	that(t.Probe.Every >= 0, "probe.every", "every is a number of steps, or 0 for never, not %d.", t.Probe.Every)
	that(t.Checkpoint.Every >= 0, "checkpoint.every", "every is a number of steps, or 0 for a state a minute, not %d.", t.Checkpoint.Every)
	keep := t.Checkpoint.Keep
	that(slices.Contains([]string{"final", "all", "none"}, keep), "checkpoint.keep", "keep is \"final\", \"all\" or \"none\", not %q.", keep)
	that(t.Diverge >= 0, "diverge_above", "diverge_above must be above 0, or 0 for no limit, not %v.", t.Diverge)
	that(t.Precision == "fp32" || t.Precision == "bf16", "precision", "precision is \"fp32\" or \"bf16\", not %q.", t.Precision)
	if !slices.Contains(backend.Names(), t.Backend) {
		list = append(list, diag.Errorf(diag.Path{"backend"}, "Unknown backend", "There is no backend %q. There is %s.",
			t.Backend, strings.Join(backend.Names(), ", "))...)
	}
	list = append(list, t.validateLoss()...)
	if t.Steps >= 1 && t.Steps <= mostSteps {
		list = append(list, t.Schedule.validate(t.Steps)...)
	}
	return list
}

// Lacks implements pipeline.Requirer.
func (t *LM) Lacks() string { return backend.Lacks(t.Backend) }

// NumericsClass implements pipeline.NumericsClasser.
func (t *LM) NumericsClass() string {
	return backend.Class(t.Backend, backend.Numerics{Deterministic: t.deterministic(), Half: t.Precision == "bf16"})
}

// Passes implements pipeline.EnvPassthrough: the process of the trial must search
// for XLA's plugin as this one does.
func (t *LM) Passes() []string {
	if t.Backend == "go" {
		return nil
	}
	return []string{"VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH"}
}

// deterministic reports whether the result depends on the field. On the Go backend
// it does not.
func (t *LM) deterministic() bool { return t.Deterministic && t.Backend != "go" }

// tokensPerStep is the number of tokens that one step predicts.
func (t *LM) tokensPerStep() int { return t.Accumulate * t.Batch.Sequences * t.Batch.Length }

// describe describes a batch in messages. Each sequence has one token more than it predicts.
func (b Batch) describe() string {
	return fmt.Sprintf("%s of %d + 1 tokens", numeral.Things(b.Sequences, "sequence"), b.Length)
}
