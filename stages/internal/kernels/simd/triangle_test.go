package simd

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestTriangles compares products of which parts are not computed with whole ones,
// bit for bit, whichever part of the rows or columns a core has.
func TestTriangles(t *testing.T) {
	eachTile(t, func(t *testing.T) {
		for _, size := range []int{1, 5, 6, 16, 33, 100, 256, 300, 601} {
			for _, triangle := range []Triangle{LowerFactor, UpperFactor, LowerResult} {
				for _, byRows := range []bool{true, false} {
					t.Run(fmt.Sprint(size, triangle, byRows), func(t *testing.T) { testTriangle(t, size, triangle, byRows, withWorkspace, 0) })
				}
			}
		}
	})
}

// TestHalfTriangles is TestTriangles with bfloat16 factors, of which the part beyond
// the diagonal is not read.
func TestHalfTriangles(t *testing.T) {
	eachHalfTile(t, func(t *testing.T) {
		for _, size := range []int{5, 40, 260} {
			for _, triangle := range []Triangle{LowerFactor, UpperFactor, LowerResult} {
				for _, byRows := range []bool{true, false} {
					testTriangle(t, size, triangle, byRows, withHalves, float32(math.NaN()))
				}
			}
		}
	})
}

// testTriangle has a factor with some number beyond its diagonal.
func testTriangle(t *testing.T, size int, triangle Triangle, byRows bool, with func(func(m multiplier)), beyond float32) {
	n, k := 40, size
	if triangle == LowerResult {
		n, k = size, 37
	}
	numbers, b := random(size*k), random(k*n)
	multiply := func(part Triangle, beyond float32) []float32 {
		a := slices.Clone(numbers)
		for i := range size {
			for p := range k {
				if triangle == LowerFactor && p > i || triangle == UpperFactor && p < i {
					a[i*k+p] = beyond
				}
			}
		}
		ma := matrix{a, k, 1}
		if !byRows {
			ma = matrix{turned(a, size, k), 1, size}
		}
		c := make([]float32, size*n)
		for i := range c {
			c[i] = float32(math.NaN()) // memory that was used before
		}
		whole := region{Triangle: part}
		with(func(w multiplier) {
			rows, columns := size/3, n/3
			w.multiply(matrix{c, n, 1}, ma, matrix{b, n, 1}, rows, columns, k, whole)
			w.multiply(matrix{c, n, 1}.from(rows, 0), ma.from(rows, 0), matrix{b, n, 1}, size-rows, columns, k, whole.from(rows, 0, 0))
			w.multiply(matrix{c, n, 1}.from(0, columns), ma, matrix{b, n, 1}.from(0, columns), size, n-columns, k, whole.from(0, columns, 0))
		})
		return c
	}
	want, got := multiply(Whole, 0), multiply(triangle, beyond)
	for i := range size {
		for j := range n {
			w, g := want[i*n+j], got[i*n+j]
			ignored := triangle == LowerResult && j > i
			if ignored && math.IsNaN(float64(g)) || !ignored && g != w {
				t.Fatalf("size %d, triangle %d, by rows %t: element (%d, %d) is %v, want %v", size, triangle, byRows, i, j, g, w)
			}
		}
	}
}
