package estimate

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/stat/distuv"
)

// wantedPower is the share of studies in which the smallest detectable effect is
// found.
const wantedPower = 0.8

// Detectable is the smallest effect that a two-sided test with this standard
// error finds in four of five studies, by the noncentral t distribution. low and
// high are the same at the ends of the confidence interval of the standard error.
func Detectable(se, df, confidence float64) (effect, low, high float64) {
	critical := quantileT(0.5+confidence/2, df)
	a, b := 0.0, 4*(critical+1)
	for range 60 {
		if middle := (a + b) / 2; powerT(critical, df, middle) < wantedPower {
			a = middle
		} else {
			b = middle
		}
	}
	chi := distuv.ChiSquared{K: df}
	effect = b * se
	return effect, effect * math.Sqrt(df/chi.Quantile(0.5+confidence/2)), effect * math.Sqrt(df/chi.Quantile(0.5-confidence/2))
}

// powerT is the power of a two-sided t test against an effect in standard errors.
func powerT(critical, df, effect float64) float64 {
	return 1 - noncentralT(critical, df, effect) + noncentralT(-critical, df, effect)
}

// noncentralT is the probability that (Z + shift) / √(V/df) is at most t, with V
// of a χ² distribution: Φ(t·√(v/df) − shift) averaged over v. The integral is
// taken over the quantiles of V, which is smooth for all degrees of freedom.
func noncentralT(t, df, shift float64) float64 {
	chi := distuv.ChiSquared{K: df}
	phi := distuv.UnitNormal
	low, high := math.Sqrt(chi.Quantile(1e-14)), math.Sqrt(chi.Quantile(1-1e-14))
	const points = 200
	return quad.Fixed(func(s float64) float64 {
		return phi.CDF(t*s/math.Sqrt(df)-shift) * chi.Prob(s*s) * 2 * s
	}, low, high, points, nil, 0)
}
