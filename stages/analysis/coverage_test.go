package analysis

import (
	"flag"
	"fmt"
	"math"
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

// coverage is the share of simulated studies whose interval contains the true
// interaction, zero, by three methods. The bootstrap is NaN where it is refused.
func coverage(n, studies, resamples int) (paired, welch, boot float64) {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	boots := estimate.Bootstrap{Resamples: resamples, Whole: true}
	refused := 0
	for range studies {
		d := design.New(simulated(r, n), "r")
		m := estimate.NewModel(d, estimate.OwnError, 0.95)
		for _, c := range d.Contrasts(false) {
			if c.Kind != "interaction" {
				continue
			}
			if e := m.Contrast(c); e.Low <= 0 && e.High >= 0 {
				paired++
			}
			if w := m.Welch(c); w.Low <= 0 && w.High >= 0 {
				welch++
			}
			low, high, ok := boots.Interval(d, c, 0.95)
			switch {
			case !ok:
				refused++
			case low <= 0 && high >= 0:
				boot++
			}
		}
	}
	s := float64(studies)
	if refused > 0 {
		boot = math.NaN()
	}
	return paired / s, welch / s, boot / s
}

var simulate = flag.Bool("simulate", false, "simulate as many studies as the tables of docs/statistics.md")

// The paired interval contains the truth in 95 of 100 studies, whatever the noise
// of the cells. The bootstrap-t is refused below five replicates.
func TestCoverage(t *testing.T) {
	studies, resamples, tolerance := 1500, 200, 0.02
	if *simulate {
		studies, resamples, tolerance = 10000, 1000, 0.01
	}
	for _, n := range []int{3, 5, 6, 10} {
		paired, welch, boot := coverage(n, studies, resamples)
		t.Logf("n = %d: paired t %.3f, Welch %.3f, bootstrap-t %.3f", n, paired, welch, boot)
		if math.Abs(paired-0.95) > tolerance {
			t.Errorf("n = %d: the paired interval covers %.3f, want 0.95 ± %v", n, paired, tolerance)
		}
		if math.IsNaN(boot) != (n < estimate.FewestResampled) {
			t.Errorf("n = %d: the bootstrap covers %v", n, boot)
		}
	}
}

// BenchmarkLarge analyses 10,000 trials.
func BenchmarkLarge(b *testing.B) {
	table := simulated(rand.New(rand.NewPCG(1, 1)), 2500)
	f := newFactorial()
	f.Response = "y"
	for b.Loop() {
		f.analyse(table, "r")
	}
}
