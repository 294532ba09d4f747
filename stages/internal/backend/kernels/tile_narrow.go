//go:build amd64 || arm64

package kernels

import "unsafe"

//go:noescape
func tile4x16(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)

// narrow computes a tile in four smaller ones, whose elements fit in sixteen
// vectors of 256 bits, or in thirty-two of 128.
func narrow(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int) {
	for row := uintptr(0); row < 8; row += 4 {
		for column := uintptr(0); column < 128; column += 64 {
			tile4x16(unsafe.Add(c, row*ldc+column), ldc, unsafe.Add(a, row*am), am, ak, unsafe.Add(b, column), k, add)
		}
	}
}
