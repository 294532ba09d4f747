package analysis

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"
)

// resultAnova is one line of the analysis of variance.
type resultAnova struct {
	Name       string   `json:"name"` // factors joined by a colon; the replicate for blocks; "residual"
	SS         float64  `json:"ss"`   // sum of squares
	DF         float64  `json:"df"`
	F          *float64 `json:"f"`
	P          *float64 `json:"p"`
	Eta2       *float64 `json:"eta2"`         // share of the total sum of squares
	PartialEta *float64 `json:"partial_eta2"` // share of what the residual and the term have together
	Omega2     *float64 `json:"omega2"`       // the same share in the population, estimated; may be below 0
}

// anova splits the variance of a complete design. Paired replicates are a
// block; a balanced design without pairs is classical; in an unbalanced one
// each term is what it adds to all terms that do not contain it (type II). why
// says why there is none.
func (d *design) anova() (lines []resultAnova, method, why string) {
	cells := 1
	for _, f := range d.factors {
		cells *= len(f.levels)
	}
	if len(d.factors) == 0 {
		return nil, "", "there is no factor"
	}
	if len(d.cells) != cells {
		return nil, "", "some cells have no trial"
	}
	n, total, balanced, paired := len(d.cells[0].order), 0, true, true
	for _, c := range d.cells {
		if !c.complete() {
			return nil, "", "some trials diverged"
		}
		balanced = balanced && len(c.order) == n
		paired = paired && sameSet(d.cells[0].order, c.order)
		total += len(c.order)
	}
	switch {
	case total == cells:
		return nil, "", "every cell has one trial"
	case paired && n > 1 && d.blocked:
		return d.balanced(true), "replicates as blocks", ""
	case balanced:
		return d.balanced(false), "classical, balanced", ""
	}
	return d.typeII(), "classical, type II", ""
}

// terms lists all sets of factors as bit masks, small ones first.
func (d *design) terms() []uint {
	var out []uint
	k := len(d.factors)
	for size := 1; size <= k; size++ {
		for m := uint(1); m < 1<<k; m++ {
			if bits.OnesCount(m) == size {
				out = append(out, m)
			}
		}
	}
	return out
}

func (d *design) termName(m uint) string {
	var names []string
	for i, f := range d.factors {
		if m>>i&1 == 1 {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ":")
}

func (d *design) termDF(m uint) float64 {
	df := 1
	for i, f := range d.factors {
		if m>>i&1 == 1 {
			df *= len(f.levels) - 1
		}
	}
	return float64(df)
}

// combination numbers a cell's levels of the factors in a mask.
func (d *design) combination(m uint, levels []int) int {
	id := 0
	for i, f := range d.factors {
		if m>>i&1 == 1 {
			id = id*len(f.levels) + levels[i]
		}
	}
	return id
}

// marginal returns the mean of the cells' means for each combination of the
// factors in a mask. In a balanced design these are the means of the trials.
func (d *design) marginal(m uint) map[int]float64 {
	sum, n := make(map[int]float64), make(map[int]float64)
	for _, c := range d.cells {
		_, mean, _ := c.summary()
		id := d.combination(m, c.levels)
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
func (d *design) balanced(blocks bool) []resultAnova {
	n := float64(len(d.cells[0].order))
	margins := make(map[uint]map[int]float64)
	for m := uint(0); m < 1<<len(d.factors); m++ {
		margins[m] = d.marginal(m)
	}
	grand := margins[0][0]
	within, total := 0.0, 0.0
	for _, c := range d.cells {
		_, mean, _ := c.summary()
		for _, v := range c.sample() {
			within += (v - mean) * (v - mean)
			total += (v - grand) * (v - grand)
		}
	}
	var lines []resultAnova
	for _, t := range d.terms() {
		ss := 0.0
		for _, c := range d.cells {
			effect := 0.0
			for s := t; ; s = (s - 1) & t {
				sign := 1.0
				if bits.OnesCount(t^s)%2 == 1 {
					sign = -1
				}
				effect += sign * margins[s][d.combination(s, c.levels)]
				if s == 0 {
					break
				}
			}
			ss += n * effect * effect
		}
		lines = append(lines, resultAnova{Name: d.termName(t), SS: ss, DF: d.termDF(t)})
	}
	residual := resultAnova{Name: "residual", SS: within, DF: float64(len(d.cells)) * (n - 1)}
	if blocks {
		b := resultAnova{Name: d.replicate, DF: n - 1}
		for _, r := range d.cells[0].order {
			mean := 0.0
			for _, c := range d.cells {
				mean += c.values[r] / float64(len(d.cells))
			}
			b.SS += float64(len(d.cells)) * (mean - grand) * (mean - grand)
		}
		residual.SS, residual.DF = residual.SS-b.SS, residual.DF-b.DF
		lines = append(lines, b)
	}
	return d.judged(lines, residual, total)
}

// typeII compares linear models: a term's sum of squares is what it adds to
// the model of all terms that do not contain it.
func (d *design) typeII() []resultAnova {
	var y []float64
	var rows [][]int
	for _, c := range d.cells {
		for _, v := range c.sample() {
			y, rows = append(y, v), append(rows, c.levels)
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
	var lines []resultAnova
	for _, t := range d.terms() {
		without := func(s uint) bool { return s&t != t }
		ss := rss(without) - rss(func(s uint) bool { return without(s) || s == t })
		lines = append(lines, resultAnova{Name: d.termName(t), SS: ss, DF: d.termDF(t)})
	}
	return d.judged(lines, resultAnova{Name: "residual", SS: full, DF: float64(len(y) - len(d.cells))}, total)
}

// residual is the sum of squares that a model of terms leaves, by least squares
// on sum-to-zero columns.
func (d *design) residual(y []float64, rows [][]int, terms []uint) float64 {
	var columns [][]float64
	for _, t := range terms {
		block := [][]float64{ones(len(y))}
		for i, f := range d.factors {
			if t>>i&1 == 0 {
				continue
			}
			var next [][]float64
			for _, col := range block {
				for l := range len(f.levels) - 1 {
					c := make([]float64, len(y))
					for r := range c {
						switch rows[r][i] {
						case l:
							c[r] = col[r]
						case len(f.levels) - 1:
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
func (d *design) judged(lines []resultAnova, residual resultAnova, total float64) []resultAnova {
	const rounding = 1e-13
	lines = slices.DeleteFunc(lines, func(l resultAnova) bool { return l.DF < 1 })
	size, n := 0.0, 0.0
	for _, c := range d.cells {
		for _, v := range c.values {
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
		l.Eta2 = number(l.SS / total) // null where nothing varies
		if residual.DF < 1 || ms == 0 {
			continue
		}
		f := l.SS / l.DF / ms
		l.F, l.P = number(f), number(tailF(f, l.DF, residual.DF))
		l.PartialEta = number(l.SS / (l.SS + residual.SS))
		l.Omega2 = number((l.SS - l.DF*ms) / (total + ms))
	}
	return append(lines, residual)
}

// tailF is the probability that F with d1 and d2 degrees of freedom exceeds f,
// without the loss of digits of one less the distribution.
func tailF(f, d1, d2 float64) float64 {
	return mathext.RegIncBeta(d2/2, d1/2, d2/(d2+d1*f))
}
