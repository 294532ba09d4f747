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

// noncentral is the distribution of (Z + shift) / s, with s = √(V/df) and V of a χ²
// distribution: its distribution function is Φ(t·s − shift), averaged over s.
type noncentral struct {
	chi         distuv.ChiSquared
	least, most float64   // nearly all values of s are between these
	logScale    float64   // of the density of s
	at, weights []float64 // of an integral from −1 to 1
}

func newNoncentral(df float64) noncentral {
	const points = 200
	const rest = 1e-14 // of the probability, at each end
	chi := distuv.ChiSquared{K: df}
	half, _ := math.Lgamma(df / 2)
	n := noncentral{chi, math.Sqrt(chi.Quantile(rest) / df), math.Sqrt(chi.Quantile(1-rest) / df),
		math.Ln2 + df/2*math.Log(df/2) - half, make([]float64, points), make([]float64, points)}
	quad.Legendre{}.FixedLocations(n.at, n.weights, -1, 1)
	return n
}

// cdf is the probability of at most t.
func (n noncentral) cdf(t, shift float64) float64 {
	// Φ is neither 0 nor 1 between low and high, which are close to each other for a large t.
	const far = 8.5
	low, high := (shift-math.Copysign(far, t))/t, (shift+math.Copysign(far, t))/t
	sum := n.average(low, high, func(s float64) float64 { return distuv.UnitNormal.CDF(t*s - shift) })
	if t < 0 {
		return sum + n.chi.CDF(n.chi.K*square(max(0, low)))
	}
	return sum + n.chi.Survival(n.chi.K*square(max(0, high)))
}

func square(v float64) float64 { return v * v }

// average is the integral of a function of s over its distribution between two bounds.
func (n noncentral) average(low, high float64, f func(s float64) float64) float64 {
	low, high = max(low, n.least), min(high, n.most)
	if !(low < high) {
		return 0
	}
	sum, centre, half := 0.0, (low+high)/2, (high-low)/2
	for i, x := range n.at {
		s := centre + half*x
		sum += n.weights[i] * f(s) * math.Exp(n.logScale+(n.chi.K-1)*math.Log(s)-n.chi.K/2*s*s)
	}
	return half * sum
}
