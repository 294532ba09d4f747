package simd

import "unsafe"

//go:noescape
func copyStrips6(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)

//go:noescape
func copyStrips8(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)

//go:noescape
func copyStrips16(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)

//go:noescape
func copyStrips32(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)

//go:noescape
func copyStrips48(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)

// copyStrips copies strips of runs of width numbers. The runs of a strip are col apart
// in from and row apart in to; strips follow each other in from and are next apart in
// to.
func copyStrips(to []float32, next, row int, from []float32, col, width, strips, runs int) {
	_, _ = to[(strips-1)*next+(runs-1)*row+width-1], from[(runs-1)*col+strips*width-1]
	t, n, r := unsafe.Pointer(&to[0]), 4*uintptr(next), 4*uintptr(row)
	f, c := unsafe.Pointer(&from[0]), 4*uintptr(col)
	switch {
	case !HasTiles:
		copyStripsLoop(to, next, row, from, col, width, strips, runs)
	case width == 6:
		copyStrips6(t, n, r, f, c, strips, runs)
	case width == 8:
		copyStrips8(t, n, r, f, c, strips, runs)
	case width == 16:
		copyStrips16(t, n, r, f, c, strips, runs)
	case width == 32:
		copyStrips32(t, n, r, f, c, strips, runs)
	case width == 48:
		copyStrips48(t, n, r, f, c, strips, runs)
	default:
		copyStripsLoop(to, next, row, from, col, width, strips, runs)
	}
}
