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
