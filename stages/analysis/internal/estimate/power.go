package estimate

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/stat/distuv"
)

// wantedPower is the share of studies in which the smallest detectable effect is
// found.
const wantedPower = 0.8

// Detectable is the smallest effect that a two-sided test with the standard error
// of e finds in four of five studies, by the noncentral t distribution. low and
// high are the same at the ends of the confidence interval of the standard error.
func (m *Model) Detectable(e Estimate) (effect, low, high float64) {
	shift := m.shifts.of(e.DF, m.confidence)
	chi := distuv.ChiSquared{K: e.DF}
	effect = shift * e.SE
	return effect, effect * math.Sqrt(e.DF/chi.Quantile(0.5+m.confidence/2)), effect * math.Sqrt(e.DF/chi.Quantile(0.5-m.confidence/2))
}

// shifts remembers the smallest detectable effects in standard errors, by degrees of
// freedom and confidence.
type shifts map[[2]float64]float64

func (s shifts) of(df, confidence float64) float64 {
	key := [2]float64{df, confidence}
	shift, ok := s[key]
	if !ok {
		shift = detectableShift(df, confidence)
		s[key] = shift
	}
	return shift
}

// detectableShift is the smallest detectable effect in standard errors: the root of
// power − wantedPower, which rises with the shift, by false position. An end that stays
// twice counts half (Illinois), so that both ends move.
func detectableShift(df, confidence float64) float64 {
	critical := quantileT(0.5+confidence/2, df)
	t := newNoncentral(df)
	excess := func(shift float64) float64 { return 1 - wantedPower - t.cdf(critical, shift) + t.cdf(-critical, shift) }
	low, high := 0.0, 4*(critical+1)
	atLow, atHigh := excess(low), excess(high)
	side := 0
	for high-low > 1e-12*high {
		x := (low*atHigh - high*atLow) / (atHigh - atLow)
		v := excess(x)
		if math.Abs(v) < 1e-13 || !(low < x && x < high) {
			return x
		}
		if v < 0 {
			low, atLow = x, v
			if side < 0 {
				atHigh /= 2
			}
			side = -1
			continue
		}
		high, atHigh = x, v
		if side > 0 {
			atLow /= 2
		}
		side = 1
	}
	return high
}

// noncentral is the distribution of (Z + shift) / √(V/df), with V of a χ²
// distribution: its distribution function is Φ(t·√(v/df) − shift), averaged over v
// at fixed nodes.
type noncentral struct{ scales, weights []float64 }

func newNoncentral(df float64) noncentral { return noncentralBelow(df, math.Inf(1)) }

// noncentralBelow leaves out the part of the distribution where √(V/df) exceeds
// most.
func noncentralBelow(df, most float64) noncentral {
	const points = 200
	const rest = 1e-14 // of the probability, at each end
	chi := distuv.ChiSquared{K: df}
	least := math.Sqrt(chi.Quantile(rest))
	most = max(least, min(math.Sqrt(chi.Quantile(1-rest)), most*math.Sqrt(df)))
	n := noncentral{make([]float64, points), make([]float64, points)}
	quad.Legendre{}.FixedLocations(n.scales, n.weights, least, most)
	for i, s := range n.scales {
		n.weights[i] *= chi.Prob(s*s) * 2 * s
		n.scales[i] = s / math.Sqrt(df)
	}
	return n
}

// cdf is the probability of at most t.
func (n noncentral) cdf(t, shift float64) float64 {
	sum := 0.0
	for i, s := range n.scales {
		sum += n.weights[i] * distuv.UnitNormal.CDF(t*s-shift)
	}
	return sum
}
