package estimate

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"ablate/stages/analysis/internal/design"
)

// Ratio is a ratio of two gaps with its interval; NaN for what cannot be
// computed. Why says what is missing, "" for nothing.
type Ratio struct {
	Value, Low, High float64
	N                int
	Dropped          bool // some trials are of incomplete replicates, and are not used
	Why              RatioProblem
}

// RatioProblem is a reason why a ratio has no value or no interval.
type RatioProblem int

// Reasons why a ratio is incomplete.
const (
	RatioComplete  RatioProblem = iota
	RatioDiverged               // some trials of a cell diverged
	RatioNoGap                  // the denominator is zero
	RatioOneTrial               // a cell has one trial
	RatioUnbounded              // the denominator may be zero, so the interval has no bounds
	RatioConstant               // replicates do not differ by more than rounding
)

// Fieller is the share (lost − x) / (lost − base) of means with Fieller's
// interval. It is paired over the replicates that all three cells have. Cells without two
// common replicates are independent, except for two of them that have the same replicates, and the
// degrees of freedom are those of the smallest cell. A gap no larger than rounding is none, and an error no
// larger than rounding gives no interval, as in Estimate.with.
func Fieller(lost, x, base *design.Cell, confidence float64) Ratio {
	nan := math.NaN()
	out := Ratio{Value: nan, Low: nan, High: nan}
	for _, c := range []*design.Cell{lost, x, base} {
		if !c.Complete() {
			out.Why = RatioDiverged
			return out
		}
	}
	shared := slices.DeleteFunc(slices.Clone(lost.Replicates), func(r int) bool {
		_, ofX := x.Value(r)
		_, ofBase := base.Value(r)
		return !ofX || !ofBase
	})
	paired := len(shared) >= 2
	if paired {
		out.Dropped = max(len(lost.Values), len(x.Values), len(base.Values)) > len(shared)
		lost, x, base = lost.Only(shared), x.Only(shared), base.Only(shared)
	}
	nLost, meanLost, sdLost := Summary(lost)
	nX, meanX, sdX := Summary(x)
	nBase, meanBase, sdBase := Summary(base)
	a, b := meanLost-meanX, meanLost-meanBase
	rounding := noiseShare * max(largest(lost), largest(x), largest(base))
	if math.Abs(b) <= rounding {
		out.Why = RatioNoGap
		return out
	}
	out.Value, out.N = a/b, min(nLost, nX, nBase)
	if out.N < 2 {
		out.Why = RatioOneTrial
		return out
	}
	var vaa, vbb, vab, inner float64 // inner is the variance of a − a/b · b
	if paired {
		as, bs, differences := make([]float64, nLost), make([]float64, nLost), make([]float64, nLost)
		for i, r := range lost.Replicates {
			ofX, _ := x.Value(r)
			ofBase, _ := base.Value(r)
			as[i], bs[i] = lost.Values[i]-ofX, lost.Values[i]-ofBase
			differences[i] = as[i] - out.Value*bs[i]
		}
		n := float64(nLost)
		vaa, vbb, vab = stat.Variance(as, nil)/n, stat.Variance(bs, nil)/n, stat.Covariance(as, bs, nil)/n
		inner = stat.Variance(differences, nil) / n // a sum of the others would lose its digits
	} else {
		varLost, withX, withBase := sdLost*sdLost/float64(nLost), covarianceOfMeans(lost, x), covarianceOfMeans(lost, base)
		vaa, vbb = varLost+sdX*sdX/float64(nX)-2*withX, varLost+sdBase*sdBase/float64(nBase)-2*withBase
		vab = varLost - withX - withBase + covarianceOfMeans(x, base)
		inner = vaa - 2*out.Value*vab + out.Value*out.Value*vbb
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(out.N - 1)}.Quantile(0.5 + confidence/2)
	g := t * t * vbb / (b * b)
	if g >= 1 {
		out.Why = RatioUnbounded
		return out
	}
	if least := rounding / math.Sqrt(float64(out.N)) * max(1, math.Abs(out.Value)); !(inner > least*least) {
		out.Why = RatioConstant
		return out
	}
	centre, half := out.Value, t/math.Abs(b)*math.Sqrt(max(0, inner))
	if vbb > 0 {
		centre = (out.Value - g*vab/vbb) / (1 - g)
		half = t / (math.Abs(b) * (1 - g)) * math.Sqrt(max(0, inner-g*(vaa-vab*vab/vbb)))
	}
	out.Low, out.High = centre-half, centre+half
	return out
}

// Methods of a slope where no two replicates have all doses.
const (
	LeastSquares = "least squares"             // of trials that are independent, or of one replicate
	WithinT      = "t of slopes in replicates" // of those that have several doses
)

// Fit is the slope of the least-squares line through points. ok is false with fewer
// than three points or two values of x.
func Fit(x, y []float64, confidence float64) (e Estimate, ok bool) {
	if len(x) < 3 || slices.Min(x) == slices.Max(x) {
		return Estimate{}, false
	}
	slope, rss, sxx := line(x, y)
	size := 0.0
	for _, v := range y {
		size = max(size, math.Abs(v))
	}
	df := float64(len(x) - 2)
	e = nothing(slope)
	e.Method = LeastSquares
	return e.with(math.Sqrt(rss/df/sxx), df, confidence, noiseShare*size/math.Sqrt(sxx)), true
}

// line is the slope of the least-squares line, the sum of squares about it, and that of x
// about its mean.
func line(x, y []float64) (slope, rss, sxx float64) {
	x = centred(x)
	intercept, slope := stat.LinearRegression(x, y, nil, false)
	for i := range x {
		d := y[i] - intercept - slope*x[i]
		rss += d * d
	}
	return slope, rss, floats.Dot(x, x)
}

// FitWithin is the mean of the slopes of replicates that have trials at several doses, with
// Student's t, and their number. Replicates may have different doses: what the trials of
// one share says nothing about the slope, and its own slope is free of it. If there is one
// such replicate, its slope is that of Fit. ok is false without any.
func FitWithin(x, y [][]float64, confidence float64) (e Estimate, n int, ok bool) {
	var slopes []float64
	rounding, last := 0.0, 0
	for i := range x {
		if len(x[i]) < 2 || slices.Min(x[i]) == slices.Max(x[i]) {
			continue
		}
		slope, _, sxx := line(x[i], y[i])
		slopes, last = append(slopes, slope), i
		for _, v := range y[i] {
			rounding = max(rounding, noiseShare*math.Abs(v)/math.Sqrt(sxx))
		}
	}
	n = len(slopes)
	switch n {
	case 0:
		return Estimate{}, 0, false
	case 1:
		if e, ok = Fit(x[last], y[last], confidence); !ok {
			e = nothing(slopes[0])
		}
		return e, 1, true
	}
	mean, sd := stat.MeanStdDev(slopes, nil)
	e = nothing(mean)
	e.N, e.Method = n, WithinT
	root := math.Sqrt(float64(n))
	return e.with(sd/root, float64(n-1), confidence, rounding/root), n, true
}

// Slope is the slope of the least-squares line through the means of cells as a
// contrast. ok is false with fewer than two values of x.
func Slope(cells []int, x []float64) (c design.Contrast, ok bool) {
	if len(x) < 2 {
		return design.Contrast{}, false
	}
	from := centred(x)
	sxx := floats.Dot(from, from)
	if sxx == 0 {
		return design.Contrast{}, false
	}
	c.Weights = make(map[int]float64, len(cells))
	for k, i := range cells {
		if w := from[k] / sxx; w != 0 {
			c.Weights[i] = w
		}
	}
	return c, true
}

// centred is x less its mean. The first value is taken off before: values that differ
// little from each other beside their size then keep their digits.
func centred(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - x[0]
	}
	mean := stat.Mean(out, nil)
	for i := range out {
		out[i] -= mean
	}
	return out
}

// covarianceOfMeans is that of the means of two cells: 0 unless they have the same replicates.
func covarianceOfMeans(a, b *design.Cell) float64 {
	others := make([]float64, 0, len(a.Values))
	for _, r := range a.Replicates {
		if v, ok := b.Value(r); ok {
			others = append(others, v)
		}
	}
	if len(others) != len(a.Values) || len(others) != len(b.Values) {
		return 0
	}
	return stat.Covariance(a.Values, others, nil) / float64(len(others))
}
