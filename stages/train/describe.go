package train

import (
	"fmt"
	"sync"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/optimizer"
	"ablate/stages/record"
)

// Tokens is what a data stage must be for a language model to train on it.
type Tokens interface {
	Vocabulary() int // number of distinct tokens
	TokenBytes() int // size of a token in the artifacts, little-endian
}

// Names of the artifacts that a data stage makes and a trial reads.
const (
	trainTokens      = "train"
	validationTokens = "validation"
)

const safetensors = "application/x-safetensors"

// recipe composes the trial's computation from its inputs.
func (t *LM) recipe(in pipeline.Inputs) *recipe {
	tokens := in.One("data").Stage.(Tokens)
	return newRecipe(in.One("model").Stage.(model.Model), normsOf(in), in.One("optimizer").Stage.(optimizer.Optimizer), tokens.Vocabulary(), t)
}

// Describe implements pipeline.Stage. Trials that differ in their seed alone share
// everything that it returns.
func (t *LM) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	c := t.common(in)
	return pipeline.Recipe{
		Inputs: c.contents, Code: c.code, Notes: c.notes, Work: c.work, Outputs: c.outputs, Affinity: c.affinity,
	}, c.err
}

// common is what trials have in common that differ in their seed alone.
type common struct {
	once sync.Once

	contents, code, notes cache.Value
	outputs               []pipeline.Output
	affinity              pipeline.Affinity
	work                  func() pipeline.Work
	err                   error
}

// common returns what the trial has in common with others of the plan.
func (t *LM) common(in pipeline.Inputs) *common {
	c := pipeline.ShareOf[common](in.Shared, t.identity(in))
	c.once.Do(func() { c.err = t.describe(in, c) })
	return c
}

func (t *LM) describe(in pipeline.Inputs, c *common) (err error) {
	if err = t.checkData(in).Err(); err != nil {
		return err
	}
	if c.code, err = t.trace(in); err != nil {
		return err
	}
	c.contents, c.notes, c.outputs, c.affinity = t.contents(in), notes(in), t.outputs(), t.affinity(c.code)
	c.work = sync.OnceValue(func() pipeline.Work { return t.count(in) })
	return nil
}

// outputs lists the artifacts of the trial.
func (t *LM) outputs() []pipeline.Output {
	outputs := make([]pipeline.Output, 0, 3)
	outputs = append(outputs, pipeline.Output{Name: record.Metrics, MediaType: record.MetricsType, Retention: cache.Keep})
	if t.Probe.Every > 0 {
		outputs = append(outputs, pipeline.Output{Name: record.Probes, MediaType: "text/csv", Retention: cache.Keep})
	}
	if t.Checkpoint.Keep != "none" {
		outputs = append(outputs, pipeline.Output{Name: record.Checkpoint, MediaType: safetensors, Retention: cache.Evict, Optional: true})
	}
	return outputs
}

// contents are the parts of the inputs' content, and of the study, that enter the key.
func (t *LM) contents(in pipeline.Inputs) cache.Value {
	data := in.One("data")
	fields := map[string]cache.Value{
		"data": cache.Map(map[string]cache.Value{
			"train":      cache.DigestValue(data.Digest(trainTokens)),
			"validation": cache.DigestValue(data.Digest(validationTokens)),
			"vocabulary": cache.Int(int64(data.Stage.(Tokens).Vocabulary())),
		}),
		"study": cache.Map(map[string]cache.Value{"seed": cache.Int(in.Study.Seed)}),
	}
	if t.deterministic() {
		fields["deterministic"] = cache.Bool(true)
	}
	return cache.Map(fields)
}

// notes explain the fingerprints: they hold the references to the definitions, and
// the fingerprint of each definition. They are not part of the key, so that two ways
// to write the same mathematics are one trial.
func notes(in pipeline.Inputs) cache.Value {
	refs, parts := make(map[string]cache.Value), make(map[string]cache.Value)
	note := func(name string, one pipeline.Input) {
		refs[name] = one.Ref.Value()
		if !one.Code.IsZero() {
			parts[name] = one.Code
		}
	}
	note("model", in.One("model"))
	note("optimizer", in.One("optimizer"))
	norms, whole := notedNorms(in)
	for name, one := range norms {
		note(name, one)
	}
	out := cache.Map(map[string]cache.Value{"inputs": cache.Map(refs), "parts": cache.Map(parts)})
	if len(whole) > 0 {
		out = out.With("wholes", cache.Map(map[string]cache.Value{normAttribute: marks(whole)}))
	}
	return out
}

// marks is a map of names.
func marks(names []string) cache.Value {
	out := make(map[string]cache.Value, len(names))
	for _, name := range names {
		out[name] = cache.Bool(true)
	}
	return cache.Map(out)
}

// count counts the model's parameters and the arithmetic of the trial.
func (t *LM) count(in pipeline.Inputs) pipeline.Work {
	m := in.One("model").Stage.(model.Model)
	r := t.recipe(in)
	params := r.params
	tokens := int64(t.tokensPerStep()) * int64(t.Steps)
	each := model.FLOPs(m, params, t.Batch.Length)
	return pipeline.Work{
		Parameters: model.Parameters(params), Tokens: tokens, FLOPsPerToken: each,
		Memory: r.memory(), Device: backend.Memory(t.Backend),
	}
}

// identity is everything that Describe depends on but the seed: stages by their
// pointers, and fields of the trial.
type identity struct {
	data, model, optimizer pipeline.Stage
	norms                  normStages
	accumulate, steps      int
	batch                  Batch
	clip                   float64
	precision              string
	lossChunk              int
	loss                   string
	checkpointing          bool
	shape                  shape
	backend                string
	deterministic          bool
	probed, kept           bool // outputs
}

func (t *LM) identity(in pipeline.Inputs) identity {
	return identity{
		data: in.One("data").Stage, model: in.One("model").Stage, norms: normStagesOf(in), optimizer: in.One("optimizer").Stage,
		accumulate: t.Accumulate, steps: t.Steps, batch: t.Batch, clip: t.clip(), precision: t.Precision,
		lossChunk: t.LossChunk, loss: t.Loss.String(), checkpointing: t.Checkpointing, shape: t.Schedule.shape(t.Steps),
		backend: t.Backend, deterministic: t.Deterministic, probed: t.Probe.Every > 0, kept: t.Checkpoint.Keep != "none",
	}
}

// fingerprints are the parts of the program that decide the result.
func (t *LM) fingerprints(in pipeline.Inputs) (cache.Value, error) {
	c := t.common(in)
	return c.code, c.err
}

// trace computes the fingerprints, or reads them from the memo.
func (t *LM) trace(in pipeline.Inputs) (cache.Value, error) {
	forward := cache.Map(map[string]cache.Value{
		"model": in.One("model").Ref.Digest(), "norms": normDigests(in),
		"vocabulary": cache.Int(int64(in.One("data").Stage.(Tokens).Vocabulary())),
		"sequences":  cache.Int(int64(t.Batch.Sequences)), "length": cache.Int(int64(t.Batch.Length)),
		"precision": cache.String(t.Precision), "loss_chunk": cache.Int(int64(t.LossChunk)), "loss": cache.String(t.Loss.String()),
	})
	step := cache.List(forward, in.One("optimizer").Ref.Digest(), cache.Int(int64(t.Accumulate)), cache.Float(t.clip()), cache.Bool(t.Checkpointing))
	code := make(map[string]cache.Value)
	type part struct {
		name    string
		what    cache.Value
		compute func() (cache.Digest, error)
	}
	computed := []part{
		{"step", step, func() (cache.Digest, error) { return ml.Fingerprint(t.recipe(in).step()) }},
		{"evaluate", forward, func() (cache.Digest, error) { return ml.Fingerprint(t.recipe(in).forward().evaluate()) }},
		{"init", cache.List(forward, in.One("optimizer").Ref.Digest()), func() (cache.Digest, error) { return t.recipe(in).initialisation(), nil }},
		{"schedule", t.Schedule.identity(t.Steps), func() (cache.Digest, error) { return t.Schedule.digest(t.Steps), nil }},
	}
	if t.Probe.Every > 0 {
		computed = append(computed, part{"probe", forward, func() (cache.Digest, error) {
			return (&probe{recipe: t.recipe(in).forward()}).fingerprint()
		}})
	}
	for _, part := range computed {
		d, err := in.Memo.Digest(cache.List(cache.String(part.name), part.what), part.compute)
		if err != nil {
			return cache.Value{}, fmt.Errorf("fingerprinting the %s: %w", part.name, err)
		}
		code[part.name] = cache.DigestValue(d)
	}
	host, err := t.behaviour(in)
	if err != nil {
		return cache.Value{}, err
	}
	if len(host.Keys()) > 0 {
		code["behaviour"] = host
	}
	return cache.Map(code), nil
}

// Check implements pipeline.Checker: it compares the trial with its model.
func (t *LM) Check(in pipeline.Inputs) diag.List {
	m := in.One("model")
	spec, ok := m.Stage.(model.Model)
	if !ok {
		return nil // reported where the reference is
	}
	traits := spec.Traits()
	list := append(checkNorms(in, m.Address, traits.Sites), checkClip(in, traits)...)
	if most := traits.Longest; most > 0 && t.Batch.Length > most {
		list = append(list, diag.Errorf(diag.Path{"batch", "length"}, "Out of range",
			"length must be at most the %d positions of %s, not %d.", most, m.Address, t.Batch.Length)...)
	}
	if traits.CuDNN && (t.Backend != "xla:cuda" || t.Precision != "bf16") {
		list = append(list, diag.Errorf(diag.Path{"model"}, "Attention not available",
			"%s has attention = \"cudnn\", which needs backend = \"xla:cuda\" and precision = \"bf16\", not %q and %q. "+
				"Set both, or give the model attention = \"flash\", which all backends have.", m.Address, t.Backend, t.Precision)...)
	}
	list = append(list, t.checkIdle(in)...)
	return append(list, t.checkRules(in)...)
}

// checkRules warns of rules of optimizer "formula" that update no parameter of the
// trial.
func (t *LM) checkRules(in pipeline.Inputs) (list diag.List) {
	o, declared := in.One("optimizer").Stage.(*optimizer.Formula)
	if !declared {
		return nil
	}
	for _, label := range o.IdleRules(paramsOf(in)) {
		list = append(list, diag.Warningf(diag.Path{"optimizer"}, "Unused rule", "rule %q of %s updates no parameter of %s with the norms of this trial. Remove the rule, or use a model with such parameters.",
			label, in.One("optimizer").Address, in.One("model").Address)...)
	}
	return list
}

// checkData refuses text that cannot fill one batch.
func (t *LM) checkData(in pipeline.Inputs) diag.List {
	data := in.One("data")
	tokens, ok := data.Stage.(Tokens)
	if !ok {
		return diag.Errorf(diag.Path{"data"}, "Not text", "%s makes no tokens to train a language model on.", data.Address)
	}
	var list diag.List
	count := func(name string) int {
		a, _ := data.Artifact(name)
		return int(a.Size) / tokens.TokenBytes()
	}
	need := t.Accumulate * t.Batch.Sequences * (t.Batch.Length + 1)
	if n := count(trainTokens); n < need {
		size := t.Batch.describe()
		if t.Accumulate > 1 {
			size = fmt.Sprintf("%d times %s", t.Accumulate, size)
		}
		list = append(list, diag.Errorf(diag.Path{"batch"}, "Too little text",
			"One step takes %s: %d tokens. %s has %d to train on. Use more text, or a smaller batch.",
			size, need, data.Address, n)...)
	}
	need = t.Batch.Sequences * (t.Batch.Length + 1)
	if n := count(validationTokens); n < need {
		list = append(list, diag.Errorf(diag.Path{"batch"}, "Too little validation text",
			"One batch of the evaluation takes %s: %d tokens. %s keeps %d for validation. "+
				"Use more text, a larger share for validation, or a smaller batch.",
			t.Batch.describe(), need, data.Address, n)...)
	}
	return list
}
