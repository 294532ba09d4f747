package estimate

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/answer"
)

// model is a design with what the analysis of variance computes from it.
type model struct{ *design.Design }

func valueOf(c *design.Cell, r int) float64 {
	v, _ := c.Value(r)
	return v
}

// Anova splits the variance of a complete design. Paired replicates are a
// block; a balanced design without pairs is classical; in an unbalanced one
// each term is what it adds to all terms that do not contain it (type II). why
// says why there is none.
func Anova(d *design.Design) (lines []answer.Anova, method, why string) {
	cells := 1
	for _, f := range d.Factors {
		cells *= len(f.Levels)
	}
	if len(d.Factors) == 0 {
		return nil, "", "there is no factor"
	}
	if len(d.Cells) != cells {
		return nil, "", "some cells have no trial"
	}
	n, total, balanced, paired := len(d.Cells[0].Replicates), 0, true, true
	for _, c := range d.Cells {
		if !c.Complete() {
			return nil, "", "some trials diverged"
		}
		balanced = balanced && len(c.Replicates) == n
		paired = paired && sameSet(d.Cells[0].Replicates, c.Replicates)
		total += len(c.Replicates)
	}
	switch {
	case total == cells:
		return nil, "", "every cell has one trial"
	case paired && n > 1 && d.Paired:
		return model{d}.balanced(true), "replicates as blocks", ""
	case balanced:
		return model{d}.balanced(false), "classical, balanced", ""
	}
	return model{d}.typeII(), "classical, type II", ""
}

// terms lists all sets of factors as bit masks, small ones first.
func (d model) terms() []uint {
	var out []uint
	k := len(d.Factors)
	for size := 1; size <= k; size++ {
		for m := uint(1); m < 1<<k; m++ {
			if bits.OnesCount(m) == size {
				out = append(out, m)
			}
		}
	}
	return out
}

func (d model) termName(m uint) string {
	var names []string
	for i, f := range d.Factors {
		if m>>i&1 == 1 {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ":")
}

func (d model) termDF(m uint) float64 {
	df := 1
	for i, f := range d.Factors {
		if m>>i&1 == 1 {
			df *= len(f.Levels) - 1
		}
	}
	return float64(df)
}

// combination numbers a cell's levels of the factors in a mask.
func (d model) combination(m uint, levels []int) int {
	id := 0
	for i, f := range d.Factors {
		if m>>i&1 == 1 {
			id = id*len(f.Levels) + levels[i]
		}
	}
	return id
}

// marginal returns the mean of the cells' means for each combination of the
// factors in a mask. In a balanced design these are the means of the trials.
func (d model) marginal(m uint) map[int]float64 {
	sum, n := make(map[int]float64), make(map[int]float64)
	for _, c := range d.Cells {
		_, mean, _ := Summary(c)
		id := d.combination(m, c.Levels)
		sum[id] += mean
		n[id]++
	}
	for id := range sum {
		sum[id] /= n[id]
	}
	return sum
}

// balanced splits the sums of squares by means: each term's effect is its
// marginal mean less the effects of all terms within it.
func (d model) balanced(blocks bool) []answer.Anova {
	n := float64(len(d.Cells[0].Replicates))
	margins := make(map[uint]map[int]float64)
	for m := uint(0); m < 1<<len(d.Factors); m++ {
		margins[m] = d.marginal(m)
	}
	grand := margins[0][0]
	within, total := 0.0, 0.0
	for _, c := range d.Cells {
		_, mean, _ := Summary(c)
		for _, v := range c.Values {
			within += (v - mean) * (v - mean)
			total += (v - grand) * (v - grand)
		}
	}
	var lines []answer.Anova
	for _, t := range d.terms() {
		ss := 0.0
		for _, c := range d.Cells {
			effect := 0.0
			for s := t; ; s = (s - 1) & t {
				sign := 1.0
				if bits.OnesCount(t^s)%2 == 1 {
					sign = -1
				}
				effect += sign * margins[s][d.combination(s, c.Levels)]
				if s == 0 {
					break
				}
			}
			ss += n * effect * effect
		}
		lines = append(lines, answer.Anova{Name: d.termName(t), SS: ss, DF: d.termDF(t)})
	}
	residual := answer.Anova{Name: "residual", SS: within, DF: float64(len(d.Cells)) * (n - 1)}
	if blocks {
		b := answer.Anova{Name: d.Replicate, DF: n - 1}
		for _, r := range d.Cells[0].Replicates {
			mean := 0.0
			for _, c := range d.Cells {
				mean += valueOf(c, r) / float64(len(d.Cells))
			}
			b.SS += float64(len(d.Cells)) * (mean - grand) * (mean - grand)
		}
		residual.SS, residual.DF = residual.SS-b.SS, residual.DF-b.DF
		lines = append(lines, b)
	}
	return d.judged(lines, residual, total)
}

// typeII compares linear models: a term's sum of squares is what it adds to
// the model of all terms that do not contain it.
func (d model) typeII() []answer.Anova {
	var y []float64
	var rows [][]int
	for _, c := range d.Cells {
		for _, v := range c.Values {
			y, rows = append(y, v), append(rows, c.Levels)
		}
	}
	mean, total := 0.0, 0.0
	for _, v := range y {
		mean += v / float64(len(y))
	}
	for _, v := range y {
		total += (v - mean) * (v - mean)
	}
	rss := func(keep func(uint) bool) float64 {
		terms := []uint{0}
		for _, t := range d.terms() {
			if keep(t) {
				terms = append(terms, t)
			}
		}
		return d.residual(y, rows, terms)
	}
	full := rss(func(uint) bool { return true })
	var lines []answer.Anova
	for _, t := range d.terms() {
		without := func(s uint) bool { return s&t != t }
		ss := rss(without) - rss(func(s uint) bool { return without(s) || s == t })
		lines = append(lines, answer.Anova{Name: d.termName(t), SS: ss, DF: d.termDF(t)})
	}
	return d.judged(lines, answer.Anova{Name: "residual", SS: full, DF: float64(len(y) - len(d.Cells))}, total)
}

// residual is the sum of squares that a model of terms leaves, by least squares
// on sum-to-zero columns.
func (d model) residual(y []float64, rows [][]int, terms []uint) float64 {
	var columns [][]float64
	for _, t := range terms {
		block := [][]float64{ones(len(y))}
		for i, f := range d.Factors {
			if t>>i&1 == 0 {
				continue
			}
			var next [][]float64
			for _, col := range block {
				for l := range len(f.Levels) - 1 {
					c := make([]float64, len(y))
					for r := range c {
						switch rows[r][i] {
						case l:
							c[r] = col[r]
						case len(f.Levels) - 1:
							c[r] = -col[r]
						}
					}
					next = append(next, c)
				}
			}
			block = next
		}
		columns = append(columns, block...)
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

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// judged tests each line against the residual and adds the effect sizes. A
// factor of one level has no line: it takes no degree of freedom. Sums of
// squares that the last bits of the numbers could make are none, and so is a
// residual that rounding has left.
func (d model) judged(lines []answer.Anova, residual answer.Anova, total float64) []answer.Anova {
	const rounding = 1e-13
	lines = slices.DeleteFunc(lines, func(l answer.Anova) bool { return l.DF < 1 })
	size, n := 0.0, 0.0
	for _, c := range d.Cells {
		for _, v := range c.Values {
			size, n = max(size, math.Abs(v)), n+1
		}
	}
	none := n * math.Pow(1e-14*size, 2)
	if total <= none {
		total = 0
	}
	for i := range lines {
		if lines[i].SS <= none {
			lines[i].SS = 0
		}
	}
	if residual.SS <= max(none, rounding*total) {
		residual.SS = 0
	}
	ms := residual.SS / residual.DF
	for i := range lines {
		l := &lines[i]
		l.Eta2 = answer.Finite(l.SS / total) // null where nothing varies
		if residual.DF < 1 || ms == 0 {
			continue
		}
		f := l.SS / l.DF / ms
		l.F, l.P = answer.Finite(f), answer.Finite(tailF(f, l.DF, residual.DF))
		l.PartialEta = answer.Finite(l.SS / (l.SS + residual.SS))
		l.Omega2 = answer.Finite((l.SS - l.DF*ms) / (total + ms))
	}
	return append(lines, residual)
}

// tailF is the probability that F with d1 and d2 degrees of freedom exceeds f,
// without the loss of digits of one less the distribution.
func tailF(f, d1, d2 float64) float64 {
	return mathext.RegIncBeta(d2/2, d1/2, d2/(d2+d1*f))
}
