// Package train holds the stages that train models: each instance is a trial.
package train

import (
	"ablate/pipeline"
)

// Kinds lists the stages of block train.
func Kinds() []pipeline.Kind {
	return []pipeline.Kind{{
		Block: "train", Type: "lm", Version: 3, Role: pipeline.Trial, Child: true,
		Doc: "Trains a language model on next-token prediction. Each instance is a trial.",
		New: func() pipeline.Stage {
			clip := 1.0
			return &LM{
				ClipNorm: &clip, Accumulate: 1, Precision: "fp32", Backend: "go",
				Schedule:   &Schedule{Constant: &Constant{}},
				Evaluate:   &Evaluate{Every: 50, Batches: 16},
				Probe:      &Probe{Every: 50},
				Checkpoint: &Checkpoint{Keep: "final"},
			}
		},
	}, {
		Block: "train", Type: "command", Version: 1, Role: pipeline.Trial, Child: true, Program: true,
		Doc: "A trial in any language: a program that reads its parameters from a file and writes its metrics to another. Each instance is a trial.",
		New: func() pipeline.Stage { return &Command{} },
	}}
}
