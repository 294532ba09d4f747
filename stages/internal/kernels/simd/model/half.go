// Package model computes what the tiles of package simd compute, one element after
// the other. Tests hold processors to it, and use it on processors without the
// instructions.
package model

import "math"

// The size of a tile.
const (
	rows    = 8
	columns = 32
)

// HalfTile is simd.HalfTile.
func HalfTile(c []float32, ldc int, a []uint32, am, ak int, panel []uint32, pairs int, add bool) {
	for i := range rows {
		for j := range columns {
			sum := float32(0)
			for p := range pairs {
				sum = dotPair(sum, a[i*am+p*ak], panel[p*columns+j])
			}
			if add {
				sum += c[i*ldc+j]
			}
			c[i*ldc+j] = sum
		}
	}
}

// dotPair is VDPBF16PS on one element: it adds the product of the upper halves of
// two words, then that of the lower ones, each with one rounding. Subnormal numbers
// count as zero, and subnormal results become zero.
func dotPair(c float32, a, b uint32) float32 {
	c = addProduct(c, a&^0xffff, b&^0xffff)
	return addProduct(c, a<<16, b<<16)
}

func addProduct(c float32, a, b uint32) float32 {
	x := float64(flushed(math.Float32frombits(a))) * float64(flushed(math.Float32frombits(b))) // exact
	y := float64(flushed(c))
	s := x + y
	v := s - x
	rest := (x - (s - v)) + (y - v) // what the sum lost
	if rest != 0 && !math.IsInf(s, 0) && math.Float64bits(s)&1 == 0 {
		// Rounding to odd first lets the rounding to float32 see the rest.
		s = math.Nextafter(s, math.Copysign(math.Inf(1), rest))
	}
	return flushed(float32(s))
}

// flushed returns 0 for a subnormal number.
func flushed(v float32) float32 {
	const smallest = 1.0 / (1 << 126)
	if v > -smallest && v < smallest {
		return float32(math.Copysign(0, float64(v)))
	}
	return v
}
