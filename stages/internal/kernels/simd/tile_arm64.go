package simd

import "unsafe"

// HasTiles reports whether the processor has the instructions that products need.
// Every arm64 has.
const HasTiles = true

// wideTiles is always false: it is for AVX-512.
var wideTiles = false

func compute8x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int) {
	narrow(c, ldc, a, am, ak, b, k, add)
}
