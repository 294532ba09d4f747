package simd

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// processorHalves returns the tiles that this processor has, the fastest first.
// Processors that multiply matrices of bfloat16 numbers do it with integers too, so
// that GODEBUG=cpu.i8mm=off turns both off.
func processorHalves() []*HalfTiles {
	if cpu.ARM64.HasI8MM && hasPacking {
		return []*HalfTiles{{Name: "bfmmla", Rows: 8, Group: 8, ByRows: true, Multiply: multiplyBFMMLA}}
	}
	return nil
}

// hasPacking reports whether packTwo8 and packRun8 can be called.
var hasPacking = hasBF16()

// They take n > 0 groups of eight words.

//go:noescape
func packTwo8(to *uint32, low, high *float32, n int)

//go:noescape
func packRun8(to *uint32, x *float32, n int)

//go:noescape
func halfTile8x8(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am uintptr, b unsafe.Pointer, pairs, add int)

// multiplyBFMMLA is Multiply of BFMMLA. The pairs of each row of a are contiguous.
func multiplyBFMMLA(c []float32, ldc int, a []uint32, am, _ int, panel []uint32, strips, pairs int, add bool) {
	last := 8*strips - 1
	_, _, _ = c[last*ldc+panelWidth-1], a[last*am+pairs-1], panel[pairs*panelWidth-1]
	for i := range strips {
		for column := 0; column < panelWidth; column += 8 {
			halfTile8x8(unsafe.Pointer(&c[8*i*ldc+column]), 4*uintptr(ldc), unsafe.Pointer(&a[8*i*am]), 4*uintptr(am), unsafe.Pointer(&panel[column]), pairs, number(add))
		}
	}
}
