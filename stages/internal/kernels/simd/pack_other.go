//go:build !amd64

package simd

// copyStrips copies strips of runs of width numbers. The runs of a strip are col apart
// in from and row apart in to; strips follow each other in from and are next apart in
// to.
func copyStrips(to []float32, next, row int, from []float32, col, width, strips, runs int) {
	copyStripsLoop(to, next, row, from, col, width, strips, runs)
}
