package simd

import "runtime"

// Product is a batch of matrix products c = a b with strided factors and result.
// The columns of c are contiguous.
type Product struct {
	M, N, K int
	A, B, C Strides
	Offsets [2]int // of the first element of a and b
	Batch   []Loop
	Half    bool // the factors are rounded to bfloat16 first
	Rounded bool // with Half: the results are rounded too
	Part    Triangle
	Ahead   int // if positive, elements (i, j) of a LowerResult with j ≥ i+Ahead are never read
}

// withMultiplier calls f with what multiplies these factors, which must not change
// meanwhile.
func (p *Product) withMultiplier(f func(m multiplier)) {
	if p.Half {
		withHalves(func(w multiplier) {
			w.(*halves).rounded = p.Rounded
			f(w)
		})
		return
	}
	withWorkspace(f)
}

// Strides are the strides of a matrix.
type Strides struct{ Row, Col int }

// Loop repeats a product Extent times; the strides advance the three matrices.
type Loop struct{ Extent, A, B, C int }

// tiles returns the shape of the product's tiles.
func (p *Product) tiles() tileShape {
	if p.Half {
		return tileShape{Half().Rows, panelWidth, panelWidth}
	}
	return tiles
}

// termsPerElement is about how many terms of a product cost as much as one
// element of other work.
const termsPerElement = 50

// count returns how many products there are.
func (p *Product) count() int {
	n := 1
	for _, l := range p.Batch {
		n *= l.Extent
	}
	return n
}

// Run computes the products. Where there are enough of them each core has whole
// products, else the cores share one after the other.
func (p *Product) Run(c, a, b []float32) {
	count := p.count()
	cost := max(1, p.M*p.N*p.K/termsPerElement)
	if count < 2*runtime.GOMAXPROCS(0) {
		for i := range count {
			ai, bi, ci := p.matrices(i, a, b, c)
			p.share(ai, bi, ci, cost)
		}
		return
	}
	Parallel(count, cost, func(from, to int) { p.runAlone(c, a, b, from, to, nil) })
}

// runAlone computes some of the products on one core. The different factors b are packed
// in kept, one after the other, unless they are, or where they are multiplied if that is
// nil.
func (p *Product) runAlone(c, a, b []float32, from, to int, kept []packedFactor) {
	last, index := -1, -1
	p.withMultiplier(func(w multiplier) {
		for i := from; i < to; i++ {
			ai, bi, ci := p.matrices(i, a, b, c)
			if at := len(b) - len(bi.x); kept != nil && at != last {
				last, index = at, index+1
				w.keep(&kept[index])
			}
			w.multiply(ci, ai, bi, p.M, p.N, p.K, region{Triangle: p.Part, ahead: p.Ahead})
		}
	})
}

// factors returns how many different factors b there are.
func (p *Product) factors() int {
	n := 1
	for _, l := range p.Batch {
		if l.B != 0 {
			n *= l.Extent
		}
	}
	return n
}

// matrices returns the matrices of product i of the batch.
func (p *Product) matrices(i int, a, b, c []float32) (ai, bi, ci matrix) {
	da, db, dc := p.Offsets[0], p.Offsets[1], 0
	for k := len(p.Batch) - 1; k >= 0; k-- {
		l := p.Batch[k]
		j := i % l.Extent
		i /= l.Extent
		da, db, dc = da+j*l.A, db+j*l.B, dc+j*l.C
	}
	return matrix{a[da:], p.A.Row, p.A.Col}, matrix{b[db:], p.B.Row, p.B.Col}, matrix{c[dc:], p.C.Row, p.C.Col}
}

// share divides a product among the cores, in equal parts of rows or of columns. With
// columns each core packs its own part of b and all of a; with rows, all of b and its own
// part of a. The longer side is divided, so that less is packed more than once. A float32
// factor a whose columns are not contiguous is mostly read where it is. To read it takes
// less time than to pack b: rows are then divided only if there are many more of them.
func (p *Product) share(a, b, c matrix, cost int) {
	shape, cores, whole := p.tiles(), runtime.GOMAXPROCS(0), region{Triangle: p.Part, ahead: p.Ahead}
	panels := (p.N + shape.step - 1) / shape.step // of the narrowest tiles
	manyRows := max(p.N, 4*cores*shape.rows)      // so that each core has several strips
	if a.row != 1 && !p.Half {
		manyRows = max(manyRows, cores*p.N)
	}
	if panels == 1 || p.M >= manyRows {
		strips := (p.M + shape.rows - 1) / shape.rows
		parallel(strips, cost/strips, 1, func(from, to int) {
			first, end := from*shape.rows, min(to*shape.rows, p.M)
			p.withMultiplier(func(w multiplier) {
				w.multiply(c.from(first, 0), a.from(first, 0), b, end-first, p.N, p.K, whole.from(first, 0, 0))
			})
		})
		return
	}
	parallel(panels, cost/panels, 1, func(from, to int) {
		first, end := from*shape.step, min(to*shape.step, p.N)
		p.withMultiplier(func(w multiplier) {
			w.multiply(c.from(0, first), a, b.from(0, first), p.M, end-first, p.K, whole.from(0, first, 0))
		})
	})
}
