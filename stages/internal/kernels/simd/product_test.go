package simd

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
)

// TestCores shares products among cores, of few and of many rows and columns, and
// compares them bit for bit.
func TestCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	eachTile(t, func(t *testing.T) {
		for _, size := range [][3]int{{1500, 40, 300}, {40, 1300, 300}, {290, 290, 290}, {2000, 10, 600}, {9, 5000, 300}, {400, 70, 500}} {
			parts := []Triangle{Whole}
			if size[0] == size[1] {
				parts = []Triangle{Whole, LowerFactor, UpperFactor, LowerResult}
			}
			for _, byRows := range []bool{true, false} {
				for _, part := range parts {
					t.Run(fmt.Sprint(size, byRows, part), func(t *testing.T) { testCores(t, size[0], size[1], size[2], byRows, part) })
				}
			}
		}
	})
}

func testCores(t *testing.T, m, n, k int, byRows bool, part Triangle) {
	p := Product{M: m, N: n, K: k, A: Strides{k, 1}, B: Strides{n, 1}, C: Strides{n, 1}, Part: part}
	if !byRows {
		p.A = Strides{1, m}
	}
	a, b := random(m*k), random(k*n)
	for i := range m {
		for j := range k {
			if part == LowerFactor && j > i || part == UpperFactor && j < i {
				a[i*p.A.Row+j*p.A.Col] = 0
			}
		}
	}
	var first []float32
	for _, cores := range []int{1, 2, 3, 7} {
		runtime.GOMAXPROCS(cores)
		c := slices.Repeat([]float32{float32(math.NaN())}, m*n)
		p.Run(c, a, b)
		if part == LowerResult { // what is beyond the diagonal depends on the parts
			for i := range m {
				clear(c[i*n+i+1 : (i+1)*n])
			}
		}
		if first == nil {
			first = c
		}
		if !slices.Equal(c, first) {
			t.Errorf("%d cores compute another product than one", cores)
		}
	}
}

// TestKeptFactors has several factors b, of more than one block of terms, which the second
// run reads as the first has packed them.
func TestKeptFactors(t *testing.T) {
	needTiles(t)
	const m, n, k, factors = 9, 40, 300, 3
	p := Product{M: m, N: n, K: k, A: Strides{k, 1}, B: Strides{n, 1}, C: Strides{n, 1}, Batch: []Loop{{factors, 0, k * n, m * n}}}
	a, b, want := random(m*k), random(factors*k*n), make([]float32, factors*m*n)
	p.Run(want, a, b)
	kept := make([]packedFactor, factors)
	for range 2 {
		got := make([]float32, len(want))
		p.runAlone(got, a, b, 0, factors, kept)
		if !slices.Equal(got, want) {
			t.Error("products with kept factors differ from those without")
		}
	}
}

// TestPackedOnce multiplies parts of one factor in one workspace, which packs them in
// panels of other widths.
func TestPackedOnce(t *testing.T) {
	needTiles(t)
	const m, n, k = 100, 100, 20
	a, b := random(m*k), random(k*n)
	multiply := func(w multiplier, columns int, part Triangle) []float32 {
		c := make([]float32, m*columns)
		w.multiply(matrix{c, columns, 1}, matrix{a, k, 1}, matrix{b, n, 1}, m, columns, k, region{Triangle: part})
		return c
	}
	withWorkspace(func(w multiplier) {
		for _, of := range []struct {
			columns int
			part    Triangle
		}{{n, Whole}, {n, LowerResult}, {n, Whole}, {16, Whole}} {
			got := multiply(w, of.columns, of.part)
			withWorkspace(func(w multiplier) {
				if want := multiply(w, of.columns, of.part); !slices.Equal(got, want) {
					t.Errorf("%d columns, triangle %d: another product than in a fresh workspace", of.columns, of.part)
				}
			})
		}
	})
}
