package analysis

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
)

// simulated is a 2 × 2 study of n paired replicates without any interaction,
// whose cells differ in noise.
func simulated(r *rand.Rand, n int) *design.Table {
	table := design.NewTable([]string{"a", "b", "r"}, "r")
	for rep := range n {
		shared := r.NormFloat64()
		for i := range 4 {
			a, b := i/2, i%2
			y := shared + float64(a) + 2*float64(b) + (0.5+0.5*float64(i))*r.NormFloat64()
			add(table, y, fmt.Sprint("a", a), fmt.Sprint("b", b), fmt.Sprint(rep))
		}
	}
	return table
}

// coverage is the share of simulated studies whose interval holds the true
// interaction, zero, by three methods.
func coverage(n, studies int) (paired, welch, boot float64) {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	within := estimate.Bootstrap{Resamples: 400}
	for range studies {
		d := design.New(simulated(r, n), "r")
		for _, c := range d.Contrasts() {
			if c.Kind != "interaction" {
				continue
			}
			e := estimate.Contrast(c, d.Cells, 0.95)
			if e.Low <= 0 && e.High >= 0 {
				paired++
			}
			w := estimate.Welch(c, d.Cells, 0.95)
			if w.Low <= 0 && w.High >= 0 {
				welch++
			}
			if low, high, ok := within.Interval(c, d.Cells, 0.95); ok && low <= 0 && high >= 0 {
				boot++
			}
		}
	}
	s := float64(studies)
	return paired / s, welch / s, boot / s
}

// The paired interval holds the truth in 95 of 100 studies, whatever the cells'
// noise; Welch's does about so; the bootstrap does not, with few replicates.
// docs/analysis.md prints these shares.
func TestCoverage(t *testing.T) {
	for _, n := range []int{3, 5} {
		paired, welch, boot := coverage(n, 10000)
		t.Logf("n = %d: paired t %.3f, Welch %.3f, bootstrap within cells %.3f", n, paired, welch, boot)
		if paired < 0.94 || paired > 0.96 {
			t.Errorf("n = %d: the paired interval covers %.3f, want 0.95 ± 0.01", n, paired)
		}
		if boot > 0.94 {
			t.Errorf("n = %d: the bootstrap covers %.3f, and the docs say that it falls short", n, boot)
		}
	}
}

// BenchmarkLarge analyses 10,000 trials.
func BenchmarkLarge(b *testing.B) {
	table := simulated(rand.New(rand.NewPCG(1, 1)), 2500)
	f := &Factorial{Response: "y", At: finalStep, Replicate: "r", Confidence: 0.95}
	for b.Loop() {
		f.analyse(table, "r")
	}
}
