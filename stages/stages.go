// Package stages lists what a study can be made of.
package stages

import (
	"slices"

	"ablate/pipeline"
	"ablate/stages/analysis"
	"ablate/stages/data"
	"ablate/stages/internal/behaviour"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
	"ablate/stages/train"
)

// Behaviours lists the host code of all stages that scenes witness.
func Behaviours() []behaviour.Subject {
	return slices.Concat(data.Behaviours(), train.Behaviours(), analysis.Behaviours())
}

// All returns every kind of stage.
func All() []pipeline.Kind {
	return slices.Concat(data.Kinds(), model.Kinds(), norm.Kinds(), optimizer.Kinds(), train.Kinds(), analysis.Kinds())
}
