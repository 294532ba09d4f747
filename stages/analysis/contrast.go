package analysis

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// cellData is the trials of one cell: response by replicate.
type cellData struct {
	levels []int // index into each factor's levels, the replicate left out
	values map[string]float64
	order  []string // replicates in order of the trials

	diverged int // further trials, without a response
}

// complete reports whether the cell has a mean: trials, none of which diverged.
func (c *cellData) complete() bool { return len(c.order) > 0 && c.diverged == 0 }

func (c *cellData) sample() []float64 {
	out := make([]float64, len(c.order))
	for i, r := range c.order {
		out[i] = c.values[r]
	}
	return out
}

// summary returns size, mean and sample standard deviation (0 for n = 1) of a
// cell that has any values.
func (c *cellData) summary() (n int, mean, sd float64) {
	x := c.sample()
	if len(x) < 2 {
		return len(x), x[0], 0
	}
	mean, sd = stat.MeanStdDev(x, nil)
	return len(x), mean, sd
}

// contrast is a linear combination of cell means, by index of the cell.
type contrast struct {
	kind    string // gap, main, interaction
	name    string
	weights map[int]float64
	missing []string          // names of empty cells that it needs
	terms   []term            // what is compared: one level for a gap, two for an interaction
	at      map[string]string // of a gap: the levels of the other factors
}

// term is one level against another.
type term struct {
	Factor   string `json:"factor"`
	Level    string `json:"level"`
	Baseline string `json:"baseline"`
}

// estimate is a contrast's answer.
type estimate struct {
	Value  float64
	Low    float64 // of the confidence interval
	High   float64
	T      float64
	DF     float64
	P      float64 // two-sided
	N      int     // replicates, when paired
	Half   float64 // half the interval's width
	Detect float64 // smallest effect that a test at this confidence finds in 4 of 5 studies
	Method string  // "paired t", "Welch t" or "none"
}

// estimateContrast computes a contrast of cell means. Trials with the same
// replicates in every cell involved are paired: Student's t on the contrast of
// each replicate, with n−1 degrees of freedom. Otherwise the cells are
// independent samples: Welch's t with Satterthwaite's degrees of freedom.
// One trial a cell gives a value and no interval.
func estimateContrast(c contrast, cells []*cellData, confidence float64) estimate {
	involved := sortedKeys(c.weights)
	first := cells[involved[0]].order
	paired, enough := true, true
	value := 0.0
	for _, i := range involved {
		n, mean, _ := cells[i].summary()
		value += c.weights[i] * mean
		paired = paired && sameSet(first, cells[i].order)
		enough = enough && n >= 2
	}
	e := estimate{Value: value, Low: math.NaN(), High: math.NaN(), T: math.NaN(), P: math.NaN(), Half: math.NaN(), Detect: math.NaN(), Method: "none"}
	switch {
	case !enough:
		return e
	case paired:
		return pairedT(e, c, cells, first, confidence)
	}
	return welchT(e, c, cells, confidence)
}

func pairedT(e estimate, c contrast, cells []*cellData, replicates []string, confidence float64) estimate {
	each := make([]float64, len(replicates))
	for j, r := range replicates {
		for _, i := range sortedKeys(c.weights) {
			each[j] += c.weights[i] * cells[i].values[r]
		}
	}
	n := float64(len(each))
	_, sd := stat.MeanStdDev(each, nil)
	if sd < rounding(c, cells) {
		sd = 0
	}
	e.N, e.Method = len(each), "paired t"
	return e.with(sd/math.Sqrt(n), n-1, confidence)
}

func welchT(e estimate, c contrast, cells []*cellData, confidence float64) estimate {
	var variance, denominator float64
	for _, i := range sortedKeys(c.weights) {
		n, _, sd := cells[i].summary()
		v := c.weights[i] * c.weights[i] * sd * sd / float64(n)
		variance += v
		denominator += v * v / float64(n-1)
	}
	if variance < math.Pow(rounding(c, cells), 2) {
		variance = 0
	}
	e.Method = "Welch t"
	return e.with(math.Sqrt(variance), variance*variance/denominator, confidence)
}

// rounding is the spread that replicates without any show because of the last
// bits of their numbers. A test of it would be certain of everything.
func rounding(c contrast, cells []*cellData) float64 {
	size := 0.0
	for i, w := range c.weights {
		for _, v := range cells[i].values {
			size = max(size, math.Abs(w*v))
		}
	}
	return 1e-14 * size
}

// with fills the interval and the test from a standard error.
func (e estimate) with(se, df, confidence float64) estimate {
	e.DF = df
	if se == 0 { // no spread at all: nothing to divide by
		e.Low, e.High = e.Value, e.Value
		return e
	}
	dist := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}
	half := dist.Quantile(0.5+confidence/2) * se
	e.Low, e.High, e.Half = e.Value-half, e.Value+half, half
	e.Detect = (dist.Quantile(0.5+confidence/2) + dist.Quantile(power)) * se
	e.T = e.Value / se
	e.P = mathext.RegIncBeta(df/2, 0.5, df/(df+e.T*e.T)) // both tails
	return e
}

// power is the share of studies in which the smallest detectable effect would
// be found.
const power = 0.8

// holm adjusts p-values for their number, by Holm's step-down rule. NaN stays.
func holm(p []float64) []float64 {
	order := make([]int, 0, len(p))
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if p[a] < p[b] {
			return -1
		}
		if p[a] > p[b] {
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
func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	if slices.Equal(a, b) {
		return true
	}
	known := make(map[string]bool, len(a))
	for _, x := range a {
		known[x] = true
	}
	return !slices.ContainsFunc(b, func(x string) bool { return !known[x] })
}
