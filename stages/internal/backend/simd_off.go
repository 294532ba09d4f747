//go:build !(goexperiment.simd && amd64)

package backend

// simdTier is the widest instruction set that the matrix products use here.
func simdTier() string { return "scalar" }
