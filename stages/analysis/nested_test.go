package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
)

// nested simulates seeds that ran with one level of a alone, each at all levels of b. lacks
// leaves trials out. Trials of a seed share more than their own noise.
func nested(r *rand.Rand, bs, n int, effect float64, lacks func(a, b, seed int) bool) *design.Table {
	table := design.NewTable([]string{"a", "b", "seed"}, "seed")
	for a := range 2 {
		for seed := range n {
			shared := r.NormFloat64()
			for b := range bs {
				if y := shared + 0.3*r.NormFloat64() + effect*float64(a); lacks == nil || !lacks(a, b, seed) {
					add(table, y, fmt.Sprint("a", a), fmt.Sprint("b", b), fmt.Sprint(a*n+seed))
				}
			}
		}
	}
	return table
}

// A main effect of a factor whose levels ran with different seeds is that of the means of
// seeds, by Welch's t, however many trials each seed has.
func TestNestedSeeds(t *testing.T) {
	table := nested(rand.New(rand.NewPCG(1, 2)), 4, 3, 0, nil)
	means := design.NewTable([]string{"a", "seed"}, "seed")
	sums := make(map[[2]string]float64)
	for _, x := range table.Trials {
		l := labels(table, x)
		sums[[2]string{l[0], l[2]}] += x.Response / 4
	}
	for _, x := range table.Trials {
		if l := labels(table, x); l[1] == "b0" {
			add(means, sums[[2]string{l[0], l[2]}], l[0], l[2])
		}
	}
	got, want := find(t, analysed(t, table), "main", "a1 − a0"), find(t, analysed(t, means), "gap", "a1 − a0")
	if got.Method != estimate.GroupedT || want.Method != estimate.WelchT {
		t.Fatalf("%s, and of means %s", got.Method, want.Method)
	}
	for name, x := range map[string][2]float64{"estimate": {*got.Estimate, *want.Estimate}, "p": {*got.P, *want.P}, "df": {*got.DF, *want.DF}, "low": {*got.Low, *want.Low}} {
		if math.Abs(x[0]-x[1]) > 1e-9 {
			t.Errorf("%s: %v, and of the means of seeds %v", name, x[0], x[1])
		}
	}
	if c := find(t, analysed(t, table), "main", "b1 − b0"); c.Method != estimate.GroupedT {
		t.Errorf("b1 − b0, within seeds: %s", c.Method)
	}
}

// Families keep their rate where seeds are nested in a factor, and a verdict of
// equivalence too; also where some seeds lack trials.
func TestRatesOfNestedSeeds(t *testing.T) {
	many, tolerance := studies(4000)
	t.Log("| levels of b | seeds a level of a | missing trials | gaps | main effects | interactions | wrong verdicts |")
	missing := map[string]func(a, b, seed int) bool{
		"none": nil, "one of a seed": func(a, b, seed int) bool { return a+b+seed == 0 },
		"one of each seed": func(a, b, seed int) bool { return b == seed },
	}
	for _, bs := range []int{2, 4} {
		for _, n := range []int{3, 5} {
			for _, name := range sortedKeys(missing) {
				if !*simulate && (bs == 2 || n == 5 && name != "none") { // the cases that were worst take a third of the time
					continue
				}
				r := rand.New(rand.NewPCG(37, uint64(10*bs+n)))
				f := newFactorial()
				f.Response = "y"
				count := make(map[string]int)
				for range many {
					for kind := range claims(f.analyse(nested(r, bs, n, 0, missing[name]), "seed")) {
						count[kind]++
					}
				}
				margin := 1.
				f.Margin = &margin
				wrong := 0
				for range many {
					if c := find(t, f.analyse(nested(r, bs, n, margin, missing[name]), "seed"), "equivalence", "a1 − a0"); c.Verdict == "equivalent within ±1" {
						wrong++
					}
				}
				t.Logf("| %d | %d | %s | %s | %s | %s | %s |", bs, n, name, rate(count["gap"], many), rate(count["main"], many), rate(count["interaction"], many), rate(wrong, many))
				for _, c := range []int{count["gap"], count["main"], count["interaction"], wrong} {
					if got := float64(c) / float64(many); got > 0.05+tolerance {
						t.Errorf("%d levels, %d seeds, %s missing: a false claim in %.4f of studies", bs, n, name, got)
					}
				}
			}
		}
	}
}
