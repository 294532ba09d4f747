//go:build !amd64

package simd

func packPairStrips(to []uint32, next, row int, from []float32, col, strips, pairs int) {
	packPairStripsLoop(to, next, row, from, col, strips, pairs)
}
