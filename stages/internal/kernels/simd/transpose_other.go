//go:build !amd64

package simd

func transposeColumns([]float32, []float32, int, int, int) int { return 0 }
