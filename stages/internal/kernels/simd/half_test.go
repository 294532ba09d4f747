package simd

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"ablate/stages/internal/kernels/simd/model"
)

// halfModels are models of all processors' tiles.
var halfModels = []*HalfTiles{
	{Name: "bf16", Rows: 8, Group: 1, Multiply: model.AVX512},
	{Name: "amx", Rows: 32, Group: 16, ByRows: true, Multiply: model.AMX},
	{Name: "bfmmla", Rows: 8, Group: 8, ByRows: true, Multiply: model.BFMMLA},
}

// eachHalfTile runs a test with the processor's tiles, if it has any, and with the
// models, which are slow in an emulator.
func eachHalfTile(t *testing.T, test func(t *testing.T)) {
	was := Half
	defer func() { Half = was }()
	for _, half := range processorHalves() {
		Half = func() *HalfTiles { return half }
		t.Run("processor "+half.Name, test)
	}
	if testing.Short() && len(processorHalves()) > 0 {
		return
	}
	for _, half := range halfModels {
		Half = func() *HalfTiles { return half }
		t.Run("model "+half.Name, test)
	}
}

// toHalf rounds to the nearest bfloat16.
func toHalf(v float32) float32 { return math.Float32frombits(halfBits(v) << 16) }

// TestHalves has products of all layouts, of sizes around those of tiles and
// blocks. They have the same bits in each layout, and are as near to the exact
// product of the rounded factors as sums in float32 are.
func TestHalves(t *testing.T) {
	eachHalfTile(t, func(t *testing.T) {
		for _, s := range [][3]int{{1, 1, 1}, {8, 32, 256}, {7, 31, 5}, {9, 33, 257}, {270, 10, 5}, {5, 1060, 3}, {9, 10, 513}} {
			testHalves(t, s[0], s[1], s[2])
		}
	})
}

func testHalves(t *testing.T, m, n, k int) {
	a, b := random(m*k), random(k*n)
	want, size := make([]float64, m*n), make([]float64, m*n)
	for i := range m {
		for j := range n {
			for p := range k {
				term := float64(toHalf(a[i*k+p])) * float64(toHalf(b[p*n+j]))
				want[i*n+j] += term
				size[i*n+j] += math.Abs(term)
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
		c := make([]float32, m*(n+3))
		withHalves(func(w multiplier) { w.multiply(matrix{c, n + 3, 1}, ma, mb, m, n, k, region{}) })
		if first == nil {
			first = c
		}
		if !slices.Equal(c, first) {
			t.Fatalf("%dx%dx%d: layout %d has other bits than the first", m, n, k, layout)
		}
	}
	for i := range m {
		for j := range n + 3 {
			got := float64(first[i*(n+3)+j])
			switch {
			case j >= n && got != 0:
				t.Fatalf("%dx%dx%d: element (%d, %d), beyond the product, was written", m, n, k, i, j)
			case j < n && math.Abs(got-want[i*n+j]) > float64(k+1)/(1<<24)*size[i*n+j]:
				t.Fatalf("%dx%dx%d: element (%d, %d) is %v, want %v within k+1 roundings", m, n, k, i, j, got, want[i*n+j])
			}
		}
	}
}

func turned(x []float32, rows, columns int) []float32 {
	y := make([]float32, len(x))
	for i := range rows {
		for j := range columns {
			y[j*rows+i] = x[i*columns+j]
		}
	}
	return y
}

// TestHalfTileModel holds the processor's tiles to their models, bit for bit, with
// numbers of all magnitudes.
func TestHalfTileModel(t *testing.T) {
	if len(processorHalves()) == 0 {
		t.Logf("this processor does not multiply bfloat16 numbers")
	}
	for _, half := range processorHalves() {
		same := func(m *HalfTiles) bool { return m.Name == half.Name }
		want := halfModels[slices.IndexFunc(halfModels, same)]
		for _, spread := range []int{0, 8, 40, 120, 250} {
			for _, add := range []bool{false, true} {
				testHalfTileModel(t, half, want, spread, add)
			}
		}
	}
}

func testHalfTileModel(t *testing.T, half, model *HalfTiles, spread int, add bool) {
	const pairs, strips, ldc = 48, 3, panelWidth + 5
	r := rand.New(rand.NewPCG(4, 2))
	words := func(n int) []uint32 {
		out := make([]uint32, n)
		for i := range out {
			for range 2 {
				v := float32(math.Ldexp(r.NormFloat64(), r.IntN(spread+1)-spread/2))
				out[i] = out[i]<<16 | halfBits(v)
			}
		}
		return out
	}
	a, b := words(strips*half.Rows*pairs), words(panelWidth*pairs)
	got := random(strips * half.Rows * ldc)
	want := slices.Clone(got)
	half.Multiply(got, ldc, a, pairs, 1, b, strips, pairs, add)
	model.Multiply(want, ldc, a, pairs, 1, b, strips, pairs, add)
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && got[i] == got[i] {
			t.Fatalf("%s, add %t, with magnitudes over 2^%d: element %d is %v (%#08x), want %v (%#08x)", half.Name, add, spread, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// TestExactTiles accepts the processor's tiles and the models, and no tiles that are
// wrong in one element.
func TestExactTiles(t *testing.T) {
	for _, half := range append(processorHalves(), halfModels...) {
		if !half.exact() {
			t.Errorf("%s is taken for wrong", half.Name)
		}
		for _, at := range []int{0, 5*panelWidth + 17, 2*half.Rows*panelWidth - 1} {
			wrong := *half
			wrong.Multiply = func(c []float32, ldc int, a []uint32, am, ak int, panel []uint32, strips, pairs int, add bool) {
				half.Multiply(c, ldc, a, am, ak, panel, strips, pairs, add)
				c[at]++
			}
			if firstExact([]*HalfTiles{&wrong, half}) != half {
				t.Errorf("%s is not taken for wrong with an error in element %d", half.Name, at)
			}
		}
	}
}

// TestPackHalves packs special numbers, in runs of all lengths, as halfBits does, which
// rounds as RoundHalf does, but for subnormal numbers.
func TestPackHalves(t *testing.T) {
	x := append(random(60), 0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -math.MaxFloat32,
		1e-40, -1e-45, math.Float32frombits(0x7fffff), math.Float32frombits(0x807f8000), 1+1.0/256, 1+3.0/256, math.Float32frombits(0x7fc00000), math.Float32frombits(0xffffffff))
	rounded := make([]float32, len(x))
	RoundHalf(rounded, x)
	for i, v := range x {
		if got, want := halfBits(v), math.Float32bits(rounded[i])>>16; got != want && (v == 0 || math.Abs(float64(v)) >= 0x1p-126) {
			t.Fatalf("%v becomes %#04x, want %#04x", v, got, want)
		}
	}
	word := func(i, j int) uint32 {
		w := halfBits(x[i])
		if j < len(x) {
			w |= halfBits(x[j]) << 16
		}
		return w
	}
	for n := range len(x) + 1 {
		run := make([]uint32, (n+1)/2)
		packRun(run, x[len(x)-n:])
		for p, got := range run {
			i := len(x) - n + 2*p
			if want := word(i, i+1); got != want {
				t.Fatalf("in a run of %d numbers, pair %d is %#08x, want %#08x", n, p, got, want)
			}
		}
		if n > len(x)/2 {
			continue
		}
		two := make([]uint32, n)
		packTwo(two, x[len(x)-n:], x[:n])
		for i, got := range two {
			if want := word(len(x)-n+i, i); got != want {
				t.Fatalf("of two terms of %d numbers, pair %d is %#08x, want %#08x", n, i, got, want)
			}
		}
	}
}

// TestPackedHalves reuses a packed factor for the next product with the same
// factor, and for no other.
func TestPackedHalves(t *testing.T) {
	eachHalfTile(t, func(t *testing.T) { testPackedFactor(t, withHalves) })
}

// BenchmarkPackHalves times the packing of a block of 256 rows and 256 terms, as
// rows and as columns.
func BenchmarkPackHalves(b *testing.B) {
	was := Half
	defer func() { Half = was }()
	x := random(blockRows * blockTerms)
	for _, half := range halfModels {
		Half = func() *HalfTiles { return half }
		for name, a := range map[string]matrix{"rows": {x, blockTerms, 1}, "columns": {x, 1, blockRows}} {
			b.Run(half.Name+" "+name, func(b *testing.B) {
				withHalves(func(m multiplier) {
					for b.Loop() {
						m.(*halves).packRows(a, blockRows, blockTerms, region{})
					}
				})
			})
		}
	}
}

// TestRoundedProducts rounds the results of products, after the last of their terms.
func TestRoundedProducts(t *testing.T) {
	eachHalfTile(t, func(t *testing.T) {
		for _, size := range []int{5, 40, 260} {
			for _, part := range []Triangle{Whole, LowerFactor, UpperFactor, LowerResult} {
				p := Product{M: size, N: 70, K: size, A: Strides{size, 1}, B: Strides{70, 1}, C: Strides{70, 1}, Half: true, Part: part}
				if part == LowerResult {
					p.N, p.K, p.A, p.B, p.C = size, 70, Strides{70, 1}, Strides{size, 1}, Strides{size, 1}
				}
				a, b, want, got := random(p.M*p.K), random(p.K*p.N), make([]float32, p.M*p.N), make([]float32, p.M*p.N)
				p.Run(want, a, b)
				RoundHalf(want, want)
				p.Rounded = true
				p.Run(got, a, b)
				if !slices.Equal(got, want) {
					t.Fatalf("size %d, triangle %d: results are not those of the product, rounded", size, part)
				}
			}
		}
	})
}

// TestCoresOfSubnormals has numbers that would be rounded up to 2^-126, in a last row that
// a core packs alone.
func TestCoresOfSubnormals(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	eachHalfTile(t, func(t *testing.T) {
		m := Half().Rows + 1
		const n, k = 32, 8000
		p := Product{M: m, N: n, K: k, A: Strides{1, m}, B: Strides{n, 1}, C: Strides{n, 1}, Half: true}
		a, b := slices.Repeat([]float32{math.Float32frombits(0x7fffff)}, m*k), slices.Repeat([]float32{0x1p100}, k*n)
		var first []float32
		for _, cores := range []int{1, 2} {
			runtime.GOMAXPROCS(cores)
			c := make([]float32, m*n)
			p.Run(c, a, b)
			if first == nil {
				first = c
			}
			if !slices.Equal(c, first) {
				t.Errorf("the last element is %v with %d cores, %v with one", c[m*n-1], cores, first[m*n-1])
			}
		}
	})
}

// TestRoundRows rounds rows of all widths, and nothing beside them.
func TestRoundRows(t *testing.T) {
	const row, rows = 40, 9
	for width := 1; width <= panelWidth; width++ {
		got := random(rows * row)
		got[3], got[row+7] = float32(math.Inf(1)), float32(math.NaN())
		want := slices.Clone(got)
		for i := range rows {
			part := want[i*row:][:width]
			roundHalfLoop(part, part)
		}
		roundRows(got, row, rows, width)
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Fatalf("width %d: number %d is %v, want %v", width, i, got[i], want[i])
			}
		}
	}
}
