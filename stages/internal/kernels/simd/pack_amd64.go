package simd

import "unsafe"

//go:noescape
func packStrips6(to unsafe.Pointer, next uintptr, from unsafe.Pointer, col uintptr, strips, terms int)

//go:noescape
func packStrips8(to unsafe.Pointer, next uintptr, from unsafe.Pointer, col uintptr, strips, terms int)

//go:noescape
func packStrips16(to unsafe.Pointer, next uintptr, from unsafe.Pointer, col uintptr, strips, terms int)

//go:noescape
func packStrips32(to unsafe.Pointer, next uintptr, from unsafe.Pointer, col uintptr, strips, terms int)

// copyStrips copies strips of a tile's rows or columns.
func copyStrips(to []float32, next int, from []float32, col, width, strips, terms int) {
	_, _ = to[(strips-1)*next+terms*width-1], from[(terms-1)*col+strips*width-1]
	t, f := unsafe.Pointer(&to[0]), unsafe.Pointer(&from[0])
	switch width {
	case 6:
		packStrips6(t, 4*uintptr(next), f, 4*uintptr(col), strips, terms)
	case 8:
		packStrips8(t, 4*uintptr(next), f, 4*uintptr(col), strips, terms)
	case 16:
		packStrips16(t, 4*uintptr(next), f, 4*uintptr(col), strips, terms)
	case 32:
		packStrips32(t, 4*uintptr(next), f, 4*uintptr(col), strips, terms)
	default:
		panic("simd: no tile has strips of this width")
	}
}
