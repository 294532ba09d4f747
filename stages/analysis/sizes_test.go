package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
)

// unequal simulates independent cells of one factor with so many trials each.
func unequal(r *rand.Rand, sizes []int, sds []float64) *design.Table {
	table := design.NewTable([]string{"a", "r"}, "r")
	table.Unpaired = true
	for a, n := range sizes {
		for range n {
			add(table, sds[a]*r.NormFloat64(), fmt.Sprint("a", a), fmt.Sprint(len(table.Trials)))
		}
	}
	return table
}

// Families of independent cells keep their rate, also if cells differ in size and noise.
func TestRatesOfUnequalCells(t *testing.T) {
	many, tolerance := studies(20000)
	t.Log("| trials by cell | s.d. by cell | plain intervals, Bonferroni | adjusted |")
	for _, tt := range []struct {
		sizes []int
		sds   []float64
	}{
		{[]int{10, 2, 2, 2, 2, 2}, []float64{1, 1, 1, 1, 1, 1}},
		{[]int{2, 10, 10, 10}, []float64{1, 1, 1, 1}},
		{[]int{2, 10, 10, 10}, []float64{4, 1, 1, 1}},
		{[]int{12, 3, 3, 3}, []float64{1, 3, 3, 3}},
		{[]int{10, 5, 5, 5, 5, 5}, []float64{1, 1, 1, 1, 1, 1}},
		{[]int{2, 2, 2, 2, 2, 2}, []float64{1, 1, 1, 1, 1, 1}},
		{[]int{2, 2, 2, 2, 2, 2}, []float64{0.1, 1, 1, 1, 1, 1}},
		{[]int{3, 3, 3, 3, 3, 3}, []float64{1, 1, 1, 1, 1, 1}},
		{[]int{3, 3, 3, 3, 3, 3}, []float64{0.1, 1, 1, 1, 1, 1}},
		{[]int{5, 5, 5, 5, 5, 5}, []float64{0.1, 1, 1, 1, 1, 1}},
		{[]int{2, 2}, []float64{0.1, 1}},
		{[]int{3, 3}, []float64{0.2, 1}},
	} {
		r := rand.New(rand.NewPCG(41, 1))
		plain, adjusted := 0, 0
		for range many {
			d := design.New(unequal(r, tt.sizes, tt.sds), "r")
			m := estimate.NewModel(d, estimate.OwnError, 0.95)
			var f estimate.Family
			least := 1.
			for _, c := range d.Contrasts(false) {
				e := m.Contrast(c)
				least = min(least, e.P)
				f.Add(c, e)
			}
			if least*float64(f.Size()) <= 0.05 {
				plain++
			}
			if slices.ContainsFunc(f.Adjust(0.95), func(a estimate.Adjusted) bool { return misses(a.Low, a.High, 0) }) {
				adjusted++
			}
		}
		t.Logf("| %v | %v | %s | %s |", tt.sizes, tt.sds, rate(plain, many), rate(adjusted, many))
		if got := float64(adjusted) / float64(many); got > 0.05+tolerance {
			t.Errorf("%v: a false claim in %.4f of studies, want at most 0.05", tt.sizes, got)
		}
	}
}

// Also one hypothesis about two cells of equal size is adjusted with the degrees of freedom of a
// cell: those of Satterthwaite claim too much if one cell is noisier.
func TestOneGapOfEqualCells(t *testing.T) {
	f := newFactorial()
	f.Response = "y"
	c := f.analyse(unequal(rand.New(rand.NewPCG(51, 1)), []int{3, 3}, []float64{1, 1}), "r").Contrasts[0]
	const t2 = 4.302652729911275 // of two degrees of freedom
	if half, want := (*c.HighAdjusted-*c.LowAdjusted)/2, t2**c.Estimate / *c.T; c.Method != estimate.WelchT || math.Abs(half-want) > 1e-9 || *c.PAdjusted <= *c.P {
		t.Errorf("%s, half the adjusted interval is %v, want %v; p %v, adjusted %v", c.Method, half, want, *c.P, *c.PAdjusted)
	}
}

// An adjusted p is never below the plain one, also of a verdict that the data contradict.
func TestAdjustedVerdicts(t *testing.T) {
	r := rand.New(rand.NewPCG(47, 1))
	f := newFactorial()
	margin := 0.1
	f.Response, f.Margin = "y", &margin
	for range 20 {
		for _, c := range f.analyse(unequal(r, []int{10, 2, 3}, []float64{1, 1, 1}), "r").Contrasts {
			if *c.PHolm < *c.P || *c.PAdjusted < *c.P {
				t.Errorf("%s %s: p %v, adjusted %v and %v", c.Kind, c.Name, *c.P, *c.PHolm, *c.PAdjusted)
			}
		}
	}
}
