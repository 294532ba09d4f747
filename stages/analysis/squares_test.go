package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
)

// halves is a complete design of so many factors of two levels, with 2 to 4 seeds in each cell.
func halves(r *rand.Rand, factors int, response func() float64) *design.Table {
	var names []string
	for i := range factors {
		names = append(names, fmt.Sprint("f", i))
	}
	table := design.NewTable(append(names, "r"), "r")
	for cell := range 1 << factors {
		var levels []string
		for i := range factors {
			levels = append(levels, fmt.Sprint("l", cell>>i&1))
		}
		for seed := range 2 + r.IntN(3) {
			add(table, response(), append(levels, fmt.Sprint(seed))...)
		}
	}
	return table
}

// Where trials are missing and responses are rounded, some terms add nothing to others. Their
// sum of squares of type II is then 0, up to rounding, and never less.
func TestSquaresOfTies(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	f := newFactorial()
	f.Response, f.Error, f.Squares = "y", "pooled", "II"
	none := 0
	for range 300 {
		for _, line := range f.analyse(halves(r, 2, func() float64 { return float64(r.IntN(3)) / 10 }), "r").Anova {
			if line.SS < 0 || math.IsNaN(line.SS) {
				t.Fatalf("the sum of squares of %s is %v", line.Name, line.SS)
			}
			if line.SS == 0 && line.F != nil {
				none++
			}
		}
	}
	if none == 0 {
		t.Error("every term adds something: the test shows nothing")
	}
}

// The work for nine factors is bounded: about as much for type II as for type III. The interaction of
// all factors is in no other term, so it is the same in both.
func TestSquaresOfManyFactors(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	d := design.New(halves(r, 9, r.NormFloat64), "r")
	last := 1<<9 - 2
	second, _, _ := estimate.Anova(d, estimate.PooledError, estimate.TypeII)
	third, _, _ := estimate.Anova(d, estimate.PooledError, estimate.TypeIII)
	if second[last].SS != third[last].SS || !(second[last].SS > 0) {
		t.Errorf("%s: %v and %v", second[last].Name, second[last].SS, third[last].SS)
	}
	if second[0].SS == third[0].SS {
		t.Errorf("%s: %v of both types", second[0].Name, second[0].SS)
	}
}
