package simd

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// processorHalves returns the tiles that this processor has, the fastest first.
func processorHalves() []*HalfTiles {
	var out []*HalfTiles
	x := &cpu.X86
	if HasTiles && x.HasAMXTile && x.HasAMXBF16 && allowTileData() {
		out = append(out, &HalfTiles{Name: "amx", Rows: 32, Group: 16, ByRows: true, Multiply: multiplyAMX})
	}
	if HasTiles && x.HasAVX512F && x.HasAVX512BF16 {
		out = append(out, &HalfTiles{Name: "bf16", Rows: 8, Group: 1, Multiply: multiplyAVX512})
	}
	return out
}

//go:noescape
func halfTile8x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am, ak uintptr, b unsafe.Pointer, pairs, add int)

// multiplyAVX512 is Multiply of AVX512_BF16.
func multiplyAVX512(c []float32, ldc int, a []uint32, am, ak int, panel []uint32, strips, pairs int, add bool) {
	last := 8*strips - 1
	_, _, _ = c[last*ldc+panelWidth-1], a[last*am+(pairs-1)*ak], panel[pairs*panelWidth-1]
	for i := range strips {
		halfTile8x32(unsafe.Pointer(&c[8*i*ldc]), 4*uintptr(ldc), unsafe.Pointer(&a[8*i*am]), 4*uintptr(am), 4*uintptr(ak), unsafe.Pointer(&panel[0]), pairs, number(add))
	}
}

//go:noescape
func halfTiles32x32(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, am uintptr, b unsafe.Pointer, strips, groups, add int)

// multiplyAMX is Multiply of AMX. The pairs of each row of a are contiguous.
func multiplyAMX(c []float32, ldc int, a []uint32, am, _ int, panel []uint32, strips, pairs int, add bool) {
	last := 32*strips - 1
	_, _, _ = c[last*ldc+panelWidth-1], a[last*am+pairs-1], panel[pairs*panelWidth-1]
	halfTiles32x32(unsafe.Pointer(&c[0]), 4*uintptr(ldc), unsafe.Pointer(&a[0]), 4*uintptr(am), unsafe.Pointer(&panel[0]), strips, pairs/16, number(add))
}

// has512 reports whether the functions named 512 can be called.
var has512 = HasTiles && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512BF16

// They take n > 0 numbers, or rows of 32.

//go:noescape
func packTwo512(to *uint32, low, high *float32, n int)

//go:noescape
func packRun512(to *uint32, x *float32, n int)

//go:noescape
func packStrips512(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)

//go:noescape
func roundRows512(x *float32, row uintptr, rows int)

// hasPacking reports whether the functions below can be called.
var hasPacking = HasTiles

//go:noescape
func packTwo8(to *uint32, low, high *float32, n int)

//go:noescape
func packRun8(to *uint32, x *float32, n int)

//go:noescape
func packStrips32(to unsafe.Pointer, next, row uintptr, from unsafe.Pointer, col uintptr, strips, runs int)

// packTwo packs the numbers of two terms.
func packTwo(to []uint32, low, high []float32) {
	if !has512 || len(to) == 0 {
		packTwoGroups(to, low, high)
		return
	}
	_, _ = low[len(to)-1], high[len(to)-1]
	packTwo512(&to[0], &low[0], &high[0], len(to))
}

// packRun packs numbers that are contiguous.
func packRun(to []uint32, x []float32) {
	if !has512 || len(x) == 0 {
		packRunGroups(to, x)
		return
	}
	_ = to[(len(x)-1)/2]
	packRun512(&to[0], &x[0], len(x))
}

// packPairStrips packs strips of pairs of terms. Terms are col apart in from; of a strip,
// they have 32 contiguous numbers, which become rows of to that are row apart. Strips
// follow each other in from and are next apart in to.
func packPairStrips(to []uint32, next, row int, from []float32, col, strips, pairs int) {
	if !hasPacking {
		packPairStripsLoop(to, next, row, from, col, strips, pairs)
		return
	}
	_, _ = to[(strips-1)*next+(pairs-1)*row+panelWidth-1], from[(2*pairs-1)*col+strips*panelWidth-1]
	pack := packStrips32
	if has512 {
		pack = packStrips512
	}
	pack(unsafe.Pointer(&to[0]), 4*uintptr(next), 4*uintptr(row), unsafe.Pointer(&from[0]), 4*uintptr(col), strips, pairs)
}

// roundRows rounds so many numbers of some rows to bfloat16.
func roundRows(x []float32, row, rows, width int) {
	if !has512 || width != panelWidth {
		roundRowsLoop(x, row, rows, width)
		return
	}
	_ = x[(rows-1)*row+width-1]
	roundRows512(&x[0], 4*uintptr(row), rows)
}
