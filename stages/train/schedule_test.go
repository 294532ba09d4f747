package train

import (
	"math"
	"strings"
	"testing"

	"ablate/hcl/formula"
)

func TestSchedules(t *testing.T) {
	for _, tt := range []struct {
		name     string
		schedule Schedule
		steps    int
		want     map[int]float64
	}{
		{"constant", Schedule{Constant: &Constant{Warmup: 4}}, 10, map[int]float64{0: 0.25, 3: 1, 4: 1, 9: 1}},
		{"cosine", Schedule{Cosine: &Cosine{Warmup: 2, Floor: 0.1}}, 10, map[int]float64{0: 0.5, 2: 1, 6: 0.55, 9: 0.1 + 0.45*(1+math.Cos(math.Pi*7/8))}},
		{"linear", Schedule{Linear: &Linear{Warmup: 2, Floor: 0.2}}, 10, map[int]float64{1: 1, 2: 1, 6: 0.6, 9: 0.3}},
		{"wsd", Schedule{WSD: &WSD{Warmup: 2, Decay: 4}}, 10, map[int]float64{0: 0.5, 5: 1, 6: 1, 7: 0.75, 9: 0.25}},
		{"all warmup", Schedule{Cosine: &Cosine{Warmup: 4}}, 4, map[int]float64{0: 0.25, 3: 1}},
	} {
		for step, want := range tt.want {
			if got := float64(tt.schedule.at(step, tt.steps)); math.Abs(got-want) > 1e-6 {
				t.Errorf("%s: factor of step %d = %v, want %v", tt.name, step, got, want)
			}
		}
	}
	// Runs of other lengths share their trunk.
	w := Schedule{WSD: &WSD{Warmup: 2, Decay: 4}}
	for step := range 6 {
		if w.at(step, 10) != w.at(step, 100) {
			t.Errorf("the trunk of wsd depends on the length at step %d", step)
		}
	}
	const golden = "sha256:c30b76b778bfef133686bfe3b11a4a5ce5e1f5eaa719251bf3864ca44e01153c"
	cosine := Schedule{Cosine: &Cosine{Warmup: 4, Floor: 0.1}}
	if got := cosine.digest(1000).String(); got != golden {
		t.Errorf("the factors of 1000 steps have the digest %s, want %s: keys would change", got, golden)
	}
}

func TestScheduleValidate(t *testing.T) {
	for want, s := range map[string]Schedule{
		"decay must be between 1 and 8, the number of steps after the warmup, not 9": {WSD: &WSD{Warmup: 2, Decay: 9}},
		"warmup takes all 10 steps of the run, and the decay needs at least one":     {WSD: &WSD{Warmup: 10, Decay: 1}},
		"warmup must be between 0 and the 10 steps of the run, not 11":               {Linear: &Linear{Warmup: 11}},
		"floor is a share of the learning rate, between 0 and 1, not 2":              {WSD: &WSD{Decay: 1, Floor: 2}},
	} {
		if err := s.validate(10).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("validate() = %v, want %q", err, want)
		}
	}
	for _, s := range []Schedule{
		{WSD: &WSD{Warmup: 2, Decay: 8, Floor: 1}}, {WSD: &WSD{Decay: 1}}, {Linear: &Linear{Warmup: 10}}, {Constant: &Constant{Warmup: 10}},
	} {
		if err := s.validate(10).Err(); err != nil {
			t.Errorf("validate() = %v for %+v", err, s)
		}
	}
}

// A formula gives the factors that the library's functions give, of small and of large
// arguments.
func TestFormulaSchedule(t *testing.T) {
	var b formula.Builder
	call := func(op string, args ...*formula.Part) *formula.Part {
		p, mistake := b.Call(op, args, nil)
		if mistake != nil {
			t.Fatal(mistake)
		}
		return p
	}
	number := func(v float64) *formula.Part { return b.Number(v, nil) }
	step, steps := b.Name("step", nil), b.Name("steps", nil)
	next := call("add", step, number(1))
	for name, tt := range map[string]struct {
		part *formula.Part
		want func(t, steps float64) float64
	}{
		"cos":   {call("cos", call("sub", step, number(9))), func(t, _ float64) float64 { return math.Cos(t - 9) }},
		"pow":   {call("pow", call("div", step, steps), number(3)), func(t, steps float64) float64 { return math.Pow(t/steps, 3) }},
		"1/pow": {call("pow", next, number(-2)), func(t, _ float64) float64 { return math.Pow(t+1, -2) }},
		"one":   {call("pow", next, number(0)), func(float64, float64) float64 { return 1 }},
		"where": {call("where", call("lt", step, number(7)), call("sqrt", next), number(2)), func(t, _ float64) float64 {
			if t < 7 {
				return math.Sqrt(t + 1)
			}
			return 2
		}},
	} {
		f, _ := tt.part.Formula()
		s := Schedule{Formula: &Curve{Multiplier: f}}
		for step := range 50 {
			if got, want := float64(s.at(step, 50)), tt.want(float64(step), 50); math.Abs(got-want) > 1e-6 {
				t.Errorf("%s: factor of step %d = %v, want %v", name, step, got, want)
			}
		}
	}
	f, _ := call("pow", call("sub", step, number(250_001)), number(-2)).Formula()
	err := (&Schedule{Formula: &Curve{Multiplier: f}}).validate(300_000).Err()
	if err == nil || !strings.Contains(err.Error(), "is +Inf at step 250001 of 300000") {
		t.Errorf("validate() = %v, want the one step that has no factor", err)
	}
}
