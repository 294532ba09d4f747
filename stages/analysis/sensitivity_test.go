package analysis

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/analysis/internal/render"
)

// A gap that one seed makes is shown without that seed, and the seed's trials have the
// largest residuals. Nothing else in the answer depends on it.
func TestSensitivity(t *testing.T) {
	for _, model := range estimate.Errors {
		f := newFactorial()
		f.Error = string(model)
		r := f.analyse(oneGap(0.1, 0.2, 4, 0.3), "seed")
		c := find(t, r, "gap", "b − a")
		if x := c.LeftOut; x == nil || x.Replicate != "2" || math.Abs(x.Estimate-0.2) > 1e-12 || math.Abs(x.Low-0.2) > 1e-12 || math.Abs(x.High-1.5) > 1e-12 {
			t.Errorf("%s: without one seed: %+v, want seed 2, from 0.2 to 1.5", model, x)
		}
		if x := r.Sensitivity.Residuals; len(x) != 3 || x[0].Replicate != "2" || x[1].Replicate != "2" || !(x[0].Ratio > 1.5) {
			t.Errorf("%s: largest residuals %+v, want those of seed 2 first", model, x)
		}
		if c.Low == nil || *c.Low > 0 || *c.High < 0 {
			t.Errorf("%s: %+v, want an interval that includes 0", model, c)
		}
		text := render.Text(render.Factorial(r).Sections)
		for _, want := range []string{"+0.20 to +1.50   seed 2", "Largest residuals: ", "Standard deviations of cells range from"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the text does not say %q:\n%s", model, want, text)
			}
		}
	}
}

// Rows that are not paired have no replicate to leave out, tuned settings would change
// with each, and of many replicates no single one matters.
func TestNothingIsLeftOut(t *testing.T) {
	unpaired := oneGap(1, 2, 3, 4)
	unpaired.Unpaired = true
	many := make([]float64, estimate.MostLeftOut+1)
	for i := range many {
		many[i] = float64(i % 7)
	}
	for name, table := range map[string]*design.Table{"unpaired": unpaired, "one seed": oneGap(1), "many seeds": oneGap(many...)} {
		if c := find(t, newFactorial().analyse(table, "seed"), "gap", "b − a"); c.LeftOut != nil {
			t.Errorf("%s: %+v", name, c.LeftOut)
		}
	}
	f := newFactorial()
	f.Tune = []string{"rate"}
	table := design.NewTable([]string{"arm", "rate", "seed"}, "seed")
	for i := range 16 {
		add(table, math.Sin(float64(i)), fmt.Sprint("a", i%2), fmt.Sprint(i/2%2), fmt.Sprint(i/4))
	}
	for _, c := range f.analyse(table, "seed").Contrasts {
		if c.LeftOut != nil {
			t.Errorf("tuned: %+v", c)
		}
	}
}
