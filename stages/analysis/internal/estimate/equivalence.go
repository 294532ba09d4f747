package estimate

import "math"

// Equivalence is two one-sided tests against a margin.
type Equivalence struct {
	P         float64 // the larger of both; of one test where only one is asked for
	Low, High float64 // the interval at confidence 1 − 2α
}

// Equivalent tests that a contrast is within ±margin.
func (e Estimate) Equivalent(margin, alpha float64) Equivalence {
	out := e.NotAbove(margin, alpha)
	out.P = max(out.P, upperT((e.Value+margin)/e.SE, e.DF))
	return out
}

// NotAbove tests that a contrast is below margin.
func (e Estimate) NotAbove(margin, alpha float64) Equivalence {
	low, high := e.Interval(1 - 2*alpha)
	return Equivalence{P: upperT((margin-e.Value)/e.SE, e.DF), Low: low, High: high}
}

// NotBelow tests that a contrast is above −margin.
func (e Estimate) NotBelow(margin, alpha float64) Equivalence {
	low, high := e.Interval(1 - 2*alpha)
	return Equivalence{P: upperT((e.Value+margin)/e.SE, e.DF), Low: low, High: high}
}

// Tested is an equivalence test with its numbers adjusted in its family; NaN
// without a test.
type Tested struct {
	Equivalence
	Holm, Bonferroni          float64
	LowAdjusted, HighAdjusted float64
}

// Equivalences tests the members of a family and adjusts them for their number.
func (f *Family) Equivalences(test func(Estimate) Equivalence, alpha float64) []Tested {
	nan := math.NaN()
	out := make([]Tested, len(f.estimates))
	p := make([]float64, len(out))
	size := float64(f.Size())
	for i, e := range f.estimates {
		out[i] = Tested{Equivalence{nan, nan, nan}, nan, nan, nan, nan}
		p[i] = nan
		if math.IsNaN(e.P) {
			continue
		}
		out[i].Equivalence = test(e)
		e = e.cautious()
		adjusted := max(out[i].P, test(e).P) // fewer degrees of freedom make a large p smaller
		out[i].LowAdjusted, out[i].HighAdjusted = e.Interval(1 - 2*alpha/size)
		out[i].Bonferroni = min(1, size*adjusted)
		if f.same[i] == i {
			p[i] = adjusted
		}
	}
	for i, v := range Holm(p) {
		if f.same[i] == i {
			out[i].Holm = v
		}
	}
	for i, first := range f.same {
		out[i].Holm = out[first].Holm
	}
	return out
}
