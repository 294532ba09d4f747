package simd

import "unsafe"

// HasTiles reports whether the processor has the instructions that products need.
// Every arm64 has.
const HasTiles = true

//go:noescape
func tile4x16(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int)

// computeTile computes a tile as four smaller ones, which fit the registers of NEON.
func computeTile(_ tileShape, c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, k, add int) {
	for row := uintptr(0); row < 8; row += 4 {
		for column := uintptr(0); column < 128; column += 64 {
			tile4x16(unsafe.Add(c, row*ldc+column), ldc, unsafe.Add(a, row*am), am, ak, unsafe.Add(b, column), k, add)
		}
	}
}
