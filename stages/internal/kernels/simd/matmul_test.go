package simd

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func random(n int) []float32 {
	r := rand.New(rand.NewPCG(3, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// needTiles skips a test of products on a processor where the backend computes them.
func needTiles(t *testing.T) {
	t.Helper()
	if !HasTiles {
		t.Skip("this processor has no tiles")
	}
}

// eachTile runs a test with all shapes that the processor has tiles of.
func eachTile(t *testing.T, test func(t *testing.T)) {
	needTiles(t)
	defer func(was tileShape) { tiles = was }(tiles)
	for _, shape := range tileShapes() {
		tiles = shape
		t.Run(fmt.Sprint("tiles ", shape), test)
	}
}

// TestMultiply has products of all layouts, of sizes around those of tiles and
// blocks.
func TestMultiply(t *testing.T) {
	needTiles(t)
	defer func(was tileShape) { tiles = was }(tiles)
	for _, s := range [][3]int{{1, 1, 1}, {8, 32, 256}, {7, 31, 5}, {9, 33, 257}, {300, 40, 300}, {16, 1200, 30}, {65, 100, 513}, {1024, 70, 19}, {20, 70, 1024}} {
		m, n, k := s[0], s[1], s[2]
		a, b := random(m*k), random(k*n)
		want := make([]float64, m*n)
		for i := range m {
			for j := range n {
				for p := range k {
					want[i*n+j] += float64(a[i*k+p]) * float64(b[p*n+j])
				}
			}
		}
		var first []float32
		for layout := range 4 {
			ma, mb := matrix{a, k, 1}, matrix{b, n, 1}
			if layout&1 != 0 {
				ma = matrix{turned(a, m, k), 1, m}
			}
			if layout&2 != 0 {
				mb = matrix{turned(b, k, n), 1, k}
			}
			for _, tiles = range tileShapes() {
				c := make([]float32, m*(n+3))
				withWorkspace(func(w multiplier) { w.multiply(matrix{c, n + 3, 1}, ma, mb, m, n, k, region{}) })
				if first == nil {
					first = c
				}
				for i := range m {
					for j := range n + 3 {
						got := c[i*(n+3)+j]
						switch {
						case got != first[i*(n+3)+j]:
							t.Fatalf("%v, layout %d, tiles of %v: element (%d, %d) is %v, want %v as in the first layout", s, layout, tiles, i, j, got, first[i*(n+3)+j])
						case j >= n && got != 0:
							t.Fatalf("%v: element (%d, %d), beyond the product, was written", s, i, j)
						case j < n && math.Abs(float64(got)-want[i*n+j]) > 1e-4:
							t.Fatalf("%v: element (%d, %d) is %v, want %v", s, i, j, got, want[i*n+j])
						}
					}
				}
			}
		}
	}
}

// BenchmarkMultiply times products of the shapes that training has, on one core.
func BenchmarkMultiply(b *testing.B) {
	for _, s := range []struct {
		m, n, k int
		layout  string
	}{
		{1024, 1024, 1024, "ab"}, {1024, 128, 128, "abT"}, {1024, 344, 128, "abT"}, {1024, 128, 344, "ab"},
		{344, 128, 1024, "aTb"}, {128, 128, 32, "abT"}, {128, 32, 128, "ab"}, {128, 32, 128, "aTb"},
	} {
		b.Run(fmt.Sprintf("%dx%dx%d-%s", s.m, s.n, s.k, s.layout), func(b *testing.B) {
			x, y, z := random(s.m*s.k), random(s.k*s.n), make([]float32, s.m*s.n)
			mx, my := matrix{x, s.k, 1}, matrix{y, s.n, 1}
			switch s.layout {
			case "abT":
				my = matrix{y, 1, s.k}
			case "aTb":
				mx = matrix{x, 1, s.m}
			}
			for b.Loop() {
				withWorkspace(func(w multiplier) { w.multiply(matrix{z, s.n, 1}, mx, my, s.m, s.n, s.k, region{}) })
			}
			b.ReportMetric(2*float64(s.m*s.n*s.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

// TestPackedFactor reuses a packed factor for the next product with the same
// factor, and for no other.
func TestPackedFactor(t *testing.T) {
	needTiles(t)
	testPackedFactor(t, withWorkspace)
}

func testPackedFactor(t *testing.T, with func(func(multiplier))) {
	const m, n, k = 9, 40, 24
	b1, b2, long := random(k*n), random(k*n), random(2*blockTerms*n)
	with(func(w multiplier) {
		for i, use := range []struct {
			b []float32
			k int
		}{{b1, k}, {b1, k}, {b2, k}, {long, 2 * blockTerms}, {long, 2 * blockTerms}, {b1, k}, {b1, k}} {
			a, got, want := random(m*use.k), make([]float32, m*n), make([]float32, m*n)
			w.multiply(matrix{got, n, 1}, matrix{a, use.k, 1}, matrix{use.b, n, 1}, m, n, use.k, region{})
			with(func(w multiplier) {
				w.multiply(matrix{want, n, 1}, matrix{a, use.k, 1}, matrix{use.b, n, 1}, m, n, use.k, region{})
			})
			if !slices.Equal(got, want) {
				t.Errorf("product %d differs from the same product in a fresh workspace", i)
			}
		}
	})
}

// TestMultiplyBits holds products to one checksum: every instruction set adds terms
// in the same order, with one rounding each.
func TestMultiplyBits(t *testing.T) {
	needTiles(t)
	numbers := func(n int) []float32 { // the same everywhere
		x, state := make([]float32, n), uint32(1)
		for i := range x {
			state = state*1664525 + 1013904223
			x[i] = float32(int32(state)>>8) / (1 << 23)
		}
		return x
	}
	const m, n, k = 19, 45, 600
	sum := crc32.NewIEEE()
	c := make([]float32, m*n)
	withWorkspace(func(w multiplier) {
		w.multiply(matrix{c, n, 1}, matrix{numbers(m * k), k, 1}, matrix{numbers(k * n), n, 1}, m, n, k, region{})
	})
	for _, v := range c {
		sum.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
	if got := sum.Sum32(); got != 0xc6aba122 {
		t.Errorf("the checksum of a product is %#08x", got)
	}
}
