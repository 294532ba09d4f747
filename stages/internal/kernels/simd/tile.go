//go:build amd64 || arm64

package simd

import "unsafe"

//go:noescape
func tile4x16(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)

// tile multiplies eight rows of a, with strides am and ak, by a packed panel, over
// k > 0 terms, into eight rows of c, ldc apart. With add it adds to c.
func tile(c []float32, ldc int, a []float32, am, ak int, panel []float32, k int, add bool) {
	_, _, _ = c[7*ldc+31], a[7*am+(k-1)*ak], panel[k*panelWidth-1]
	plus := 0
	if add {
		plus = 1
	}
	compute8x32(unsafe.Pointer(&c[0]), 4*uintptr(ldc), unsafe.Pointer(&a[0]), 4*uintptr(am), 4*uintptr(ak), unsafe.Pointer(&panel[0]), k, plus)
}

// narrow computes a tile as four smaller ones, which fit the registers of AVX2 and
// NEON.
func narrow(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int) {
	for row := uintptr(0); row < 8; row += 4 {
		for column := uintptr(0); column < 128; column += 64 {
			tile4x16(unsafe.Add(c, row*ldc+column), ldc, unsafe.Add(a, row*am), am, ak, unsafe.Add(b, column), k, add)
		}
	}
}
