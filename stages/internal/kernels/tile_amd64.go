package kernels

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// hasTiles says whether products run here. Both instruction sets give the same
// bits. The tiles are in assembly because the compiler keeps only fifteen vectors
// in registers, which makes it four times slower.
var hasTiles = cpu.X86.HasFMA && cpu.X86.HasAVX2

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
