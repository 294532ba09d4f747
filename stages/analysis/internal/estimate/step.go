package estimate

import (
	"math"

	"ablate/stages/analysis/internal/design"
)

// Step estimates the gaps of the cells of one factor at one step, with intervals
// that hold for as many looks at once, by Bonferroni's inequality.
//
// Paired cells share one residual within the step, about cells and replicates:
// with few replicates the error of each gap alone would hide most of them. The
// errors of different steps are never pooled.
type Step struct {
	model *Model
}

// NewStep prepares the estimates of one step.
func NewStep(d *design.Design, confidence float64, looks int) Step {
	return Step{NewModel(d, PooledError, 1-(1-confidence)/float64(looks))}
}

// Gap is the gap between two cells; low and high are NaN without a band. A cell
// in which a trial diverged has no gap.
func (s Step) Gap(cell, base int) (gap, low, high float64) {
	cells := s.model.design.Cells
	if !cells[cell].Complete() || !cells[base].Complete() {
		return math.NaN(), math.NaN(), math.NaN()
	}
	e := s.model.Contrast(design.Contrast{Weights: map[int]float64{cell: 1, base: -1}})
	return e.Value, e.Low, e.High
}
