package estimate

import (
	"cmp"
	"math"
	"slices"

	"ablate/stages/analysis/internal/design"
)

// Family adjusts the tests and intervals of contrasts that are read together.
// The same contrast counts once, whatever it is called; a contrast without a test
// does not count.
type Family struct {
	contrasts []design.Contrast
	estimates []Estimate
	same      []int // the first member that is the same hypothesis
	directed  bool  // tests have one side, so a contrast is not its mirror image
}

// Directed is the family for tests of one side. A two-sided test asks of a − b what it
// asks of b − a; that a is not worse than b is another hypothesis than the reverse.
func (f *Family) Directed() *Family {
	out := &Family{directed: true}
	for i, c := range f.contrasts {
		out.Add(c, f.estimates[i])
	}
	return out
}

// Add adds a member. An estimate without a test has a NaN as its p.
func (f *Family) Add(c design.Contrast, e Estimate) {
	i := slices.IndexFunc(f.contrasts, func(x design.Contrast) bool { return sameHypothesis(x, c, f.directed) })
	if i < 0 {
		i = len(f.contrasts)
	}
	f.contrasts, f.estimates, f.same = append(f.contrasts, c), append(f.estimates, e), append(f.same, i)
}

// sameHypothesis reports whether two contrasts are the same, up to their sign unless tests
// are directed.
func sameHypothesis(a, b design.Contrast, directed bool) bool {
	if len(a.Weights) != len(b.Weights) {
		return false
	}
	const tolerance = 1e-12
	plus, minus := a.Minus == b.Minus, !directed && a.Minus == -b.Minus
	for i, w := range a.Weights {
		v, ok := b.Weights[i]
		if !ok {
			return false
		}
		plus = plus && math.Abs(w-v) <= tolerance
		minus = minus && math.Abs(w+v) <= tolerance
		if !plus && !minus {
			return false
		}
	}
	return plus || minus
}

// Size is the number of different hypotheses that are tested.
func (f *Family) Size() int {
	n := 0
	for i, first := range f.same {
		if i == first && !math.IsNaN(f.estimates[i].P) {
			n++
		}
	}
	return n
}

// Adjusted is a member's adjusted numbers; NaN without a test.
type Adjusted struct {
	Holm       float64 // p by Holm's step-down rule
	Bonferroni float64 // p times the size of the family
	Low, High  float64 // an interval that holds for all members at once, by Bonferroni
	Detectable float64 // the smallest effect that this interval tells from 0 in four of five studies
}

// Adjust computes the adjusted numbers of all members.
func (f *Family) Adjust(confidence float64) []Adjusted { return AdjustTogether(confidence, f)[0] }

// AdjustTogether adjusts the members of several families as one.
func AdjustTogether(confidence float64, families ...*Family) [][]Adjusted {
	size := 0.0
	var p []float64
	for _, f := range families {
		size += float64(f.Size())
	}
	for _, f := range families {
		p = append(p, f.hypotheses()...)
	}
	holm := Holm(p)
	out := make([][]Adjusted, len(families))
	for k, f := range families {
		out[k] = f.adjusted(holm[:len(f.same)], size, confidence)
		holm = holm[len(f.same):]
	}
	return out
}

// hypotheses is the p of each member; NaN for one that is tested before.
func (f *Family) hypotheses() []float64 {
	p := make([]float64, len(f.same))
	for i, first := range f.same {
		p[i] = math.NaN()
		if i == first {
			p[i] = f.estimates[i].cautious().P
		}
	}
	return p
}

func (f *Family) adjusted(holm []float64, size, confidence float64) []Adjusted {
	known := make(shifts)
	out := make([]Adjusted, len(f.same))
	for i, first := range f.same {
		out[i] = f.estimates[i].among(size, confidence, known)
		out[i].Holm = holm[first]
	}
	return out
}

// Among adjusts an estimate for so many hypotheses by Bonferroni's rule alone.
func (e Estimate) Among(size int, confidence float64) Adjusted {
	return e.among(float64(size), confidence, make(shifts))
}

func (e Estimate) among(size, confidence float64, known shifts) Adjusted {
	nan := math.NaN()
	out := Adjusted{nan, nan, nan, nan, nan}
	if math.IsNaN(e.P) {
		return out
	}
	e = e.cautious()
	confidence = 1 - (1-confidence)/size
	out.Bonferroni = min(1, size*e.P)
	out.Low, out.High = e.Interval(confidence)
	out.Detectable = known.of(e.DF, confidence) * e.SE
	return out
}

// Holm adjusts p-values for their number by Holm's step-down rule. NaN stays,
// and does not count.
func Holm(p []float64) []float64 {
	order := make([]int, 0, len(p))
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := slices.Clone(p)
	highest := 0.0
	for rank, i := range order {
		highest = max(highest, min(1, float64(len(order)-rank)*p[i]))
		out[i] = highest
	}
	return out
}
