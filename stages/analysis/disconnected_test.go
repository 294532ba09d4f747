package analysis

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
)

// Names of contrasts have commas where several factors are fixed.
func TestNamesInAWarning(t *testing.T) {
	table := design.NewTable([]string{"a", "b", "c", "r"}, "r")
	for cell := range 8 {
		for seed := range 3 {
			add(table, float64(cell*seed%5), fmt.Sprint("a", cell/4), fmt.Sprint("b", cell/2%2), fmt.Sprint("c", cell%2), fmt.Sprint(cell, "-", seed))
		}
	}
	want := ": a1 − a0 at b0, c0; b1 − b0 at a0, c0; "
	if text := strings.Join(newFactorial().analyse(table, "r").Warnings, " "); !strings.Contains(text, want) {
		t.Errorf("%q, want %q", text, want)
	}
}

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
