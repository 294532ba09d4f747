package simd

import "unsafe"

//go:noescape
func transpose8x4(y, x unsafe.Pointer, step, stride uintptr, n int)

// transposeColumns transposes the first columns of eight rows, as transposeRows8 does,
// and returns how many: fewer than four are left.
func transposeColumns(y, x []float32, width, step, stride int) int {
	n := width / 4
	if n == 0 || !HasTiles {
		return 0
	}
	_, _ = y[(4*n-1)*step+7], x[7*stride+4*n-1]
	transpose8x4(unsafe.Pointer(&y[0]), unsafe.Pointer(&x[0]), 4*uintptr(step), 4*uintptr(stride), n)
	return 4 * n
}
