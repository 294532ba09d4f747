package estimate

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"ablate/stages/analysis/internal/design"
)

// FewestResampled is the number of trials in a cell below which a bootstrap is
// refused: it covers too little, and most resamples repeat a trial.
const FewestResampled = 5

// Bootstrap is a bootstrap-t: the distribution of the t statistic is that of
// resamples, rather than Student's.
type Bootstrap struct {
	Resamples int
	Whole     bool // resample whole replicates, rather than the trials of each cell
}

// Interval is the bootstrap-t interval of a contrast. ok is false if a cell has
// too few trials, or if whole replicates are asked for and too few are complete.
// The random numbers are the same in every run.
func (b Bootstrap) Interval(d *design.Design, c design.Contrast, confidence float64) (low, high float64, ok bool) {
	var samples [][]float64 // what each trial contributes, by cell
	if b.Whole {
		shared := common(c, d.Cells)
		samples = [][]float64{eachOf(c, d.Cells, shared)}
	} else {
		for _, i := range sortedKeys(c.Weights) {
			var x []float64
			for _, v := range d.Cells[i].Values {
				x = append(x, c.Weights[i]*v)
			}
			samples = append(samples, x)
		}
	}
	for _, x := range samples {
		if len(x) < FewestResampled {
			return 0, 0, false
		}
	}
	value, se := meanAndError(samples)
	if !(se > noise(c, d.Cells)) {
		return 0, 0, false
	}
	ts := b.draw(samples, value)
	if !b.Whole { // in each replicate already
		value -= c.Minus
	}
	return value - quantile(ts, 0.5+confidence/2)*se, value - quantile(ts, 0.5-confidence/2)*se, true
}

// meanAndError is the sum of the means of samples and its standard error.
func meanAndError(samples [][]float64) (value, se float64) {
	variance := 0.0
	for _, x := range samples {
		mean, sd := stat.MeanStdDev(x, nil)
		value += mean
		variance += sd * sd / float64(len(x))
	}
	return value, math.Sqrt(variance)
}

// draw returns the sorted t statistics of the resamples. One without any spread
// is infinitely far from the value.
func (b Bootstrap) draw(samples [][]float64, value float64) []float64 {
	r := rand.New(rand.NewPCG(0x61626c617465, 1))
	again := make([][]float64, len(samples))
	for i, x := range samples {
		again[i] = make([]float64, len(x))
	}
	out := make([]float64, 0, b.Resamples)
	for range b.Resamples {
		for i, x := range samples {
			for j := range x {
				again[i][j] = x[r.IntN(len(x))]
			}
		}
		mean, se := meanAndError(again)
		switch {
		case se > 0:
			out = append(out, (mean-value)/se)
		case mean != value:
			out = append(out, math.Inf(cmp.Compare(mean, value)))
		}
	}
	slices.Sort(out)
	return out
}

// quantile interpolates between sorted values.
func quantile(sorted []float64, p float64) float64 {
	x := p * float64(len(sorted)-1)
	i := int(x)
	if i+1 == len(sorted) || sorted[i] == sorted[i+1] {
		return sorted[i]
	}
	return sorted[i] + (x-float64(i))*(sorted[i+1]-sorted[i])
}
