package estimate

import (
	"gonum.org/v1/gonum/mat"

	"ablate/stages/analysis/internal/design"
)

// Problem is a reason why something cannot be computed.
type Problem string

// Reasons why a fit or an analysis of variance cannot be computed.
const (
	NoProblem    Problem = ""
	NoFactor     Problem = "there is no factor"
	OneCell      Problem = "there is one cell, and nothing to compare it with"
	EmptyCells   Problem = "some cells have no trial"
	Diverged     Problem = "some trials diverged"
	Censored     Problem = "some trials did not reach the target"
	OneTrialEach Problem = "every cell has one trial"
	TooFewBlocks Problem = "fewer than two replicates are complete"
	NoResidual   Problem = "no degrees of freedom are left for the error"
	Disconnected Problem = "some cells share no replicate with the others, even indirectly"
	NoVariation  Problem = "replicates do not differ by more than rounding"
)

// fit is a least-squares fit of a mean for each cell and, where replicates are
// paired, of an effect for each replicate.
type fit struct {
	cells   []int       // of the design
	at      map[int]int // where a cell stands in cells
	effects []float64   // of cells, up to a constant where there are blocks
	inverse *mat.Dense  // unscaled covariance of effects, for contrasts
	rss, df float64
	total   float64   // sum of squares about the grand mean
	block   []float64 // effects of replicates; nil without blocks
	blocks  int       // replicates that are fitted, 0 for none
	noise   float64   // the standard deviation that rounding alone can make
	trials  int
}

// leastSquares fits the cells of a design that are given.
//
// Blocks are eliminated: with N the incidence of cells and replicates, the
// reduced normal equations of the cells are (diag(n) − N diag(1/m) Nᵀ) τ = q. The
// matrix is singular in the direction of a common constant alone, so adding
// 11ᵀ/k makes it invertible and changes no contrast.
func leastSquares(d *design.Design, cells []int) (*fit, Problem) {
	if len(cells) == 0 {
		return nil, EmptyCells
	}
	f := &fit{cells: cells, at: make(map[int]int, len(cells))}
	for k, i := range cells {
		f.at[i] = k
	}
	f.sums(d)
	if !d.Paired {
		f.separate(d)
		return f, NoProblem
	}
	return f, f.blocked(d)
}

// sums computes what does not depend on the model.
func (f *fit) sums(d *design.Design) {
	mean, size := 0.0, 0.0
	for _, i := range f.cells {
		f.trials += len(d.Cells[i].Values)
		for _, v := range d.Cells[i].Values {
			mean += v
		}
		size = max(size, largest(d.Cells[i]))
	}
	mean /= float64(f.trials)
	for _, i := range f.cells {
		for _, v := range d.Cells[i].Values {
			f.total += (v - mean) * (v - mean)
		}
	}
	f.noise = noiseShare * size
}

// separate fits a mean for each cell.
func (f *fit) separate(d *design.Design) {
	k := len(f.cells)
	f.inverse = mat.NewDense(k, k, nil)
	for j, i := range f.cells {
		n, mean, sd := Summary(d.Cells[i])
		f.effects = append(f.effects, mean)
		f.inverse.Set(j, j, 1/float64(n))
		f.rss += sd * sd * float64(n-1)
	}
	f.df = float64(f.trials - k)
}

// blocked fits cells and replicates.
func (f *fit) blocked(d *design.Design) Problem {
	if len(sharing(d, f.cells)) > 1 { // rounding can make the singular matrix look regular
		return Disconnected
	}
	k := len(f.cells)
	size := make([]float64, len(d.Replicates)) // cells that a replicate has
	sum := make([]float64, len(d.Replicates))
	for _, i := range f.cells {
		for j, r := range d.Cells[i].Replicates {
			size[r]++
			sum[r] += d.Cells[i].Values[j]
		}
	}
	reduced := mat.NewDense(k, k, nil)
	q := mat.NewVecDense(k, nil)
	for a, i := range f.cells {
		for j, r := range d.Cells[i].Replicates {
			q.SetVec(a, q.AtVec(a)+d.Cells[i].Values[j]-sum[r]/size[r])
			reduced.Set(a, a, reduced.At(a, a)+1)
			for b, other := range f.cells {
				if _, ok := d.Cells[other].Value(r); ok {
					reduced.Set(a, b, reduced.At(a, b)-1/size[r])
				}
			}
		}
	}
	for a := range k {
		for b := range k {
			reduced.Set(a, b, reduced.At(a, b)+1/float64(k))
		}
	}
	f.inverse = mat.NewDense(k, k, nil)
	if err := f.inverse.Inverse(reduced); err != nil {
		return Disconnected
	}
	var effects mat.VecDense
	effects.MulVec(f.inverse, q)
	f.effects = mat.Col(nil, 0, &effects)
	f.residuals(d, size)
	return NoProblem
}

// residuals computes the effects of replicates and the residual sum of squares about
// them and the cells.
func (f *fit) residuals(d *design.Design, size []float64) {
	f.block = make([]float64, len(d.Replicates))
	for a, i := range f.cells {
		for j, r := range d.Cells[i].Replicates {
			f.block[r] += (d.Cells[i].Values[j] - f.effects[a]) / size[r]
		}
	}
	f.each(d, func(_, _ int, _, e float64) { f.rss += e * e })
	for _, n := range size {
		if n > 0 {
			f.blocks++
		}
	}
	f.df = float64(f.trials - len(f.cells) - f.blocks + 1)
}

// each calls do with every trial and its residual.
func (f *fit) each(d *design.Design, do func(cell, replicate int, value, residual float64)) {
	for a, i := range f.cells {
		for j, r := range d.Cells[i].Replicates {
			v := d.Cells[i].Values[j]
			e := v - f.effects[a]
			if f.block != nil {
				e -= f.block[r]
			}
			do(i, r, v, e)
		}
	}
}

// contrast is the estimate of a contrast and its variance in units of the
// residual variance.
func (f *fit) contrast(weights map[int]float64) (value, unscaled float64) {
	involved := sortedKeys(weights)
	at, w := make([]int, len(involved)), make([]float64, len(involved))
	for a, i := range involved {
		at[a], w[a] = f.at[i], weights[i]
		value += w[a] * f.effects[at[a]]
	}
	for a, p := range at {
		row := f.inverse.RawRowView(p)
		for b, q := range at {
			unscaled += w[a] * w[b] * row[q]
		}
	}
	return value, unscaled
}
