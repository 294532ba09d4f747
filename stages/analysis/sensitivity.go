package analysis

import (
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/answer"
)

// mostResiduals is how many residuals an answer lists.
const mostResiduals = 3

// placed is a contrast that has an estimate, and its place in the answer.
type placed struct {
	design.Contrast
	place int
}

// sensitivity records how much the answer depends on single trials and on equal
// variances. Settings of tuned factors would change with each trial that is left out, so
// there nothing is left out.
func (r *effects) sensitivity() {
	if r.Tuned == nil {
		r.leaveOut()
	}
	s := &answer.Sensitivity{}
	for _, x := range estimate.LargestResiduals(r.design, mostResiduals) {
		s.Residuals = append(s.Residuals, answer.Residual{Cell: r.design.CellName(r.design.Cells[x.Cell].Levels), Replicate: r.design.Replicates[x.Replicate],
			Value: x.Value, Ratio: x.Ratio, Response: x.Response})
	}
	s.Least, s.Most = r.spreads()
	if s.Residuals != nil || s.Least != nil {
		r.Sensitivity = s
	}
}

// leaveOut records how contrasts change without one replicate.
func (r *effects) leaveOut() {
	contrasts := make([]design.Contrast, len(r.estimated))
	for i, c := range r.estimated {
		contrasts[i] = c.Contrast
	}
	for i, x := range r.model.LeaveOneOut(r.ctx, contrasts) {
		if x != nil {
			r.Contrasts[r.estimated[i].place].LeftOut = &answer.LeftOut{Low: x.Low, High: x.High, Replicate: r.design.Replicates[x.Replicate], Estimate: x.Value}
		}
	}
}

// spreads are the cells with the smallest and the largest standard deviation; nil if
// fewer than two cells have one.
func (r *effects) spreads() (least, most *answer.Spread) {
	n := 0
	for i, c := range r.Cells {
		if c.SD == nil {
			continue
		}
		n++
		x := &answer.Spread{Cell: r.design.CellName(r.design.Cells[i].Levels), SD: *c.SD}
		if least == nil || x.SD < least.SD {
			least = x
		}
		if most == nil || x.SD > most.SD {
			most = x
		}
	}
	if n < 2 {
		return nil, nil
	}
	return least, most
}
