//go:build goexperiment.simd && amd64

package backend

import "simd/archsimd"

// simdTier is the widest instruction set that the matrix products use here.
func simdTier() string {
	switch {
	case archsimd.X86.AVX512():
		return "simd-avx512"
	case archsimd.X86.AVX2():
		return "simd-avx2"
	}
	return "simd-none"
}
