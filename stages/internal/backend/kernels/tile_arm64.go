package kernels

import "unsafe"

// hasTiles says whether products run here: every arm64 has what they need.
const hasTiles = true

// wideTiles is an amd64's.
var wideTiles = false

// tile multiplies eight rows of a, whose elements lie am and ak apart, by a
// packed panel, over k > 0 terms, into eight rows of c, ldc apart.
func tile(c []float32, ldc int, a []float32, am, ak int, panel []float32, k int, add bool) {
	_, _, _ = c[7*ldc+31], a[7*am+(k-1)*ak], panel[k*panelWidth-1]
	plus := 0
	if add {
		plus = 1
	}
	narrow(unsafe.Pointer(&c[0]), 4*uintptr(ldc), unsafe.Pointer(&a[0]), 4*uintptr(am), 4*uintptr(ak), unsafe.Pointer(&panel[0]), k, plus)
}
