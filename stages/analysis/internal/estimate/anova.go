package estimate

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/answer"
)

// Squares is a type of sums of squares.
type Squares string

// The types of sums of squares. They agree in balanced designs.
const (
	// TypeIII tests averages of cell means with equal weights, as main effects
	// and interactions are defined here.
	TypeIII Squares = "III"
	// TypeII tests what a term adds to all terms that do not contain it.
	TypeII Squares = "II"
)

// Anova splits the variance of a design in which every cell has a trial. Under
// OwnError and paired replicates each effect has a stratum of its own, so that
// F = t² for every effect with one degree of freedom.
func Anova(d *design.Design, errors Error, squares Squares) (lines []answer.Anova, method string, why Problem) {
	if why := suitable(d); why != NoProblem {
		return nil, "", why
	}
	a := anova{d, d.Compared()}
	switch {
	case errors == SeparateError:
		return a.separate()
	case d.Paired && errors == OwnError:
		return a.strata()
	}
	return a.pooled(squares)
}

// suitable says why a design has no analysis of variance.
func suitable(d *design.Design) Problem {
	cells, trials := 1, 0
	for _, f := range d.Factors {
		cells *= len(f.Levels)
	}
	switch {
	case len(d.Factors) == 0:
		return NoFactor
	case len(d.Cells) != cells:
		return EmptyCells
	case cells == 1:
		return OneCell
	}
	for _, c := range d.Cells {
		switch {
		case c.Censored > 0:
			return Censored
		case !c.Complete():
			return Diverged
		}
		trials += len(c.Values)
	}
	if trials == cells {
		return OneTrialEach
	}
	return NoProblem
}

// anova computes the lines of a complete design. A term is a set of the compared
// factors, as a bit mask of their positions among them.
type anova struct {
	*design.Design
	compared []int
}

// terms lists all terms, small sets first.
func (d anova) terms() []uint {
	var out []uint
	k := len(d.compared)
	for size := 1; size <= k; size++ {
		for m := uint(1); m < 1<<k; m++ {
			if bits.OnesCount(m) == size {
				out = append(out, m)
			}
		}
	}
	return out
}

// name joins the factors of a term.
func (d anova) name(term uint) string {
	var names []string
	for k, i := range d.compared {
		if term>>k&1 == 1 {
			names = append(names, d.Factors[i].Name)
		}
	}
	return strings.Join(names, ":")
}

// df is the degrees of freedom of a term.
func (d anova) df(term uint) float64 {
	df := 1
	for k, i := range d.compared {
		if term>>k&1 == 1 {
			df *= len(d.Factors[i].Levels) - 1
		}
	}
	return float64(df)
}

// hypothesis is the contrasts that are zero if a term has no effect: the
// differences of its factors' levels to their first, averaged over the other
// factors with equal weights. A row is a contrast, a column a cell.
func (d anova) hypothesis(term uint) *mat.Dense {
	rows := [][]float64{{}}
	for range d.Cells {
		rows[0] = append(rows[0], 1)
	}
	for k, i := range d.compared {
		f := d.Factors[i]
		if term>>k&1 == 0 {
			for _, r := range rows {
				for j := range r {
					r[j] /= float64(len(f.Levels))
				}
			}
			continue
		}
		var next [][]float64
		for _, r := range rows {
			for l := 1; l < len(f.Levels); l++ {
				x := make([]float64, len(r))
				for j, c := range d.Cells {
					switch c.Levels[i] {
					case l:
						x[j] = r[j]
					case 0:
						x[j] = -r[j]
					}
				}
				next = append(next, x)
			}
		}
		rows = next
	}
	out := mat.NewDense(len(rows), len(d.Cells), nil)
	for i, r := range rows {
		out.SetRow(i, r)
	}
	return out
}

// pooled tests every term against one residual.
func (d anova) pooled(squares Squares) ([]answer.Anova, string, Problem) {
	all := completeCells(d.Design)
	f, why := leastSquares(d.Design, all)
	if why != NoProblem {
		return nil, "", why
	}
	var lines []answer.Anova
	sums := d.squares(f, squares)
	for i, t := range d.terms() {
		lines = append(lines, f.line(d.name(t), sums[i], d.df(t)))
	}
	residual := f.line("residual", f.rss, f.df)
	if f.blocks > 0 {
		unblocked := *d.Design
		unblocked.Paired = false
		cellsOnly, _ := leastSquares(&unblocked, all)
		lines = append(lines, f.line(d.Replicate, cellsOnly.rss-f.rss, float64(f.blocks-1)))
	}
	for i := range lines {
		f.judge(&lines[i], residual)
	}
	return tested(append(lines, residual), f, d.pooledMethod(f, squares))
}

func (d anova) pooledMethod(f *fit, squares Squares) string {
	method, balanced := "classical", true
	for _, c := range d.Cells {
		balanced = balanced && len(c.Values) == len(d.Cells[0].Values)
	}
	if f.blocks > 0 {
		method = "replicates as blocks"
		balanced = balanced && f.blocks*len(d.Cells) == f.trials
	}
	if balanced {
		return method + ", balanced"
	}
	return method + ", type " + string(squares)
}

// squares is the sum of squares of each term: that of the hypothesis that its contrasts Lτ
// are zero, (Lτ)ᵀ (L V Lᵀ)⁻¹ Lτ, with V the unscaled covariance of the cells. For type II,
// the contrasts of all terms that contain the term are taken to be zero: they are eliminated
// first.
func (d anova) squares(f *fit, of Squares) []float64 {
	terms := d.terms()
	k := len(d.Cells)
	l := mat.NewDense(k-1, k, nil) // the contrasts of all terms
	rows := make([][]int, len(terms))
	next := 0
	for i, t := range terms {
		h := d.hypothesis(t)
		n, _ := h.Dims()
		l.Slice(next, next+n, 0, k).(*mat.Dense).Copy(h)
		for range n {
			rows[i] = append(rows[i], next)
			next++
		}
	}
	var half, spread mat.Dense
	half.Mul(l, f.inverse)
	spread.Mul(&half, l.T())
	var values mat.VecDense
	values.MulVec(l, mat.NewVecDense(k, f.effects))
	out := make([]float64, len(terms))
	for i, t := range terms {
		var before []int
		for j, s := range terms {
			if of == TypeII && s != t && s&t == t {
				before = append(before, rows[j]...)
			}
		}
		chosen := slices.Concat(before, rows[i])
		covariance, x := mat.NewSymDense(len(chosen), nil), mat.NewDense(len(chosen), 1, nil)
		for a, p := range chosen {
			x.Set(a, 0, values.AtVec(p))
			for b := range a + 1 {
				covariance.SetSym(a, b, spread.At(p, chosen[b]))
			}
		}
		out[i] = math.NaN()
		if z := whitened(covariance, x); z != nil {
			own := mat.Col(nil, 0, z)[len(before):]
			out[i] = floats.Dot(own, own)
		}
	}
	return out
}

// whitened is C⁻¹x, with CCᵀ the covariance of each column of x up to a factor. The square of
// an element is what it adds to the sum of squares of those above it. nil if the covariance
// is singular.
func whitened(covariance mat.Symmetric, x *mat.Dense) *mat.Dense {
	var root mat.Cholesky
	if !root.Factorize(covariance) {
		return nil
	}
	var lower mat.TriDense
	root.LTo(&lower)
	var z mat.Dense
	if err := lower.SolveTo(&z, false, x); err != nil {
		return nil
	}
	return &z
}

// line is a line of the table. A sum of squares that rounding made is 0: its digits depend
// on the processor.
func (f *fit) line(name string, ss, df float64) answer.Anova {
	if ss <= float64(f.trials)*f.noise*f.noise {
		ss = 0
	}
	return answer.Anova{Name: name, SS: ss, DF: df}
}

// judge tests a line against an error and adds the effect sizes.
func (f *fit) judge(l *answer.Anova, e answer.Anova) {
	l.Eta2 = answer.Finite(l.SS / f.total)
	l.Error, l.ErrorSS, l.ErrorDF = e.Name, answer.Finite(e.SS), answer.Finite(e.DF)
	ms := e.SS / e.DF
	if e.DF < 1 || !(math.Sqrt(ms) > f.noise) {
		return
	}
	v := l.SS / l.DF / ms
	l.F, l.P = answer.Finite(v), answer.Finite(tailF(v, l.DF, e.DF))
	l.PartialEta = answer.Finite(l.SS / (l.SS + e.SS))
	l.Omega2 = answer.Finite((l.SS - l.DF*ms) / (f.total + ms))
}

// tested says so if no line has a test.
func tested(lines []answer.Anova, f *fit, method string) ([]answer.Anova, string, Problem) {
	switch {
	case slices.ContainsFunc(lines, func(l answer.Anova) bool { return l.F != nil }):
		return lines, method, NoProblem
	case f.df < 1:
		return lines, method, NoResidual
	}
	return lines, method, NoVariation
}

// strata tests each effect against its own interaction with the replicate. It
// uses the replicates that all cells have.
func (d anova) strata() ([]answer.Anova, string, Problem) {
	shared := common(design.Contrast{Weights: d.everyCell()}, d.Cells)
	if len(shared) < 2 {
		return nil, "", TooFewBlocks
	}
	part := d.restricted(shared)
	f, why := leastSquares(part.Design, completeCells(part.Design))
	if why != NoProblem {
		return nil, "", why
	}
	var lines, errors []answer.Anova
	n := float64(len(shared))
	y := mat.NewDense(len(part.Cells), len(shared), nil)
	for i, c := range part.Cells {
		for j, r := range shared {
			v, _ := c.Value(r)
			y.Set(i, j, v)
		}
	}
	for _, t := range part.terms() {
		ss, within := part.effect(t, y)
		l := f.line(part.name(t), ss, part.df(t))
		e := f.line(part.Replicate+":"+l.Name, within, l.DF*(n-1))
		f.judge(&l, e)
		lines, errors = append(lines, l), append(errors, e)
	}
	_, between := part.effect(0, y)
	lines = append(append(lines, f.line(part.Replicate, between, n-1)), errors...)
	method := "a stratum for each effect"
	if f.trials < d.trials() {
		method += ", complete replicates only"
	}
	return tested(lines, f, method)
}

func (d anova) everyCell() map[int]float64 {
	out := make(map[int]float64)
	for i := range d.Cells {
		out[i] = 1
	}
	return out
}

func (d anova) trials() (n int) {
	for _, c := range d.Cells {
		n += len(c.Values)
	}
	return n
}

// restricted is the design of some replicates.
func (d anova) restricted(replicates []int) anova {
	part := *d.Design
	part.Cells = make([]*design.Cell, len(d.Cells))
	for i, c := range d.Cells {
		part.Cells[i] = c.Only(replicates)
	}
	return anova{&part, d.compared}
}

// effect is the sum of squares of a term and that of its interaction with the
// replicate; of term 0, that of the replicates. y has a row for each cell and a column for
// each replicate.
func (d anova) effect(term uint, y *mat.Dense) (ss, within float64) {
	l := d.hypothesis(term)
	var spread mat.SymDense
	spread.SymOuterK(1, l)
	var values mat.Dense
	values.Mul(l, y)
	z := whitened(&spread, &values) // not nil: the contrasts of a term are independent
	rows, n := z.Dims()
	for i := range rows {
		mean := stat.Mean(z.RawRowView(i), nil)
		ss += float64(n) * mean * mean
		for _, v := range z.RawRowView(i) {
			within += (v - mean) * (v - mean)
		}
	}
	return ss, within
}
