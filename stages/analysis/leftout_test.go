package analysis

import (
	"fmt"
	"math"
	"testing"

	"ablate/stages/analysis/internal/design"
)

// Without a replicate, a paired contrast is that of the replicates that its cells still
// share, also if it is only one.
func TestLeftOutKeepsThePairs(t *testing.T) {
	table := design.NewTable([]string{"norm", "seed"}, "seed")
	for seed, v := range []float64{1, 2, 4} {
		add(table, v, "a", fmt.Sprint(seed))
		add(table, v*v, "b", fmt.Sprint(seed+1)) // seeds 1 and 2 are common: gaps 1-2 and 4-4
	}
	f := newFactorial()
	f.Response = "loss"
	for _, c := range f.analyse(table, "seed").Contrasts {
		if c.Kind != "gap" {
			continue
		}
		if c.LeftOut == nil || math.Abs(c.LeftOut.Low+1) > 1e-12 || math.Abs(c.LeftOut.High-0) > 1e-12 {
			t.Errorf("%s without one seed: %+v, want −1 to 0", c.Name, c.LeftOut)
		}
		return
	}
	t.Error("there is no gap")
}

// The complete part of a design keeps the baseline, from which its effects are measured.
func TestCompletePartHasTheBaseline(t *testing.T) {
	table := design.NewTable([]string{"a", "b", "seed"}, "seed")
	for a := range 5 {
		for b := range 3 {
			for seed := range 3 {
				if a+b == 0 || a != 0 || b == 2 { // the baseline of a lacks b1
					add(table, float64(a+b*b+seed%2), fmt.Sprint("a", a), fmt.Sprint("b", b), fmt.Sprint(seed))
				}
			}
		}
	}
	f := newFactorial()
	r := f.analyse(table, "seed")
	if c := find(t, r, "main", "a1 − a0"); c.Estimate == nil || len(c.Over["b"]) != 2 {
		t.Errorf("%+v, want an effect over b0 and b2; warnings %q", c, r.Warnings)
	}
}
