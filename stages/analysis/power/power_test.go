package power_test

import (
	"math"
	"testing"

	"ablate/stages/analysis/power"
	"ablate/stages/answer"
)

// Half-widths and power agree with R (testdata/r/power.R), from a pilot of four
// pairs whose contrast has the standard deviation 1.
func TestPowerAgainstR(t *testing.T) {
	want := []struct {
		n                        int
		half, power, equivalence float64
	}{
		{3, 2.48413771175, 0.316381861559, 0.17255530147},
		{5, 1.2416639982, 0.710702673926, 0.50801748427},
		{10, 0.715356905971, 0.987276912585, 0.974554812862},
	}
	known, unknown := power.Pilot(pilot())
	if len(known) != 1 || len(unknown) != 1 || unknown[0] != "single" {
		t.Fatalf("got %v and %v", known, unknown)
	}
	if c := known[0]; math.Abs(c.SD-1) > 1e-9 || math.Abs(c.Upper-math.Sqrt(3/0.584374374155)) > 1e-9 {
		t.Errorf("the pilot's s.d. is %v, at most %v", c.SD, c.Upper)
	}
	q := power.Question{Effect: 1.5, Confidence: 0.95, Margin: 1.5, Alpha: 0.05}
	for _, w := range want {
		q.Replicates = []int{w.n}
		a := q.Answers(known[0])[0]
		for name, pair := range map[string][2]float64{"half-width": {a.Half, w.half}, "power": {a.Power, w.power}, "equivalence": {a.Equivalence, w.equivalence}} {
			if math.Abs(pair[0]-pair[1]) > 1e-6 {
				t.Errorf("n = %d: %s is %v, want %v", w.n, name, pair[0], pair[1])
			}
		}
		if a.PowerAdjusted >= a.Power || a.PowerUpper >= a.Power || a.HalfUpper <= a.Half || a.EquivalenceUpper >= a.Equivalence {
			t.Errorf("n = %d: adjusted and upper numbers are on the wrong side: %+v", w.n, a)
		}
	}
}

// Two replicates in a family of fifty: the critical value of 637 standard errors makes the
// integral that gives the power nearly a step. By pt(q, 1, ncp = 30) in R.
func TestPowerFarOut(t *testing.T) {
	q := power.Question{Replicates: []int{2}, Effect: 30 / math.Sqrt2, Confidence: 0.95}
	a := q.Answers(power.Contrast{SD: 1, Upper: math.NaN(), Family: 50, DF: 1})[0]
	if want := 0.03758549738; math.Abs(a.PowerAdjusted-want) > 1e-6 {
		t.Errorf("power is %v, want %v", a.PowerAdjusted, want)
	}
}

// A margin that is small beside the standard error is never shown.
func TestPowerOfSmallMargins(t *testing.T) {
	for _, margin := range []float64{1e-12, 1e-4, 0.1} {
		q := power.Question{Replicates: []int{2, 21, 1000}, Effect: 1, Confidence: 0.95, Margin: margin, Alpha: 0.05}
		for _, a := range q.Answers(power.Contrast{SD: 10, Upper: 20, Family: 1, DF: 1}) {
			if !(a.Equivalence >= 0 && a.Equivalence < 0.01) {
				t.Errorf("margin %v, %d replicates: equivalence is shown in %v of studies", margin, a.Replicates, a.Equivalence)
			}
		}
	}
}

// A widened interval of a pilot is that of as many replicates in the plan, and more of them
// widen it further.
func TestPowerOfTunedPilot(t *testing.T) {
	r := pilot()
	r.Contrasts[0].Wide = true
	q := power.Question{Replicates: []int{4, 4 * 32}, Effect: 1, Confidence: 0.95}
	known, _ := power.Pilot(r)
	wide := q.Answers(known[0])
	known[0].Wide = false
	certain := q.Answers(known[0])
	if half := *r.Contrasts[0].Half; math.Abs(wide[0].Half-half) > 1e-9*half {
		t.Errorf("the interval of the pilot is %v, and that of the plan %v", half, wide[0].Half)
	}
	if first, later := wide[0].Half/certain[0].Half, wide[1].Half/certain[1].Half; math.Abs(later-2*first) > 1e-9 {
		t.Errorf("intervals are %v times as wide, and with 32 times the replicates %v times", first, later)
	}
}

// Independent samples have fewer degrees of freedom for the adjusted interval.
func TestAdjustedPowerOfIndependentSamples(t *testing.T) {
	r := pilot()
	q := power.Question{Replicates: []int{5}, Effect: 1.5, Confidence: 0.95}
	r.Contrasts[0].Method, r.Contrasts[0].Pairs, r.Contrasts[0].N = "Welch t", 0, map[string]int{"a": 4, "b": 4}
	df := 6.
	r.Contrasts[0].DF = &df
	for _, size := range []int{1, 2} {
		r.Families[0].Size = size
		known, _ := power.Pilot(r)
		welch := q.Answers(known[0])[0]
		known[0].Welch = false
		if other := q.Answers(known[0])[0]; welch.Power != other.Power || welch.PowerAdjusted >= other.PowerAdjusted {
			t.Errorf("family of %d: got %+v, and without the rule %+v", size, welch, other)
		}
	}
}

// pilot is a result with one contrast of four pairs in a family of two, and one
// without an interval.
func pilot() answer.Result {
	half, df, estimate := 3.182446305284/2, 3.0, 0.7
	return answer.Result{
		Confidence: 0.95,
		Families:   []answer.Family{{Name: "gap", Size: 2}},
		Contrasts: []answer.Contrast{
			{Kind: "gap", Name: "known", Family: "gap", Estimate: &estimate, Half: &half, DF: &df, Pairs: 4},
			{Kind: "gap", Name: "single", Family: "gap", Estimate: &estimate, N: map[string]int{"a": 1, "b": 1}},
		},
	}
}

// The same pilot always gives the same bits.
func TestPilotIsReproducible(t *testing.T) {
	estimate, half, df := 0.5, 0.25, 9.
	c := answer.Contrast{Kind: "main", Name: "norm", Estimate: &estimate, Half: &half, DF: &df, N: make(map[string]int)}
	for i := range 12 {
		c.N[string(rune('a'+i))] = 3 + i*i
	}
	first, _ := power.Pilot(answer.Result{Contrasts: []answer.Contrast{c}, Confidence: 0.95})
	for range 50 {
		if again, _ := power.Pilot(answer.Result{Contrasts: []answer.Contrast{c}, Confidence: 0.95}); again[0] != first[0] {
			t.Fatalf("Pilot = %+v and %+v", first, again)
		}
	}
}

// Without a pilot, the standard deviation of a contrast follows from the design:
// in 3 × 2 cells a main effect of the factor of two averages over three gaps.
func TestContrastsOfADesign(t *testing.T) {
	got := power.Design{Factors: []power.Factor{{Name: "norm", Levels: 3}, {Name: "optimizer", Levels: 2}}}.Contrasts(1)
	want := []power.Contrast{
		{Kind: "gap", Name: "norm", SD: math.Sqrt2, Family: 7}, // 4 of norm and 3 of optimizer
		{Kind: "gap", Name: "optimizer", SD: math.Sqrt2, Family: 7},
		{Kind: "main", Name: "norm", SD: 1, Family: 3},
		{Kind: "main", Name: "optimizer", SD: math.Sqrt(2. / 3), Family: 3},
		{Kind: "interaction", Name: "norm x optimizer", SD: 2, Family: 2},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i, w := range want {
		if g := got[i]; g.Kind != w.Kind || g.Name != w.Name || math.Abs(g.SD-w.SD) > 1e-12 || g.Family != w.Family {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}
}

// Families are as large as those of the analysis: in larger designs gaps are at the
// baseline of the other factors, and several responses can be one family.
func TestFamiliesOfADesign(t *testing.T) {
	three := []power.Factor{{Name: "a", Levels: 3}, {Name: "b", Levels: 2}, {Name: "c", Levels: 4}}
	for _, tt := range []struct {
		design                 power.Design
		gap, main, interaction int
	}{
		{power.Design{Factors: three}, 2 + 1 + 3, 2 + 1 + 3, 2 + 6 + 3 + 6},
		{power.Design{Factors: three, Everywhere: true}, 2*8 + 1*12 + 3*6, 6, 17},
		{power.Design{Factors: three[:2], Responses: 2}, 2 * (2*2 + 1*3), 2 * 3, 2 * 2},
		{power.Design{Factors: three[:1]}, 2, 0, 0},
	} {
		for _, c := range tt.design.Contrasts(1) {
			if want := map[string]int{"gap": tt.gap, "main": tt.main, "interaction": tt.interaction}[c.Kind]; c.Family != want {
				t.Errorf("%+v: %s %s is one of %d, want %d", tt.design, c.Kind, c.Name, c.Family, want)
			}
		}
	}
}
