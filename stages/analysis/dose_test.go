package analysis

import (
	"math"
	"strconv"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
)

// ofDoses has the responses of seeds at doses; NaN stands for no trial.
func ofDoses(x []float64, responses ...[]float64) *design.Table {
	table := design.NewTable([]string{"a", "seed"}, "seed")
	for s, of := range responses {
		for i, y := range of {
			if !math.IsNaN(y) {
				add(table, y, strconv.FormatFloat(x[i], 'g', -1, 64), strconv.Itoa(s))
			}
		}
	}
	return table
}

// dosesOf is the answer of an analysis "dose" about a table.
func dosesOf(t *testing.T, table *design.Table) *doses {
	t.Helper()
	d := design.New(table, "seed")
	r := &doses{stage: &Dose{Confidence: 0.95}, design: d, model: estimate.NewModel(d, estimate.OwnError, 0.95), base: -1}
	if list := r.read(); len(list) > 0 {
		t.Fatal(list.Err())
	}
	r.gaps()
	r.slope()
	return r
}

// The unit of the doses changes the unit of the slope, and neither t nor the method.
func TestSlopeInAnyUnit(t *testing.T) {
	responses := [][]float64{{-0.1512, -0.1121, 0.1166, 0.561}, {0.1709, 0.3369, 0.6679, 1.1927}, {0.2406, 0.2968, 0.4326, 0.5182}}
	in := func(unit, offset float64) []float64 {
		return []float64{offset + unit, offset + 2*unit, offset + 4*unit, offset + 8*unit}
	}
	want := dosesOf(t, ofDoses(in(1, 0), responses...)).Contrasts[0]
	for _, x := range [][]float64{in(1e-8, 0), in(1e12, 0), in(1./1024, 1<<20)} {
		got := dosesOf(t, ofDoses(x, responses...)).Contrasts[0]
		if got.Method != estimate.PairedT || math.Abs(*got.T-*want.T) > 1e-6**want.T {
			t.Errorf("doses %v: %s with t = %v, want %s with %v", x, got.Method, *got.T, want.Method, *want.T)
		}
	}
}
