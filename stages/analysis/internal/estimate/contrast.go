// Package estimate computes what a design can say: contrasts of cell means with
// their intervals and tests, the analysis of variance, ratios of gaps. It is
// arithmetic on a design and knows neither files nor words.
//
// How errors are estimated is declared, never chosen from the data.
package estimate

import (
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"ablate/stages/analysis/internal/design"
)

// Error is a model of the errors.
type Error string

// The models of the errors.
const (
	// OwnError takes the error of each contrast from the contrast of each
	// replicate. It assumes nothing about the variances of cells.
	OwnError Error = "contrast"
	// PooledError takes one residual for all contrasts, from a least-squares fit
	// of cells and, where replicates are paired, of replicates as fixed blocks.
	// It assumes that all cells have the same variance.
	PooledError Error = "pooled"
	// SeparateError takes a variance from each cell and ignores pairs.
	SeparateError Error = "separate"
)

// Errors lists the models of the errors.
var Errors = []Error{OwnError, PooledError, SeparateError}

// Methods of an estimate.
const (
	PairedT    = "paired t"
	OneSampleT = "one-sample t" // of a mean
	WelchT     = "Welch t"
	GroupedT   = "grouped Welch t" // of sums of cells that share replicates
	BoundedT   = "bounded Welch t" // with the largest possible covariance of cells that overlap
	PooledT    = "pooled t"
	None       = "none" // a value without interval
)

// Estimate is the answer to one contrast. NaN stands for numbers that cannot be
// computed.
type Estimate struct {
	Value  float64
	SE     float64 // standard error
	Low    float64 // of the confidence interval
	High   float64
	T      float64
	DF     float64
	P      float64     // two-sided
	Fewest float64     // the degrees of freedom of the smallest sample, where samples are independent; 0 otherwise
	N      int         // pairs
	Used   map[int]int // by index of the cell, the trials that it is based on
	Half   float64     // half the width of the interval
	Method string

	Dropped  bool // pairs were incomplete, and are not used
	Wide     bool // the standard error is larger than that of its method
	Constant bool // replicates do not differ by more than rounding: there is nothing to test against
}

// nothing is an estimate without interval.
func nothing(value float64) Estimate {
	nan := math.NaN()
	return Estimate{Value: value, SE: nan, Low: nan, High: nan, T: nan, DF: nan, P: nan, Half: nan, Method: None}
}

// Summary returns the size, the mean and the sample standard deviation of a cell that has
// values. The deviation is 0 for n = 1, and where it is no larger than rounding.
func Summary(c *design.Cell) (n int, mean, sd float64) {
	if len(c.Values) < 2 {
		return len(c.Values), c.Values[0], 0
	}
	mean, sd = stat.MeanStdDev(c.Values, nil)
	if sd <= noiseShare*largest(c) {
		sd = 0
	}
	return len(c.Values), mean, sd
}

// Model estimates the contrasts of a design under one model of the errors.
type Model struct {
	design     *design.Design
	errors     Error
	confidence float64
	fit        *fit // of PooledError; nil where it cannot be fitted
	shifts     shifts
}

// NewModel prepares estimates of a design.
func NewModel(d *design.Design, errors Error, confidence float64) *Model {
	m := &Model{design: d, errors: errors, confidence: confidence, shifts: make(shifts)}
	if errors == PooledError {
		if f, problem := leastSquares(d, completeCells(d)); problem == NoProblem {
			m.fit = f
		}
	}
	return m
}

// Contrast estimates a contrast of cells that have means.
//
// Under OwnError it is Student's t of the contrast of each replicate that all
// cells have, with n − 1 degrees of freedom. Without two such replicates, cells are
// independent samples, or groups of cells that share replicates are: Welch's t with
// Satterthwaite's degrees of freedom. A cell with one trial then gives a value without
// interval.
//
// A mean has no error in a model with replicates as blocks, so PooledError takes its own.
func (m *Model) Contrast(c design.Contrast) Estimate {
	switch {
	case m.errors == PooledError && m.fit != nil && !(c.Absolute() && m.design.Paired):
		return m.pooled(c)
	case m.errors != SeparateError && m.design.Paired:
		shared := common(c, m.design.Cells)
		if len(shared) >= 2 {
			return m.paired(c, shared)
		}
		return m.grouped(c)
	}
	return m.Welch(c)
}

// common lists the replicates that all cells of a contrast have.
func common(c design.Contrast, cells []*design.Cell) []int {
	involved := sortedKeys(c.Weights)
	if len(involved) == 0 {
		return nil
	}
	out := slices.Clone(cells[involved[0]].Replicates)
	for _, i := range involved[1:] {
		out = slices.DeleteFunc(out, func(r int) bool { _, ok := cells[i].Value(r); return !ok })
	}
	return out
}

func (m *Model) paired(c design.Contrast, replicates []int) Estimate {
	each := eachOf(c, m.design.Cells, replicates)
	sd := stat.StdDev(each, nil)
	e := nothing(combined(c, m.design.Cells, replicates))
	e.N, e.Method, e.Used = len(each), PairedT, make(map[int]int)
	if c.Absolute() {
		e.Method = OneSampleT
	}
	for i := range c.Weights {
		e.Used[i] = len(each)
		e.Dropped = e.Dropped || len(m.design.Cells[i].Values) > len(each)
	}
	n := float64(len(each))
	return e.with(sd/math.Sqrt(n), n-1, m.confidence, noise(c, m.design.Cells)/math.Sqrt(n))
}

// combined is the contrast of the means over some replicates.
func combined(c design.Contrast, cells []*design.Cell, replicates []int) float64 {
	value := -c.Minus
	for _, i := range sortedKeys(c.Weights) {
		_, mean, _ := Summary(cells[i].Only(replicates))
		value += c.Weights[i] * mean
	}
	return value
}

// eachOf is the contrast of each replicate.
func eachOf(c design.Contrast, cells []*design.Cell, replicates []int) []float64 {
	each := make([]float64, len(replicates))
	involved := sortedKeys(c.Weights)
	for j, r := range replicates {
		for _, i := range involved {
			v, _ := cells[i].Value(r)
			each[j] += c.Weights[i] * v
		}
		each[j] -= c.Minus
	}
	return each
}

// Welch estimates a contrast of cells as independent samples.
func (m *Model) Welch(c design.Contrast) Estimate {
	var value float64
	var variances, dfs []float64
	used := make(map[int]int)
	fewest := math.MaxInt
	for _, i := range sortedKeys(c.Weights) {
		n, mean, sd := Summary(m.design.Cells[i])
		w := c.Weights[i]
		value += w * mean
		variances, dfs = append(variances, w*w*sd*sd/float64(n)), append(dfs, float64(n-1))
		used[i] = n
		fewest = min(fewest, n)
	}
	e := nothing(value - c.Minus)
	e.Used = used
	if fewest < 2 {
		return e
	}
	e.Fewest = float64(fewest - 1)
	e.Method = WelchT
	if len(c.Weights) == 1 {
		e.Method = OneSampleT
	}
	variance, df := satterthwaite(variances, dfs)
	return e.with(math.Sqrt(variance), df, m.confidence, noise(c, m.design.Cells))
}

// satterthwaite is the variance of a sum of independent means, and its degrees of freedom.
// They follow from the shares of the variance: squares of variances would overflow.
func satterthwaite(variances, dfs []float64) (variance, df float64) {
	variance = floats.Sum(variances)
	sum := 0.0
	for i, v := range variances {
		share := v / variance
		sum += share * share / dfs[i]
	}
	return variance, 1 / sum
}

func (m *Model) pooled(c design.Contrast) Estimate {
	value, unscaled := m.fit.contrast(c.Weights)
	e := nothing(value - c.Minus)
	e.Method, e.Used = PooledT, make(map[int]int)
	for i := range c.Weights {
		e.Used[i] = len(m.design.Cells[i].Values)
	}
	if m.fit.df < 1 {
		e.Method = None
		return e
	}
	se := math.Sqrt(m.fit.rss / m.fit.df * unscaled)
	return e.with(se, m.fit.df, m.confidence, m.fit.noise*math.Sqrt(unscaled))
}

// noiseShare is the share of a response below which differences are rounding: a
// sum of a few hundred numbers of 64 bits is exact to about 1e-14 of the
// largest.
const noiseShare = 1e-13

// noise is the spread of a contrast that rounding alone can make.
func noise(c design.Contrast, cells []*design.Cell) float64 {
	size := math.Abs(c.Minus)
	for i, w := range c.Weights {
		size = max(size, math.Abs(w)*largest(cells[i]))
	}
	return noiseShare * size
}

func largest(c *design.Cell) float64 {
	size := 0.0
	for _, v := range c.Values {
		size = max(size, math.Abs(v))
	}
	return size
}

// with computes the interval and the test from a standard error. An error no
// larger than rounding is no estimate of anything: there is neither interval nor
// test then. This is the rule for all degenerate variances.
func (e Estimate) with(se, df, confidence, rounding float64) Estimate {
	if math.Abs(e.Value) <= rounding {
		e.Value = 0
	}
	switch {
	case !(se > rounding):
		e.Constant, e.Method = true, None
		return e
	case math.IsInf(se, 1): // squares that overflow
		e.Method = None
		return e
	}
	e.SE, e.DF = se, df
	e.Half = quantileT(0.5+confidence/2, df) * se
	e.Low, e.High = e.Value-e.Half, e.Value+e.Half
	e.T = e.Value / se
	e.P = tailsT(e.T, df)
	return e
}

// Point is the estimate without its interval and test. method says why.
func (e Estimate) Point(method string) Estimate {
	out := nothing(e.Value)
	out.N, out.Used, out.Dropped, out.Method = e.N, e.Used, e.Dropped, method
	return out
}

// Widened is the estimate from so many replicates of tuned cells whose choice is uncertain.
func (e Estimate) Widened(replicates int, confidence float64) Estimate {
	if math.IsNaN(e.SE) {
		return e
	}
	e.Wide = true
	return e.with(Widening(float64(replicates))*e.SE, e.DF, confidence, 0)
}

// Widening is how much larger the standard error of tuned cells is if the choice is part of
// it: what simulated cells with up to 20 equal settings need.
func Widening(replicates float64) float64 { return 1.3 * math.Pow(replicates, 0.2) }

// cautious is the estimate as it is adjusted. Satterthwaite's degrees of freedom are
// estimated, and are too many where they matter most: if a small sample happens to vary
// little. There are then no more than the smallest sample has, which is on the safe side.
func (e Estimate) cautious() Estimate {
	if e.Fewest == 0 || math.IsNaN(e.P) || e.DF <= e.Fewest {
		return e
	}
	e.DF = e.Fewest
	e.P = tailsT(e.T, e.DF)
	return e
}

// Interval is the confidence interval at another confidence.
func (e Estimate) Interval(confidence float64) (low, high float64) {
	half := quantileT(0.5+confidence/2, e.DF) * e.SE
	return e.Value - half, e.Value + half
}

func quantileT(p, df float64) float64 {
	if df >= 1e4 { // where gonum is far off for p close to 1, by Cornish and Fisher's expansion
		z := distuv.UnitNormal.Quantile(p)
		return z + z*(z*z+1)/(4*df) + z*(5*z*z*z*z+16*z*z+3)/(96*df*df)
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile(p)
}

// tailsT is the probability that |T| with df degrees of freedom exceeds |t|.
// One less the distribution would lose the digits of small probabilities.
func tailsT(t, df float64) float64 { return mathext.RegIncBeta(df/2, 0.5, df/(df+t*t)) }

// upperT is the probability that T exceeds t.
func upperT(t, df float64) float64 {
	if half := tailsT(t, df) / 2; t > 0 {
		return half
	} else {
		return 1 - half
	}
}

// tailF is the probability that F with d1 and d2 degrees of freedom exceeds f.
func tailF(f, d1, d2 float64) float64 { return mathext.RegIncBeta(d2/2, d1/2, d2/(d2+d1*f)) }

// completeCells lists the cells that have means.
func completeCells(d *design.Design) []int {
	var out []int
	for i, c := range d.Cells {
		if c.Complete() {
			out = append(out, i)
		}
	}
	return out
}

func sortedKeys[V any](m map[int]V) []int { return slices.Sorted(maps.Keys(m)) }
