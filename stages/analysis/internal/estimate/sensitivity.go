package estimate

import (
	"cmp"
	"context"
	"math"
	"slices"

	"ablate/stages/analysis/internal/design"
)

// MostLeftOut is the number of replicates above which none is left out: a single one
// then moves little.
const MostLeftOut = 30

// LeftOut is how a contrast changes when one replicate is left out.
type LeftOut struct {
	Low, High float64 // of the estimates without one replicate
	Replicate int     // that moves the estimate most
	Value     float64 // the estimate without it
}

// LeaveOneOut estimates contrasts without each replicate in turn. An element is nil if
// fewer than two replicates can be left out of its contrast, and all are when ctx ends.
func (m *Model) LeaveOneOut(ctx context.Context, contrasts []design.Contrast) []*LeftOut {
	d := m.design
	out := make([]*LeftOut, len(contrasts))
	if !d.Paired || len(d.Replicates) > MostLeftOut || len(d.Replicates) < 2 {
		return out
	}
	values, counts := make([]float64, len(contrasts)), make([]int, len(contrasts))
	paired := make([]bool, len(contrasts))
	for i, c := range contrasts {
		if ctx.Err() != nil {
			return out
		}
		values[i] = m.Contrast(c).Value
		paired[i] = m.errors == OwnError && len(common(c, d.Cells)) >= 2
	}
	for r := range d.Replicates {
		part := d.Without(r)
		without := NewModel(part, m.errors, m.confidence)
		for i, c := range contrasts {
			if ctx.Err() != nil {
				return make([]*LeftOut, len(contrasts))
			}
			if !involves(c, d, r) || !estimable(c, part) {
				continue
			}
			var value float64
			if paired[i] { // also if one common replicate is left, where Contrast takes all trials
				shared := common(c, part.Cells)
				if len(shared) == 0 {
					continue
				}
				value = combined(c, part.Cells, shared)
			} else {
				value = without.Contrast(c).Value
			}
			counts[i]++
			if out[i] == nil {
				out[i] = &LeftOut{Low: math.Inf(1), High: math.Inf(-1), Replicate: r, Value: value}
			}
			x := out[i]
			x.Low, x.High = min(x.Low, value), max(x.High, value)
			if math.Abs(value-values[i]) > math.Abs(x.Value-values[i]) {
				x.Replicate, x.Value = r, value
			}
		}
	}
	for i, n := range counts {
		if n < 2 {
			out[i] = nil
		}
	}
	return out
}

// involves reports whether a replicate has a trial in a cell of a contrast.
func involves(c design.Contrast, d *design.Design, replicate int) bool {
	for i := range c.Weights {
		if _, ok := d.Cells[i].Value(replicate); ok {
			return true
		}
	}
	return false
}

// estimable reports whether all cells of a contrast have a mean.
func estimable(c design.Contrast, d *design.Design) bool {
	for i := range c.Weights {
		if !d.Cells[i].Complete() {
			return false
		}
	}
	return len(c.Weights) > 0
}

// Residual is a trial's distance from the least-squares fit of cells and, where they are
// paired, replicates.
type Residual struct {
	Cell, Replicate int
	Value, Ratio    float64 // Ratio is in standard deviations of all residuals
	Response        float64
}

// mostFitted bounds the work of the fit: trials times cells.
const mostFitted = 1_000_000

// LargestResiduals lists the trials that are farthest from the fit; none if replicates
// do not differ, or if there is no degree of freedom for the error.
func LargestResiduals(d *design.Design, most int) []Residual {
	cells := completeCells(d)
	trials := 0
	for _, i := range cells {
		trials += len(d.Cells[i].Values)
	}
	if trials*len(cells) > mostFitted {
		return nil
	}
	f, why := leastSquares(d, cells)
	if why != NoProblem || f.df < 1 {
		return nil
	}
	sd := math.Sqrt(f.rss / float64(f.trials))
	if !(sd > f.noise) {
		return nil
	}
	var out []Residual
	f.each(d, func(cell, replicate int, value, residual float64) {
		out = append(out, Residual{cell, replicate, residual, math.Abs(residual) / sd, value})
	})
	slices.SortStableFunc(out, func(a, b Residual) int { return cmp.Compare(b.Ratio, a.Ratio) })
	return out[:min(most, len(out))]
}
