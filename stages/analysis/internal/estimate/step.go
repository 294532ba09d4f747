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

// Gap is the gap between two cells; low and high are NaN without a band. A cell
// in which a trial diverged has no gap.
func (s Step) Gap(cell, base int) (gap, low, high float64) {
	cells := s.model.design.Cells
	if !cells[cell].Complete() || !cells[base].Complete() {
		return math.NaN(), math.NaN(), math.NaN()
	}
	e := s.model.Contrast(design.Contrast{Weights: map[int]float64{cell: 1, base: -1}})
	if math.IsNaN(e.P) {
		return e.Value, math.NaN(), math.NaN()
	}
	low, high = e.cautious(float64(s.looks)).Interval(1 - (1-s.model.confidence)/float64(s.looks))
	return e.Value, low, high
}
