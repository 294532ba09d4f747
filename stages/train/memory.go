package train

import (
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// float is the size of a number in memory. Values between operations are fp32.
const float = 4

// memory estimates the peak memory of a step. Parameters, gradients and the
// optimizer's part are exact. Logits count twice, with their gradient. In chunks they
// are the logits of one chunk, the gradients of the rows, and a gradient of the
// projection for every micro-batch but the first.
//
// Activations are an estimate of what the backward pass reads: 17 numbers of the
// model's width for each token and layer, as arXiv 2205.05198 counts, and attention's
// scores before and after the softmax. Each norm of a layer beyond the two that it counts
// keeps its input. Attention in blocks has one number a row and
// the scores of one block. With gradient checkpointing, activations are the inputs of
// all layers and everything of one layer. All micro-batches belong to one program, so
// each counts. The copy of a state that is being saved lies on the host and does not
// count.
func (r *recipe) memory() pipeline.Memory {
	t, vocabulary := r.model.Traits(), int64(r.vocabulary)
	micro := int64(r.batch.Sequences) * int64(r.batch.Length)
	tokens := int64(r.accumulate) * micro
	layer := (17+r.extraNorms())*int64(t.Width) + 2*int64(t.Heads)*int64(r.batch.Length)
	var block int64
	if t.Block > 0 {
		positions := int64(min(t.Block, r.batch.Length))
		layer = (17+r.extraNorms())*int64(t.Width) + int64(t.Heads)
		block = 2 * int64(r.batch.Sequences) * int64(t.Heads) * positions * positions
	}
	activations := int64(t.Layers) * layer
	if r.again {
		activations = int64(t.Layers)*int64(t.Width) + layer
	}
	if r.norms[norm.Embedding] != nil {
		activations += int64(t.Width)
	}
	logits := 2 * tokens * vocabulary
	if r.chunk > 0 {
		logits = 2*min(int64(r.chunk), micro)*vocabulary + int64(t.Width)*(tokens+int64(r.accumulate-1)*vocabulary)
	}
	var update int64
	if o, ok := r.optimizer.(optimizer.Working); ok {
		update = o.Scratch(r.params)
	}
	return pipeline.Memory{
		Parameters:  float * elements(r.params),
		State:       float * elements(r.states),
		Gradients:   float * model.Parameters(r.params),
		Logits:      float * logits,
		Activations: float * (tokens*activations + block),
		Update:      update,
	}
}

// extraNorms counts the norms of a layer beyond the two before its sublayers, each over
// as many numbers as the width of the model. Queries and keys are two.
func (r *recipe) extraNorms() int64 {
	n := int64(0)
	for _, site := range r.model.Traits().Sites {
		switch {
		case r.norms[site] == nil:
		case site == norm.QK:
			n += 2
		case site.Input() != "":
			n++
		}
	}
	return n
}

func elements(params []ml.Param) int64 {
	var n int64
	for _, p := range params {
		n += p.Size()
	}
	return n
}
