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
	LowerResult          // nothing depends on c[i, j] for j > i; it becomes any finite number
)

// region is the place of a part of a product in the whole of it.
type region struct {
	Triangle
	row, column, term int
}

// from returns the region that starts at a row, a column and a term of r.
func (r region) from(row, column, term int) region {
	return region{r.Triangle, r.row + row, r.column + column, r.term + term}
}

// terms returns which of k terms a tile needs, whose first element is (i, j): the
// others are zero. The bits of the sum are the same without them.
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
