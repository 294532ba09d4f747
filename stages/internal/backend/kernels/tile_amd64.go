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

// tile multiplies eight rows of a, whose elements lie am and ak apart, by a
// packed panel, over k > 0 terms, into eight rows of c, ldc apart.
func tile(c []float32, ldc int, a []float32, am, ak int, panel []float32, k int, add bool) {
	_, _, _ = c[7*ldc+31], a[7*am+(k-1)*ak], panel[k*panelWidth-1]
	pc, pa, pb, plus := unsafe.Pointer(&c[0]), unsafe.Pointer(&a[0]), unsafe.Pointer(&panel[0]), 0
	if add {
		plus = 1
	}
	dc, dm, dk := 4*uintptr(ldc), 4*uintptr(am), 4*uintptr(ak)
	if wideTiles {
		tile8x32(pc, dc, pa, dm, dk, pb, k, plus)
		return
	}
	narrow(pc, dc, pa, dm, dk, pb, k, plus)
}
