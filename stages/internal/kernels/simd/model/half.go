// Package model computes what the tiles of bfloat16 products of package simd compute,
// one element after the other. Tests hold processors to it, and use it on processors
// without the instructions.
package model

import "math"

const columns = 32 // of a tile

// The functions are Multiply of simd.HalfTiles for tiles of so many rows. A word holds
// two terms that follow each other, the first in its lower half.
var (
	AVX512 = tiles(8, func(c float32, a, b []uint32) float32 { return c + dotPairs(a, b) })
	AMX    = tiles(32, dotGroups)
	BFMMLA = tiles(8, func(c float32, a, b []uint32) float32 { return c + addOddly(a, b) })
)

// tiles returns a Multiply that computes each element from its value, or zero, and the
// words of its row and its column.
func tiles(rows int, element func(c float32, a, b []uint32) float32) func(c []float32, ldc int, a []uint32, am, ak int, panel []uint32, strips, pairs int, add bool) {
	return func(c []float32, ldc int, a []uint32, am, ak int, panel []uint32, strips, pairs int, add bool) {
		row, column := make([]uint32, pairs), make([]uint32, pairs)
		for i := range strips * rows {
			for j := range columns {
				for p := range pairs {
					row[p], column[p] = a[i*am+p*ak], panel[p*columns+j]
				}
				to := &c[i*ldc+j]
				if !add {
					*to = 0
				}
				*to = element(*to, row, column)
			}
		}
	}
}

// dotPairs adds as VDPBF16PS of AVX512_BF16 does: the product of the upper halves of
// two words, then that of the lower ones, each with one rounding. Subnormal numbers
// count as zero, and subnormal results become zero.
func dotPairs(a, b []uint32) float32 {
	sum := float32(0)
	for p := range a {
		sum = addProduct(sum, upper(a[p]), upper(b[p]))
		sum = addProduct(sum, lower(a[p]), lower(b[p]))
	}
	return sum
}

// dotGroups adds to c as TDPBF16PS of AMX-BF16 does: of 16 words, the products of the
// lower halves, those of the upper ones, and both sums. Subnormal numbers are zero, as
// in dotPairs.
func dotGroups(c float32, a, b []uint32) float32 {
	for p := 0; p < len(a); p += 16 {
		first, second := float32(0), float32(0)
		for q := p; q < p+16; q++ {
			first = addProduct(first, lower(a[q]), lower(b[q]))
			second = addProduct(second, upper(a[q]), upper(b[q]))
		}
		c = addProduct(c, addProduct(first, second, 1), 1)
	}
	return c
}

// addOddly adds as BFMMLA of Arm does: the products of the halves of two words to each
// other, and the result to the sum. All are rounded to odd; subnormal numbers are zero,
// as in dotPairs.
func addOddly(a, b []uint32) float32 {
	sum := float32(0)
	for p := range a {
		first, second := lower(a[p])*lower(b[p]), upper(a[p])*upper(b[p])
		sum = toOdd(exactly(sum, toOdd(exactly(flushed(first), flushed(second)))))
	}
	return sum
}

// lower and upper return the halves of a word; subnormal numbers are zero.
func lower(word uint32) float32 { return flushed(math.Float32frombits(word << 16)) }
func upper(word uint32) float32 { return flushed(math.Float32frombits(word &^ 0xffff)) }

// addProduct returns c + a*b with one rounding to the nearest.
func addProduct(c, a, b float32) float32 {
	return flushed(float32(sumToOdd(float64(a)*float64(b), float64(flushed(c)))))
}

// exactly returns the sum of two numbers, rounded to an odd float64.
func exactly(x, y float32) float64 { return sumToOdd(float64(x), float64(y)) }

// sumToOdd returns x + y. If the sum is not exact, it is rounded to an odd number, so
// that another rounding sees that there is a rest.
func sumToOdd(x, y float64) float64 {
	s := x + y
	v := s - x
	rest := (x - (s - v)) + (y - v) // what the sum lost
	if rest != 0 && !math.IsInf(s, 0) && math.Float64bits(s)&1 == 0 {
		s = math.Nextafter(s, math.Copysign(math.Inf(1), rest))
	}
	return s
}

// toOdd returns a float32: x, or the odd one of its neighbours.
func toOdd(x float64) float32 {
	const beyond = 1 << 128
	v := float32(x)
	switch {
	case float64(v) == x || x != x || math.Abs(x) >= beyond:
		return flushed(v)
	case math.Abs(float64(v)) > math.Abs(x):
		v = math.Nextafter32(v, 0)
	}
	return flushed(math.Float32frombits(math.Float32bits(v) | 1))
}

// flushed returns 0 for a subnormal number.
func flushed(v float32) float32 {
	const smallest = 1.0 / (1 << 126)
	if v > -smallest && v < smallest {
		return float32(math.Copysign(0, float64(v)))
	}
	return v
}
