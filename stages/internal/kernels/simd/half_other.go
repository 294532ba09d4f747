//go:build !amd64

package simd

func pairsOfTwo([]uint32, []float32, []float32) int { return 0 }

func pairsInRun([]uint32, []float32) int { return 0 }
