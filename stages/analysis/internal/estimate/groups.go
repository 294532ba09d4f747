package estimate

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"ablate/stages/analysis/internal/design"
)

// sample is cells of a contrast that have replicates in common: their weighted sum in
// each replicate. Different samples are independent, or nearly so.
type sample struct {
	cells      []int
	replicates []int // of all its cells
	each       []float64
	net        float64 // the sum of the weights: how much is left of what the trials of a replicate share
}

// grouped estimates a contrast whose cells do not all share two replicates, such as a main
// effect of a factor at each level of which other seeds ran. Cells that share replicates
// are no independent samples, so their sums are: Welch's t of the sums.
//
// Where some cells overlap so little that they have no two replicates in common, each is
// a sample. If what their trials share adds up, the variance is as large as it can be.
func (m *Model) grouped(c design.Contrast) Estimate {
	samples, overlap := m.samples(c)
	bound := 0.0
	if overlap {
		bound = covariance(samples)
	}
	if len(samples) == len(c.Weights) && bound == 0 {
		return m.Welch(c)
	}
	e := nothing(-c.Minus)
	e.Method, e.Used = GroupedT, make(map[int]int)
	var variances, dfs []float64
	fewest := math.MaxInt
	for _, s := range samples {
		n := len(s.each)
		e.Value += stat.Mean(s.each, nil)
		fewest = min(fewest, n)
		variances, dfs = append(variances, squaredError(s)), append(dfs, float64(n-1))
		for _, i := range s.cells {
			e.Used[i] = n
			e.Dropped = e.Dropped || len(m.design.Cells[i].Values) > n
		}
	}
	if fewest < 2 {
		return e.Point(None)
	}
	variance, df := satterthwaite(variances, dfs)
	e.Fewest = float64(fewest - 1)
	if bound > 0 {
		e.Method, df = BoundedT, e.Fewest
	}
	return e.with(math.Sqrt(variance+bound), df, m.confidence, noise(c, m.design.Cells))
}

// samples groups the cells of a contrast by common replicates. overlap is true if some
// cells share replicates and are different samples.
func (m *Model) samples(c design.Contrast) (out []sample, overlap bool) {
	cells := m.design.Cells
	for _, group := range sharing(m.design, sortedKeys(c.Weights)) {
		part := design.Contrast{Weights: make(map[int]float64)}
		for _, i := range group {
			part.Weights[i] = c.Weights[i]
		}
		shared := common(part, cells)
		if len(group) == 1 || len(shared) >= 2 {
			out = append(out, newSample(part, cells, shared))
			continue
		}
		overlap = true
		for _, i := range group {
			out = append(out, newSample(design.Contrast{Weights: map[int]float64{i: c.Weights[i]}}, cells, cells[i].Replicates))
		}
	}
	return out, overlap
}

func newSample(c design.Contrast, cells []*design.Cell, replicates []int) sample {
	s := sample{cells: sortedKeys(c.Weights), replicates: replicates, each: eachOf(c, cells, replicates)}
	for _, i := range s.cells {
		s.net += c.Weights[i]
	}
	return s
}

// sharing groups cells so that cells of different groups have no replicate in common.
func sharing(d *design.Design, cells []int) [][]int {
	var groups [][]int
	for _, i := range cells {
		joined := []int{i}
		groups = slices.DeleteFunc(groups, func(group []int) bool {
			near := slices.ContainsFunc(group, func(j int) bool { return overlap(d.Cells[i], d.Cells[j]) })
			if near {
				joined = append(joined, group...)
			}
			return near
		})
		slices.Sort(joined)
		groups = append(groups, joined)
	}
	return groups
}

func overlap(a, b *design.Cell) bool {
	return slices.ContainsFunc(a.Replicates, func(r int) bool { _, ok := b.Value(r); return ok })
}

func squaredError(s sample) float64 { return stat.Variance(s.each, nil) / float64(len(s.each)) }

// covariance is the largest that samples which share replicates can add to the variance of
// their sum. What the trials of a replicate share adds up in a mean of samples. In a
// difference it cancels, so that to ignore it there is on the safe side.
func covariance(samples []sample) (sum float64) {
	for i, a := range samples {
		for _, b := range samples[:i] {
			shared := 0
			for _, r := range a.replicates {
				if slices.Contains(b.replicates, r) {
					shared++
				}
			}
			if shared > 0 && a.net*b.net > 0 {
				na, nb := float64(len(a.each)), float64(len(b.each))
				sum += 2 * float64(shared) / math.Sqrt(na*nb) * math.Sqrt(squaredError(a)*squaredError(b))
			}
		}
	}
	return sum
}
