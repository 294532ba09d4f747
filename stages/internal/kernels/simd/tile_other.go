//go:build !amd64 && !arm64

package simd

// HasTiles reports whether the processor has the instructions that products need.
// Without them the backend computes products.
const HasTiles = false

func (tileShape) tile([]float32, int, []float32, int, int, []float32, int, bool) {
	panic("simd: this processor has no tiles")
}
