package estimate

import (
	"math"

	"ablate/stages/analysis/internal/design"
)

// Step estimates the gaps of the cells of one factor at one step, with intervals
// that hold for as many looks at once, by Bonferroni's inequality.
//
// Each gap has its own error. A residual of all levels would give narrower bands from few
// replicates, and wrong ones where some levels are noisier than others.
type Step struct {
	model *Model
	looks int
}

// NewStep prepares the estimates of one step.
func NewStep(d *design.Design, confidence float64, looks int) Step {
	return Step{NewModel(d, OwnError, confidence), looks}
}

// Gap is the gap between two cells, with the interval of its value; NaN without a band. A
// cell in which a trial diverged has no gap.
func (s Step) Gap(cell, base int) Estimate {
	cells := s.model.design.Cells
	if !cells[cell].Complete() || !cells[base].Complete() {
		return nothing(math.NaN())
	}
	e := s.model.Contrast(design.Contrast{Weights: map[int]float64{cell: 1, base: -1}})
	if !math.IsNaN(e.P) {
		e.Low, e.High = e.cautious().Interval(1 - (1-s.model.confidence)/float64(s.looks))
	}
	return e
}
