package analysis

import (
	"fmt"
	"math"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
)

// ofThree has cells lost, x and base; NaN stands for no trial.
func ofThree(lost, x, base []float64) (of [3]*design.Cell) {
	table := design.NewTable([]string{"a", "seed"}, "seed")
	for i, values := range [][]float64{lost, x, base} {
		for s, y := range values {
			if !math.IsNaN(y) {
				add(table, y, fmt.Sprint(i), fmt.Sprint(s))
			}
		}
	}
	copy(of[:], design.New(table, "seed").Cells)
	return of
}

// An error no larger than rounding gives no interval, and a gap no larger than rounding
// no share.
func TestRecoveryWithoutNoise(t *testing.T) {
	for name, tt := range map[string]struct {
		lost, x, base []float64
		why           estimate.RatioProblem
	}{
		"equal seeds":    {[]float64{4, 4, 4}, []float64{3.5, 3.5, 3.5}, []float64{3, 3, 3}, estimate.RatioConstant},
		"no gap":         {[]float64{0.30000000000000004, 0.30000000000000004}, []float64{0.25, 0.25}, []float64{0.3, 0.3}, estimate.RatioNoGap},
		"equal gaps":     {[]float64{4, 4.17, 4.48}, []float64{3.5, 3.67, 3.98}, []float64{3, 3.17, 3.48}, estimate.RatioConstant},
		"a fixed share":  {[]float64{4.1, 4.3, 4.7}, []float64{3.55, 3.65, 3.85}, []float64{3, 3, 3}, estimate.RatioConstant},
		"noise in x":     {[]float64{4, 4, 4}, []float64{3.5, 3.6, 3.4}, []float64{3, 3, 3}, estimate.RatioComplete},
		"noise in all":   {[]float64{4.1, 4, 4.2}, []float64{3.5, 3.6, 3.4}, []float64{3, 3.1, 2.9}, estimate.RatioComplete},
		"noise of tiny":  {[]float64{4e-9, 4.1e-9}, []float64{3.5e-9, 3.6e-9}, []float64{3e-9, 3.05e-9}, estimate.RatioComplete},
		"gap of unknown": {[]float64{4.1, 3}, []float64{3.5, 3.6}, []float64{3, 3.1}, estimate.RatioUnbounded},
	} {
		c := ofThree(tt.lost, tt.x, tt.base)
		got := estimate.Fieller(c[0], c[1], c[2], 0.95)
		if got.Why != tt.why || math.IsNaN(got.Low) != (tt.why != estimate.RatioComplete) || tt.why == estimate.RatioNoGap != math.IsNaN(got.Value) {
			t.Errorf("%s: %+v, want %v", name, got, tt.why)
		}
	}
}

// A seed that one cell lacks is left out of all three; the others stay paired.
func TestRecoveryOfCompleteSeeds(t *testing.T) {
	lost, x, base := []float64{5.8, 5.1, 6.5, 4.2}, []float64{5, 4, math.NaN(), 3.1}, []float64{3.8, 3, 4.7, 2.3}
	c := ofThree(lost, x, base)
	got := estimate.Fieller(c[0], c[1], c[2], 0.95)
	nan := math.NaN()
	c = ofThree([]float64{5.8, 5.1, nan, 4.2}, x, []float64{3.8, 3, nan, 2.3})
	want := estimate.Fieller(c[0], c[1], c[2], 0.95)
	if !got.Dropped || want.Dropped || got.Value != want.Value || got.Low != want.Low || got.N != 3 {
		t.Errorf("got %+v, want the complete seeds alone, %+v", got, want)
	}
}

// Two cells of the same seeds are paired although the third has others: here their gap is the same
// for every seed, so that the share has the error of lost and x, in units of the gap.
func TestRecoveryOfOtherSeeds(t *testing.T) {
	nan := math.NaN()
	c := ofThree([]float64{nan, nan, nan, 8, 10, 12}, []float64{7, 9, 8}, []float64{nan, nan, nan, 4, 6, 8})
	got := estimate.Fieller(c[0], c[1], c[2], 0.95)
	const t2 = 4.302652729911275 // the quantile of t with 2 degrees of freedom
	half := t2 * math.Sqrt(4./3+1./3) / 4
	if got.Value != 0.5 || math.Abs(got.Low-(0.5-half)) > 1e-9 || math.Abs(got.High-(0.5+half)) > 1e-9 {
		t.Errorf("got %+v, want 0.5 ± %v", got, half)
	}
}
