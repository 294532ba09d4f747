package train

import (
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/optimizer"
)

// float is the size of a number in memory: everything that lives from one
// operation to the next is fp32.
const float = 4

// memory is what a trial's step needs at a time. The first three parts are
// exact. Logits are two arrays, themselves and their gradient; in chunks they
// are those of one chunk, and beside them what the chunks leave for the backward
// pass: the gradients of the rows, and of the projection for each micro-batch
// but one, which is among the gradients. Activations are an estimate: what the
// backward pass takes from the forward pass, at 17 numbers of the model's width
// for each token and layer, as arXiv 2205.05198 counts them, and attention's
// scores before and after the softmax; in blocks, a number for each row, and one
// block's scores. With gradient checkpointing they are what enters each layer,
// and all of one layer. All micro-batches are in one program, and so count. The
// copy of parameters and the optimizer's part that is there while a state is
// written lies on the host, whatever the backend, and does not count.
func (r *recipe) memory() pipeline.Memory {
	t, vocabulary := r.model.Traits(), int64(r.vocabulary)
	micro := int64(r.batch.Sequences) * int64(r.batch.Length)
	tokens := int64(r.accumulate) * micro
	layer := 17*int64(t.Width) + 2*int64(t.Heads)*int64(r.batch.Length)
	var block int64
	if t.Block > 0 {
		positions := int64(min(t.Block, r.batch.Length))
		layer = 17*int64(t.Width) + int64(t.Heads)
		block = 2 * int64(r.batch.Sequences) * int64(t.Heads) * positions * positions
	}
	activations := int64(t.Layers) * layer
	if r.again {
		activations = int64(t.Layers)*int64(t.Width) + layer
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

func elements(params []ml.Param) int64 {
	var n int64
	for _, p := range params {
		n += p.Size()
	}
	return n
}
