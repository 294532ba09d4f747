package simd

// Triangle says which part of the square matrices of a product need not be computed.
// Causal attention has such matrices: no position sees those ahead of it.
type Triangle int

// Triangles. Row i of a factor belongs to row i of the result, and its column p to
// term p.
const (
	Whole       Triangle = iota
	LowerFactor          // a[i, p] is zero for p > i
	UpperFactor          // a[i, p] is zero for p < i
	LowerResult          // nothing depends on c[i, j] for j > i: it becomes the sum of some of its terms or zero, or stays as it was (see Product.Ahead)
)

// region is the place of a part of a product in the whole of it.
type region struct {
	Triangle
	ahead             int // see Product.Ahead
	row, column, term int
}

// from returns the region that starts at a row, a column and a term of r.
func (r region) from(row, column, term int) region {
	return region{r.Triangle, r.ahead, r.row + row, r.column + column, r.term + term}
}

// unread reports whether nothing reads a tile whose first element is (i, j).
func (r region) unread(i, j, rows int) bool {
	return r.ahead > 0 && r.column+j >= r.row+i+rows+r.ahead
}

// terms returns which of k terms a tile needs, whose first element is (i, j): the
// others are zero, or have never been computed. The bits of the sum are the same
// without them.
func (r region) terms(i, j, rows, k int) (first, end int) {
	switch r.Triangle {
	case LowerFactor:
		return 0, min(k, r.row+i+rows-r.term)
	case UpperFactor:
		return max(0, r.row+i-r.term), k
	case LowerResult:
		if r.column+j >= r.row+i+rows {
			return 0, 0
		}
	}
	return 0, k
}

// rows returns which of m rows of a factor have term p: the others have zeros there, or
// what has never been computed.
func (r region) rows(p, m int) (first, end int) {
	diagonal := r.term + p - r.row
	switch r.Triangle {
	case LowerFactor:
		return min(max(0, diagonal), m), m
	case UpperFactor:
		return 0, min(max(0, diagonal+1), m)
	}
	return 0, m
}

// vector is how many numbers the functions of rows take at a time. It is a multiple of
// the lanes of a sum, so that zeros after it do not change the order of the others.
const vector = 32

// Ahead returns how many columns ahead of the diagonal a program may read that
// computes the lower triangle of squares, or 0 for one that computes all of them
// because its blocks have rows of several.
func (p *Program) Ahead() int {
	if p.RowsPerBlock >= p.Width || p.Width%p.RowsPerBlock != 0 {
		return 0
	}
	return p.RowsPerBlock + TileRows + vector
}

// columns returns how many columns of a block of rows are computed: of a lower
// triangle those up to the diagonal, and as many ahead of it as tiles of products read
// that cross it.
func (p *Program) columns(first, n int) int {
	if !p.Lower || p.Ahead() == 0 {
		return p.Width
	}
	return min(p.Width, (first%p.Width+n+TileRows+vector-1)/vector*vector)
}
