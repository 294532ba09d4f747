package simd

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

func init() {
	if HasTiles && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BF16 {
		HalfTile = halfTileVector
	}
}

//go:noescape
func halfTile8x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, pairs, add int)

// halfTileVector is the HalfTile of AVX512_BF16.
func halfTileVector(c []float32, ldc int, a []uint32, am, ak int, panel []uint32, pairs int, add bool) {
	_, _, _ = c[7*ldc+31], a[7*am+(pairs-1)*ak], panel[pairs*panelWidth-1]
	plus := 0
	if add {
		plus = 1
	}
	halfTile8x32(unsafe.Pointer(&c[0]), 4*uintptr(ldc), unsafe.Pointer(&a[0]), 4*uintptr(am), 4*uintptr(ak), unsafe.Pointer(&panel[0]), pairs, plus)
}

// The functions below take n > 0 groups of eight words.

//go:noescape
func pairsOfTwo8(to *uint32, low, high *float32, n int)

//go:noescape
func pairsInRun8(to *uint32, x *float32, n int)

// pairsOfTwo packs the numbers of two terms, and returns how many: the rest is
// fewer than eight.
func pairsOfTwo(to []uint32, low, high []float32) int {
	n := len(to) / 8
	if n == 0 || !HasTiles {
		return 0
	}
	_, _ = low[8*n-1], high[8*n-1]
	pairsOfTwo8(&to[0], &low[0], &high[0], n)
	return 8 * n
}

// pairsInRun packs pairs of contiguous numbers, and returns how many: the rest is
// fewer than eight.
func pairsInRun(to []uint32, x []float32) int {
	n := len(x) / 16
	if n == 0 || !HasTiles {
		return 0
	}
	_ = to[8*n-1]
	pairsInRun8(&to[0], &x[0], n)
	return 8 * n
}
