package train

import (
	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
)

// float is the size of a number in memory: everything that lives from one
// operation to the next is fp32.
const float = 4

// memory is what a trial's step needs at a time. The first three parts are
// exact. Logits are two arrays, themselves and their gradient. Activations are
// an estimate: what the backward pass takes from the forward pass, at 17
// numbers of the model's width for each token and layer, as arXiv 2205.05198
// counts them, and attention's scores before and after the softmax, which are
// not recomputed. All micro-batches are in one program, and so count.
func memory(params, states []ml.Param, t model.Traits, vocabulary, accumulate int, b Batch) pipeline.Memory {
	tokens := int64(accumulate) * int64(b.Sequences) * int64(b.Length)
	layer := 17*int64(t.Width) + 2*int64(t.Heads)*int64(b.Length)
	return pipeline.Memory{
		Parameters:  float * elements(params),
		State:       float * elements(states),
		Gradients:   float * model.Parameters(params),
		Logits:      float * 2 * tokens * int64(vocabulary),
		Activations: float * tokens * int64(t.Layers) * layer,
	}
}

func elements(params []ml.Param) int64 {
	var n int64
	for _, p := range params {
		n += p.Size()
	}
	return n
}
