package estimate

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Plan is a study that has not been run: the standard error that a contrast will
// have, and its degrees of freedom.
type Plan struct{ SE, DF float64 }

// Half is half the width of the confidence interval at the planned standard error.
func (p Plan) Half(confidence float64) float64 { return quantileT(0.5+confidence/2, p.DF) * p.SE }

// Power is the probability that a two-sided t test at level alpha finds an effect.
func (p Plan) Power(effect, alpha float64) float64 {
	critical := quantileT(1-alpha/2, p.DF)
	t, shift := newNoncentral(p.DF), effect/p.SE
	return probability(1 - t.cdf(critical, shift) + t.cdf(-critical, shift))
}

// EquivalencePower is the probability that two one-sided t tests at level alpha
// find a true difference of 0 within ±margin.
func (p Plan) EquivalencePower(margin, alpha float64) float64 {
	critical := quantileT(1-alpha, p.DF)
	shift := margin / p.SE
	// A larger estimated error rejects nothing.
	return probability(newNoncentral(p.DF).average(0, shift/critical, func(s float64) float64 { return 2*distuv.UnitNormal.CDF(shift-critical*s) - 1 }))
}

// NotWorsePower is the probability that a one-sided t test at level alpha finds a
// true difference of 0 on the right side of margin.
func (p Plan) NotWorsePower(margin, alpha float64) float64 {
	return probability(1 - newNoncentral(p.DF).cdf(quantileT(1-alpha, p.DF), margin/p.SE))
}

// UpperSD is the factor by which a true standard deviation exceeds its estimate at
// most, with the given confidence.
func UpperSD(df, confidence float64) float64 {
	return math.Sqrt(df / distuv.ChiSquared{K: df}.Quantile(1-confidence))
}

// probability removes what rounding adds.
func probability(p float64) float64 { return min(1, max(0, p)) }
