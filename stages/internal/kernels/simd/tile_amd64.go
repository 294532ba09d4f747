package simd

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// HasTiles reports whether the processor has the instructions that products need.
// AVX2 and AVX-512 give the same bits.
var HasTiles = cpu.X86.HasFMA && cpu.X86.HasAVX2

// The largest tiles of AVX2 and AVX-512 need nearly all of their registers.
var (
	narrowTiles = tileShape{rows: 6, columns: 16, step: 16}
	wideTiles   = tileShape{rows: 8, columns: 48, step: 16}
)

func init() {
	tiles = narrowTiles
	if cpu.X86.HasAVX512F {
		tiles = wideTiles
	}
}

//go:noescape
func tile8x48(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)

//go:noescape
func tile8x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)

//go:noescape
func tile8x16(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)

//go:noescape
func tile6x16(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)

func computeTile(s tileShape, c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int) {
	switch {
	case s.rows == narrowTiles.rows:
		tile6x16(c, ldc, a, am, ak, b, k, add)
	case s.columns == 48:
		tile8x48(c, ldc, a, am, ak, b, k, add)
	case s.columns == 32:
		tile8x32(c, ldc, a, am, ak, b, k, add)
	case s.columns == 16:
		tile8x16(c, ldc, a, am, ak, b, k, add)
	default:
		panic("simd: no tile has this shape")
	}
}
