package kernels

import "unsafe"

// hasTiles says whether products run here: every arm64 has what they need.
const hasTiles = true

// wideTiles is an amd64's.
var wideTiles = false

func compute8x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int) {
	narrow(c, ldc, a, am, ak, b, k, add)
}
