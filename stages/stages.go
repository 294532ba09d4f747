// Package stages lists what a study can be made of.
package stages

import (
	"slices"

	"ablate/pipeline"
	"ablate/stages/analysis"
	"ablate/stages/data"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
	"ablate/stages/train"
)

// All returns every kind of stage.
func All() []pipeline.Kind {
	return slices.Concat(data.Kinds(), model.Kinds(), norm.Kinds(), optimizer.Kinds(), train.Kinds(), analysis.Kinds())
}
