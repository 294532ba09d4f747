package estimate

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// added is the sum of squares of type II: what a term adds to the model of all
// terms that do not contain it. Replicates are in every model where they are
// paired.
func (d anova) added(term uint) float64 {
	without := func(s uint) bool { return s&term != term }
	return d.residual(without) - d.residual(func(s uint) bool { return without(s) || s == term })
}

// residual is the sum of squares that a model of some terms leaves, by least
// squares on sum-to-zero columns.
func (d anova) residual(keep func(term uint) bool) float64 {
	var y []float64
	var levels [][]int
	var replicates []int
	for _, c := range d.Cells {
		for j, v := range c.Values {
			y, levels, replicates = append(y, v), append(levels, c.Levels), append(replicates, c.Replicates[j])
		}
	}
	columns := [][]float64{ones(len(y))}
	for _, t := range d.terms() {
		if keep(t) {
			columns = append(columns, d.columns(t, levels)...)
		}
	}
	if d.Paired {
		columns = append(columns, blockColumns(replicates)...)
	}
	x := mat.NewDense(len(y), len(columns), nil)
	for j, c := range columns {
		x.SetCol(j, c)
	}
	var qr mat.QR
	qr.Factorize(x)
	var beta, fit mat.VecDense
	target := mat.NewVecDense(len(y), y)
	if err := qr.SolveVecTo(&beta, false, target); err != nil {
		return math.NaN()
	}
	fit.MulVec(x, &beta)
	fit.SubVec(target, &fit)
	return mat.Dot(&fit, &fit)
}

// columns are those of one term.
func (d anova) columns(term uint, levels [][]int) [][]float64 {
	out := [][]float64{ones(len(levels))}
	for k, i := range d.compared {
		if term>>k&1 == 0 {
			continue
		}
		f := d.Factors[i]
		var next [][]float64
		for _, col := range out {
			for l := range len(f.Levels) - 1 {
				c := make([]float64, len(levels))
				for r := range c {
					switch levels[r][i] {
					case l:
						c[r] = col[r]
					case len(f.Levels) - 1:
						c[r] = -col[r]
					}
				}
				next = append(next, c)
			}
		}
		out = next
	}
	return out
}

// blockColumns mark all replicates but the first.
func blockColumns(replicates []int) [][]float64 {
	index := make(map[int]int)
	for _, r := range replicates {
		if _, ok := index[r]; !ok {
			index[r] = len(index)
		}
	}
	out := make([][]float64, len(index)-1)
	for j := range out {
		out[j] = make([]float64, len(replicates))
	}
	for i, r := range replicates {
		if j := index[r]; j > 0 {
			out[j-1][i] = 1
		}
	}
	return out
}

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}
