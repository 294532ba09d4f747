package analysis

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
)

// Where other seeds ran at each level of a factor, least squares cannot compare the levels,
// whatever the numbers of seeds and levels make of the singular matrix.
func TestDisconnectedCells(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for seeds := 2; seeds < 8; seeds++ {
		for levels := 2; levels < 10; levels++ {
			table := design.NewTable([]string{"a", "b", "r"}, "r")
			for a := range 2 {
				for b := range levels {
					for seed := range seeds {
						add(table, r.NormFloat64(), fmt.Sprint("a", a), fmt.Sprint("b", b), fmt.Sprint(a, "-", seed))
					}
				}
			}
			r.Shuffle(len(table.Trials), func(i, j int) { table.Trials[i], table.Trials[j] = table.Trials[j], table.Trials[i] })
			f := newFactorial()
			f.Response, f.Error = "y", "pooled"
			for _, c := range f.analyse(table, "r").Contrasts {
				if c.Method == estimate.PooledT {
					t.Fatalf("%d seeds, %d levels: %s has a %s, %v", seeds, levels, c.Name, c.Method, *c.Half)
				}
			}
		}
	}
}
