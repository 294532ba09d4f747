// Package estimate computes what a design can say: contrasts of cell means with
// their intervals and tests, the analysis of variance, ratios of gaps. It is
// arithmetic on a design and knows neither files nor words.
package estimate

import (
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"ablate/stages/analysis/internal/design"
)

// Summary returns the size, the mean and the sample standard deviation (0 for
// n = 1) of a cell that has values.
func Summary(c *design.Cell) (n int, mean, sd float64) {
	if len(c.Values) < 2 {
		return len(c.Values), c.Values[0], 0
	}
	mean, sd = stat.MeanStdDev(c.Values, nil)
	return len(c.Values), mean, sd
}

// Methods of an estimate.
const (
	PairedT = "paired t"
	WelchT  = "Welch t"
	None    = "none" // a value without interval
)

// Estimate is the answer to one contrast. NaN stands for numbers that cannot be
// computed.
type Estimate struct {
	Value  float64
	Low    float64 // of the confidence interval
	High   float64
	T      float64
	DF     float64
	P      float64 // two-sided
	N      int     // pairs
	Half   float64 // half the width of the interval
	Detect float64 // the smallest effect that a test at this confidence finds in 4 of 5 studies
	Method string
}

// Contrast estimates a contrast of cell means. If all its cells have the same
// replicates, they are paired: Student's t of the contrast of each replicate,
// with n − 1 degrees of freedom. Otherwise the cells are independent samples:
// Welch's t with Satterthwaite's degrees of freedom. A cell with one trial gives
// a value without interval.
func Contrast(c design.Contrast, cells []*design.Cell, confidence float64) Estimate {
	involved := sortedKeys(c.Weights)
	first := cells[involved[0]].Replicates
	paired, enough := true, true
	value := 0.0
	for _, i := range involved {
		n, mean, _ := Summary(cells[i])
		value += c.Weights[i] * mean
		paired = paired && sameSet(first, cells[i].Replicates)
		enough = enough && n >= 2
	}
	e := Estimate{Value: value, Low: math.NaN(), High: math.NaN(), T: math.NaN(), P: math.NaN(), Half: math.NaN(), Detect: math.NaN(), Method: None}
	switch {
	case !enough:
		return e
	case paired:
		return e.paired(c, cells, first, confidence)
	}
	return e.welch(c, cells, confidence)
}

func (e Estimate) paired(c design.Contrast, cells []*design.Cell, replicates []int, confidence float64) Estimate {
	each := eachOf(c, cells, replicates)
	_, sd := stat.MeanStdDev(each, nil)
	if sd < rounding(c, cells) {
		sd = 0
	}
	n := float64(len(each))
	e.N, e.Method = len(each), PairedT
	return e.with(sd/math.Sqrt(n), n-1, confidence)
}

// eachOf is the contrast of each replicate.
func eachOf(c design.Contrast, cells []*design.Cell, replicates []int) []float64 {
	each := make([]float64, len(replicates))
	for j, r := range replicates {
		for _, i := range sortedKeys(c.Weights) {
			v, _ := cells[i].Value(r)
			each[j] += c.Weights[i] * v
		}
	}
	return each
}

// Welch estimates a contrast of cells with two trials or more as independent
// samples.
func Welch(c design.Contrast, cells []*design.Cell, confidence float64) Estimate {
	value := 0.0
	for _, i := range sortedKeys(c.Weights) {
		_, mean, _ := Summary(cells[i])
		value += c.Weights[i] * mean
	}
	return Estimate{Value: value}.welch(c, cells, confidence)
}

func (e Estimate) welch(c design.Contrast, cells []*design.Cell, confidence float64) Estimate {
	var variance, denominator float64
	for _, i := range sortedKeys(c.Weights) {
		n, _, sd := Summary(cells[i])
		v := c.Weights[i] * c.Weights[i] * sd * sd / float64(n)
		variance += v
		denominator += v * v / float64(n-1)
	}
	if variance < math.Pow(rounding(c, cells), 2) {
		variance = 0
	}
	e.Method = WelchT
	return e.with(math.Sqrt(variance), variance*variance/denominator, confidence)
}

// rounding is the spread that equal replicates show because of the last bits of
// their numbers. A test of it would find everything.
func rounding(c design.Contrast, cells []*design.Cell) float64 {
	size := 0.0
	for i, w := range c.Weights {
		for _, v := range cells[i].Values {
			size = max(size, math.Abs(w*v))
		}
	}
	return 1e-14 * size
}

// with computes the interval and the test from a standard error.
func (e Estimate) with(se, df, confidence float64) Estimate {
	e.DF = df
	if se == 0 { // no spread to divide by
		e.Low, e.High = e.Value, e.Value
		return e
	}
	dist := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}
	half := dist.Quantile(0.5+confidence/2) * se
	e.Low, e.High, e.Half = e.Value-half, e.Value+half, half
	e.Detect = (dist.Quantile(0.5+confidence/2) + dist.Quantile(power)) * se
	e.T = e.Value / se
	e.P = tailsT(e.T, df)
	return e
}

// power is the share of studies in which the smallest detectable effect is
// found.
const power = 0.8

// tailsT is the probability that |T| with df degrees of freedom exceeds |t|.
// One less the distribution would lose the digits of small probabilities.
func tailsT(t, df float64) float64 { return mathext.RegIncBeta(df/2, 0.5, df/(df+t*t)) }

// Holm adjusts p-values for their number by Holm's step-down rule. NaN stays,
// and does not count.
func Holm(p []float64) []float64 {
	order := make([]int, 0, len(p))
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	out := slices.Clone(p)
	highest := 0.0
	for rank, i := range order {
		highest = max(highest, min(1, float64(len(order)-rank)*p[i]))
		out[i] = highest
	}
	return out
}

// sameSet compares lists without repetitions.
func sameSet(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	if slices.Equal(a, b) {
		return true
	}
	known := make(map[int]bool, len(a))
	for _, x := range a {
		known[x] = true
	}
	return !slices.ContainsFunc(b, func(x int) bool { return !known[x] })
}

func sortedKeys[V any](m map[int]V) []int { return slices.Sorted(maps.Keys(m)) }
