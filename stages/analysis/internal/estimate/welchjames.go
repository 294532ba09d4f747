package estimate

import (
	"gonum.org/v1/gonum/mat"

	"ablate/stages/answer"
)

// separate tests every term with a variance of its own for each cell, by the
// approximation of Welch, James and Johansen (1980). It is Welch's t² for an
// effect with one degree of freedom. There are no sums of squares.
func (d anova) separate() ([]answer.Anova, string, Problem) {
	k := len(d.Cells)
	means, variances := mat.NewDense(k, 1, nil), mat.NewDense(k, k, nil)
	noise := 0.0
	for i, c := range d.Cells {
		n, mean, sd := Summary(c)
		if n < 2 {
			return nil, "", OneTrialEach
		}
		means.Set(i, 0, mean)
		variances.Set(i, i, sd*sd/float64(n))
		noise = max(noise, noiseShare*largest(c))
	}
	var lines []answer.Anova
	for _, t := range d.terms() {
		l := answer.Anova{Name: d.name(t), DF: d.df(t), Error: "separate"}
		if f, df, ok := d.johansen(d.hypothesis(t), means, variances, noise); ok {
			l.F, l.P, l.ErrorDF = answer.Finite(f), answer.Finite(tailF(f, l.DF, df)), answer.Finite(df)
		}
		lines = append(lines, l)
	}
	for _, l := range lines {
		if l.F != nil {
			return lines, "a variance for each cell, Welch-James", NoProblem
		}
	}
	return nil, "", NoVariation
}

// johansen is Johansen's F and its second degrees of freedom.
func (d anova) johansen(l, means, variances *mat.Dense, noise float64) (f, df float64, ok bool) {
	q, k := l.Dims()
	var half, spread, value, inverse mat.Dense
	half.Mul(l, variances)
	spread.Mul(&half, l.T())
	for i := range q {
		if !(spread.At(i, i) > noise*noise) {
			return 0, 0, false
		}
	}
	if err := inverse.Inverse(&spread); err != nil {
		return 0, 0, false
	}
	value.Mul(l, means)
	var scaled, statistic mat.Dense
	scaled.Mul(&inverse, &value)
	statistic.Mul(value.T(), &scaled)
	// The share of each cell in the variance of the hypothesis.
	var weights, shares, p mat.Dense
	weights.Mul(variances, l.T())
	shares.Mul(&weights, &inverse)
	p.Mul(&shares, l) // k × k
	a := 0.0
	for j := range k {
		// tr of P Q_j, and of its square, where Q_j keeps column j.
		v := p.At(j, j)
		a += (v*v + v*v) / float64(len(d.Cells[j].Values)-1)
	}
	a /= 2
	size := float64(q)
	c := size + 2*a - 6*a/(size+2)
	return statistic.At(0, 0) / c, size * (size + 2) / (3 * a), true
}
