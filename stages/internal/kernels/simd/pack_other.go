//go:build !amd64

package simd

// copyStrips copies strips of a tile's rows or columns.
func copyStrips(to []float32, next int, from []float32, col, width, strips, terms int) {
	for s := range strips {
		for p := range terms {
			copy(to[s*next+p*width:][:width], from[p*col+s*width:])
		}
	}
}
