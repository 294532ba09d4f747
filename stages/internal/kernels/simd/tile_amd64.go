package simd

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// HasTiles reports whether the processor has the instructions that products need.
// AVX2 and AVX-512 give the same bits.
var HasTiles = cpu.X86.HasFMA && cpu.X86.HasAVX2

// wideTiles reports whether tiles use AVX-512.
var wideTiles = cpu.X86.HasAVX512F

//go:noescape
func tile8x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)

func compute8x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int) {
	if wideTiles {
		tile8x32(c, ldc, a, am, ak, b, k, add)
		return
	}
	narrow(c, ldc, a, am, ak, b, k, add)
}
