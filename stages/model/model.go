// Package model holds the networks of the study.
package model

import (
	"github.com/gomlx/gomlx/core/graph"

	"ablate/pipeline"
	"ablate/stages/internal/ml"
	"ablate/stages/norm"
)

// Model is a language model up to its norm and vocabulary.
type Model interface {
	// Params declares all parameters for a norm and a vocabulary.
	Params(n norm.Norm, vocabulary int) []ml.Param
	// Logits maps tokens [B, T], int32, to scores [B, T, vocabulary], float32.
	Logits(tokens_BT *graph.Node, n norm.Norm, vars ml.Vars) *graph.Node
}

// Kinds lists the stages of block model.
func Kinds() []pipeline.Kind {
	return []pipeline.Kind{{
		Block: "model", Type: "llama", Version: 1, Definition: true,
		Doc: "A decoder-only transformer in Llama's shape: rotary positions, grouped-query attention, SwiGLU, norms before each sublayer and at the end.",
		New: func() pipeline.Stage { return &Llama{RopeTheta: 10000, Tied: true, InitStd: 0.02} },
	}}
}
