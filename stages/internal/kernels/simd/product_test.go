package simd

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
)

// TestCores shares products among cores, of few and of many rows and columns, and
// compares them bit for bit.
func TestCores(t *testing.T) {
	if !HasTiles {
		t.Skip("this processor has no tiles")
	}
	defer func(was tileShape) { tiles = was }(tiles)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, size := range [][3]int{{1500, 40, 300}, {40, 1300, 300}, {290, 290, 290}, {2000, 10, 600}, {9, 5000, 300}, {400, 70, 500}} {
		for _, byRows := range []bool{true, false} {
			parts := []Triangle{Whole}
			if size[0] == size[1] {
				parts = []Triangle{Whole, LowerFactor, UpperFactor, LowerResult}
			}
			for _, part := range parts {
				for _, tiles = range tileShapes() {
					t.Run(fmt.Sprint(size, byRows, part, tiles), func(t *testing.T) { testCores(t, size[0], size[1], size[2], byRows, part) })
				}
			}
		}
	}
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
		c := make([]float32, m*n)
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
