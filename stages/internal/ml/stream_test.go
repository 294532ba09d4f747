package ml

import (
	"math"
	"runtime"
	"slices"
	"testing"
)

// A change of these numbers changes every trial: bump the version of train lm.
func TestStreamGoldens(t *testing.T) {
	s := NewStream(0, "init", "42")
	got := []uint64{s.Uint64(0), s.Uint64(1), s.Sub("embedding").Uint64(0), NewStream(1, "init", "42").Uint64(0)}
	want := []uint64{7865345808610026341, 5736362058963583638, 2001361447198760660, 10914411029044123255}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("number %d = %d, want %d", i, got[i], want[i])
		}
	}
	normals := s.Normals(5, 0.02)
	bits := []uint32{0x3c1febbf, 0xbcc66b6d, 0x3c9cb4e8, 0x3b821baa, 0xbc9facd5}
	for i := range bits {
		if math.Float32bits(normals[i]) != bits[i] {
			t.Errorf("normal %d has the bits %#x (%v), want %#x", i, math.Float32bits(normals[i]), normals[i], bits[i])
		}
	}
}

// However many cores draw them, and however many are drawn, the numbers are the same.
func TestNormalsDoNotDependOnCores(t *testing.T) {
	s, n := NewStream(3, "init"), 3<<15+5
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want := s.Normals(n, 0.02)
	for _, cores := range []int{2, 7} {
		runtime.GOMAXPROCS(cores)
		for _, n := range []int{n, n - 1, 1<<15 + 1, 1 << 15, 7, 1, 0} {
			if !slices.Equal(s.Normals(n, 0.02), want[:n]) {
				t.Errorf("%d numbers drawn by %d cores differ", n, cores)
			}
		}
	}
}

func TestNormalsAreNormal(t *testing.T) {
	x := NewStream(7, "test").Normals(100001, 2)
	var sum, squares, fourth float64
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
		fourth += math.Pow(float64(v), 4)
	}
	n := float64(len(x))
	for _, m := range []struct {
		name      string
		got, want float64
		within    float64
	}{{"mean", sum / n, 0, 0.03}, {"variance", squares / n, 4, 0.08}, {"fourth moment", fourth / n, 48, 2}} {
		if math.Abs(m.got-m.want) > m.within {
			t.Errorf("%s = %v, want %v within %v", m.name, m.got, m.want, m.within)
		}
	}
}

func TestStreamsDiffer(t *testing.T) {
	seen := make(map[uint64]string)
	for name, s := range map[string]Stream{
		"a": NewStream(0, "a"), "b": NewStream(0, "b"), "seed": NewStream(1, "a"), "ab": NewStream(0, "ab"), "a,b": NewStream(0, "a", "b"),
		"sub": NewStream(0, "a").Sub("b"), "sub sub": NewStream(0, "a").Sub("b").Sub("c"), "sub joined": NewStream(0, "a").Sub("bc"),
	} {
		if other, twice := seen[s.Uint64(0)]; twice {
			t.Errorf("streams %q and %q are one", name, other)
		}
		seen[s.Uint64(0)] = name
	}
}

func TestPermutedIsAPermutation(t *testing.T) {
	s := NewStream(3, "order")
	for _, n := range []uint64{1, 2, 3, 4, 5, 16, 17, 100, 255, 256, 257, 5000} {
		seen := make([]bool, n)
		for i := range n {
			p := s.Permuted(i, n)
			if p >= n || seen[p] {
				t.Fatalf("Permuted(%d, %d) = %d, outside or again", i, n, p)
			}
			seen[p] = true
		}
	}
	moved := 0
	for i := range uint64(100) {
		if s.Permuted(i, 100) != i {
			moved++
		}
	}
	if moved < 80 {
		t.Errorf("only %d of 100 moved", moved)
	}
}

func TestExactMathematics(t *testing.T) {
	for x := -4.0; x <= 4; x += 1.0 / 512 {
		if d := math.Abs(Cos(x) - math.Cos(x)); d > 2e-15 {
			t.Errorf("Cos(%v) is off by %g", x, d)
		}
	}
	for _, x := range []float64{1e-300, 1e-10, 0.1, 0.25, 0.5, 0.70, 0.71, 0.999, 1, 1.001, 2, 3, 10, 1e10, 1e300} {
		want := math.Log(x)
		if d := math.Abs(Log(x) - want); d > 1e-15*math.Max(math.Abs(want), 0.1) {
			t.Errorf("Log(%v) is off by %g", x, d)
		}
	}
}
