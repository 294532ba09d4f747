package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/analysis/power"
)

// The sign-flip test rejects a true hypothesis at most as often as it says. With few
// replicates it cannot reach 0.05.
func TestRatesOfSignFlips(t *testing.T) {
	many, tolerance := studies(20000)
	t.Log("| replicates | noise | smallest p | p of at most 0.05 | p of at most 0.25 |")
	for _, n := range []int{3, 5, 6, 10} {
		for _, skewed := range []bool{false, true} {
			r := rand.New(rand.NewPCG(31, uint64(n)))
			var five, quarter int
			least := 0.0
			for range many {
				d := design.New(flipped(r, n, skewed), "r")
				p, smallest, _ := estimate.NewModel(d, estimate.OwnError, 0.95).SignFlip(design.Contrast{Weights: map[int]float64{0: -1, 1: 1}})
				least = smallest
				if p <= 0.05 {
					five++
				}
				if p <= 0.25 {
					quarter++
				}
			}
			noise := "normal"
			if skewed {
				noise = "Laplace"
			}
			t.Logf("| %d | %s | %.4f | %s | %s |", n, noise, least, rate(five, many), rate(quarter, many))
			if float64(five)/float64(many) > 0.05+tolerance || float64(quarter)/float64(many) > 0.25+2*tolerance {
				t.Errorf("n = %d, %s: p is at most 0.05 in %s of studies, and at most 0.25 in %s", n, noise, rate(five, many), rate(quarter, many))
			}
		}
	}
}

// flipped simulates two arms without a difference, whose differences are normal or have
// long tails.
func flipped(r *rand.Rand, n int, tails bool) *design.Table {
	table := design.NewTable([]string{"a", "r"}, "r")
	for rep := range n {
		shared, e := r.NormFloat64(), r.NormFloat64()
		if tails {
			e = r.ExpFloat64() - r.ExpFloat64()
		}
		add(table, shared, "a0", fmt.Sprint(rep))
		add(table, shared+e, "a1", fmt.Sprint(rep))
	}
	return table
}

// Studies find an effect, and show equivalence, as often as power says when it knows the
// standard deviation.
func TestRatesOfPower(t *testing.T) {
	many, _ := studies(20000)
	margin := 1.5
	t.Log("| replicates | effect, in s.d. | power, as said | as simulated | equivalence, as said | as simulated |")
	for _, n := range []int{3, 5, 10} {
		for _, effect := range []float64{1, 2, 4} {
			said := planned(n, effect, margin)
			r := rand.New(rand.NewPCG(37, uint64(n)))
			found, same := 0, 0
			for range many {
				if e := gapOf(pilotStudy(r, n, effect)); misses(e.Low, e.High, 0) {
					found++
				}
				if gapOf(pilotStudy(r, n, 0)).Equivalent(margin, 0.05).P <= 0.05 {
					same++
				}
			}
			t.Logf("| %d | %v | %.3f | %s | %.3f | %s |", n, effect, said.Power, rate(found, many), said.Equivalence, rate(same, many))
			for what, x := range map[string][2]float64{"power": {said.Power, float64(found)}, "equivalence": {said.Equivalence, float64(same)}} {
				tolerance := 4*math.Sqrt(x[0]*(1-x[0])/float64(many)) + 1/float64(many)
				if got := x[1] / float64(many); math.Abs(got-x[0]) > tolerance {
					t.Errorf("n = %d, effect %v: %s of %.4f, and %.4f in studies", n, effect, what, x[0], got)
				}
			}
		}
	}
}

// planned is what power says of the gap of two arms, each with a standard deviation of 1
// beside what replicates share.
func planned(n int, effect, margin float64) power.Answer {
	q := power.Question{Replicates: []int{n}, Effect: effect, Confidence: 0.95, Margin: margin, Alpha: 0.05}
	return q.Answers(power.Design{Factors: []power.Factor{{Name: "a", Levels: 2}}}.Contrasts(1)[0])[0]
}

func pilotStudy(r *rand.Rand, n int, effect float64) *design.Table {
	table := design.NewTable([]string{"a", "r"}, "r")
	for rep := range n {
		shared := r.NormFloat64()
		add(table, shared+r.NormFloat64(), "a0", fmt.Sprint(rep))
		add(table, shared+effect+r.NormFloat64(), "a1", fmt.Sprint(rep))
	}
	return table
}

// gapOf is the gap of a study of two arms.
func gapOf(table *design.Table) estimate.Estimate {
	return estimate.NewModel(design.New(table, "r"), estimate.OwnError, 0.95).Contrast(design.Contrast{Weights: map[int]float64{0: -1, 1: 1}})
}

// The upper bound of a pilot's standard deviation is above the true one in 90 of 100
// pilots. Power at the pilot's own estimate is right on average only roughly.
func TestRatesOfPilots(t *testing.T) {
	many, tolerance := studies(20000)
	t.Log("| pilot's replicates | true s.d. is below the upper bound | power at the estimate, its quartiles | true power |")
	for _, n := range []int{3, 5, 10} {
		r := rand.New(rand.NewPCG(41, uint64(n)))
		below := 0
		var powers []float64
		q := power.Question{Replicates: []int{5}, Effect: 2, Confidence: 0.95}
		for range many {
			f := newFactorial()
			f.Response = "y"
			known, _ := power.Pilot(f.analyse(pilotStudy(r, n, 0), "r"))
			if known[0].Upper >= math.Sqrt2 {
				below++
			}
			powers = append(powers, q.Answers(known[0])[0].Power)
		}
		low, high := quartiles(powers)
		t.Logf("| %d | %s | %.2f to %.2f | %.2f |", n, rate(below, many), low, high, planned(5, 2, 1).Power)
		if got := float64(below) / float64(many); math.Abs(got-0.9) > 2*tolerance {
			t.Errorf("n = %d: the bound holds in %.4f of pilots, want 0.9", n, got)
		}
	}
}

func quartiles(x []float64) (low, high float64) {
	slices.Sort(x)
	return x[len(x)/4], x[3*len(x)/4]
}

// A gap of two cells is claimed too often if seeds are added to three until it is claimed.
func TestRatesOfLooks(t *testing.T) {
	many, _ := studies(4000)
	f := newFactorial()
	f.Response = "y"
	t.Log("| most seeds | claimed |")
	for _, most := range []int{5, 10, 20} {
		r := rand.New(rand.NewPCG(19, 1))
		claimed := 0
		for range many {
			table := design.NewTable([]string{"a", "r"}, "r")
			for seed := range most {
				add(table, r.NormFloat64(), "a0", fmt.Sprint(seed))
				add(table, r.NormFloat64(), "a1", fmt.Sprint(seed))
				if seed >= 2 && claims(f.analyse(table, "r"))["gap"] {
					claimed++
					break
				}
			}
		}
		t.Logf("| %d | %s |", most, rate(claimed, many))
		if got := float64(claimed) / float64(many); got < 0.07 {
			t.Errorf("up to %d seeds: claimed in %.3f of studies, and docs/statistics.md warns of it", most, got)
		}
	}
}
