//go:build amd64 || arm64

package simd

import "unsafe"

// tile multiplies rows of a, with strides am and ak, by a packed panel, over k > 0
// terms, into rows of c, ldc apart. With add it adds to c.
func (s tileShape) tile(c []float32, ldc int, a []float32, am, ak int, panel []float32, k int, add bool) {
	_, _, _ = c[(s.rows-1)*ldc+s.columns-1], a[(s.rows-1)*am+(k-1)*ak], panel[k*s.columns-1]
	computeTile(s, unsafe.Pointer(&c[0]), 4*uintptr(ldc), unsafe.Pointer(&a[0]), 4*uintptr(am), 4*uintptr(ak), unsafe.Pointer(&panel[0]), k, number(add))
}

// number returns 1 for true and 0 for false, for functions in assembly.
func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
