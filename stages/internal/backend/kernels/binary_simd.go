//go:build goexperiment.simd && amd64

package kernels

import "simd/archsimd"

// Vectors of eight compute the very bits that the loops compute; the loops take
// what is left over. They are written out because a function value would not be
// inlined.
func init() {
	if !archsimd.X86.AVX2() {
		return
	}
	addRest, subRest, mulRest, divRest := add, sub, mul, div
	add = arithmetic{
		both: func(y, a, b []float32) {
			a, b = a[:len(y)], b[:len(y)]
			i := 0
			for ; i+8 <= len(y); i += 8 {
				archsimd.LoadFloat32x8Slice(a[i:]).Add(archsimd.LoadFloat32x8Slice(b[i:])).StoreSlice(y[i:])
			}
			addRest.both(y[i:], a[i:], b[i:])
		},
		right: func(y, a []float32, b float32) {
			a = a[:len(y)]
			v, i := archsimd.BroadcastFloat32x8(b), 0
			for ; i+8 <= len(y); i += 8 {
				archsimd.LoadFloat32x8Slice(a[i:]).Add(v).StoreSlice(y[i:])
			}
			addRest.right(y[i:], a[i:], b)
		},
		left: func(y []float32, a float32, b []float32) {
			b = b[:len(y)]
			v, i := archsimd.BroadcastFloat32x8(a), 0
			for ; i+8 <= len(y); i += 8 {
				v.Add(archsimd.LoadFloat32x8Slice(b[i:])).StoreSlice(y[i:])
			}
			addRest.left(y[i:], a, b[i:])
		},
	}
	sub = arithmetic{
		both: func(y, a, b []float32) {
			a, b = a[:len(y)], b[:len(y)]
			i := 0
			for ; i+8 <= len(y); i += 8 {
				archsimd.LoadFloat32x8Slice(a[i:]).Sub(archsimd.LoadFloat32x8Slice(b[i:])).StoreSlice(y[i:])
			}
			subRest.both(y[i:], a[i:], b[i:])
		},
		right: func(y, a []float32, b float32) {
			a = a[:len(y)]
			v, i := archsimd.BroadcastFloat32x8(b), 0
			for ; i+8 <= len(y); i += 8 {
				archsimd.LoadFloat32x8Slice(a[i:]).Sub(v).StoreSlice(y[i:])
			}
			subRest.right(y[i:], a[i:], b)
		},
		left: func(y []float32, a float32, b []float32) {
			b = b[:len(y)]
			v, i := archsimd.BroadcastFloat32x8(a), 0
			for ; i+8 <= len(y); i += 8 {
				v.Sub(archsimd.LoadFloat32x8Slice(b[i:])).StoreSlice(y[i:])
			}
			subRest.left(y[i:], a, b[i:])
		},
	}
	mul = arithmetic{
		both: func(y, a, b []float32) {
			a, b = a[:len(y)], b[:len(y)]
			i := 0
			for ; i+8 <= len(y); i += 8 {
				archsimd.LoadFloat32x8Slice(a[i:]).Mul(archsimd.LoadFloat32x8Slice(b[i:])).StoreSlice(y[i:])
			}
			mulRest.both(y[i:], a[i:], b[i:])
		},
		right: func(y, a []float32, b float32) {
			a = a[:len(y)]
			v, i := archsimd.BroadcastFloat32x8(b), 0
			for ; i+8 <= len(y); i += 8 {
				archsimd.LoadFloat32x8Slice(a[i:]).Mul(v).StoreSlice(y[i:])
			}
			mulRest.right(y[i:], a[i:], b)
		},
		left: func(y []float32, a float32, b []float32) {
			b = b[:len(y)]
			v, i := archsimd.BroadcastFloat32x8(a), 0
			for ; i+8 <= len(y); i += 8 {
				v.Mul(archsimd.LoadFloat32x8Slice(b[i:])).StoreSlice(y[i:])
			}
			mulRest.left(y[i:], a, b[i:])
		},
	}
	div = arithmetic{
		both: func(y, a, b []float32) {
			a, b = a[:len(y)], b[:len(y)]
			i := 0
			for ; i+8 <= len(y); i += 8 {
				archsimd.LoadFloat32x8Slice(a[i:]).Div(archsimd.LoadFloat32x8Slice(b[i:])).StoreSlice(y[i:])
			}
			divRest.both(y[i:], a[i:], b[i:])
		},
		right: func(y, a []float32, b float32) {
			a = a[:len(y)]
			v, i := archsimd.BroadcastFloat32x8(b), 0
			for ; i+8 <= len(y); i += 8 {
				archsimd.LoadFloat32x8Slice(a[i:]).Div(v).StoreSlice(y[i:])
			}
			divRest.right(y[i:], a[i:], b)
		},
		left: func(y []float32, a float32, b []float32) {
			b = b[:len(y)]
			v, i := archsimd.BroadcastFloat32x8(a), 0
			for ; i+8 <= len(y); i += 8 {
				v.Div(archsimd.LoadFloat32x8Slice(b[i:])).StoreSlice(y[i:])
			}
			divRest.left(y[i:], a, b[i:])
		},
	}
}
