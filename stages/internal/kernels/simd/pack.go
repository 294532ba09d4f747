package simd

// fewTerms is how many terms of all strips are copied before the next ones, so that
// runs are both read and written.
const fewTerms = 16

// packStrips copies k terms, col apart, of n contiguous numbers each, into strips of
// some width, which are next apart: [strips][terms][width]. What the last strip has
// beyond n is arbitrary.
func packStrips(to []float32, next int, from []float32, col, width, n, k int) {
	strips := (n + width - 1) / width
	// The last strip of the last terms may extend beyond from.
	fit := k
	for fit > 0 && (fit-1)*col+strips*width > len(from) {
		fit--
	}
	for first := 0; first < fit; first += fewTerms {
		copyStrips(to[first*width:], next, width, from[first*col:], col, width, strips, min(fewTerms, fit-first))
	}
	if fit < k {
		copyStripsLoop(to[fit*width:], next, width, from[fit*col:], col, width, strips, k-fit)
	}
}

// copyStripsLoop is copyStrips in Go. The last runs may be shorter than width, where
// from ends.
func copyStripsLoop(to []float32, next, row int, from []float32, col, width, strips, runs int) {
	for s := range strips {
		for i := range runs {
			copy(to[s*next+i*row:][:width], from[i*col+s*width:])
		}
	}
}

// packTransposed copies n contiguous columns of k terms each, col apart, into strips
// as packStrips does.
func packTransposed(to []float32, next int, from []float32, col, width, n, k int) {
	for j := 0; j < n; j += width {
		strip, columns := to[j/width*next:][:width*k], min(width, n-j)
		x, column := from[j*col:], 0
		for ; column+8 <= columns; column += 8 {
			transposeRows8(strip[column:], x[column*col:], k, width, col)
		}
		for ; column < columns; column++ {
			for p, v := range x[column*col:][:k] {
				strip[p*width+column] = v
			}
		}
	}
}

// pack copies b of [k, n] into panels, as wide as tiles of a shape. What the last one has
// beyond n is arbitrary.
func pack(panels []float32, b matrix, k, n int, shape tileShape) {
	whole := n / shape.columns * shape.columns
	if whole > 0 {
		packColumns(panels, b, k, whole, shape.columns)
	}
	if whole < n {
		packColumns(panels[whole*k:], b.from(0, whole), k, n-whole, shape.over(n-whole).columns)
	}
}

// packColumns copies b of [k, n] into panels of so many columns.
func packColumns(panels []float32, b matrix, k, n, columns int) {
	switch {
	case b.col == 1:
		packStrips(panels, columns*k, b.x, b.row, columns, n, k)
	case b.row == 1:
		packTransposed(panels, columns*k, b.x, b.col, columns, n, k)
	default:
		for j := range n {
			panel := panels[j/columns*columns*k:][j%columns:]
			for p := range k {
				panel[p*columns] = b.x[p*b.row+j*b.col]
			}
		}
	}
}
