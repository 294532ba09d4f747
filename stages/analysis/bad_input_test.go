package analysis

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/internal/behaviour"
	"ablate/stages/record"
)

// rows is a table of two factors: a row is the levels of a cell, with n trials.
func rows(n int, cells ...[2]string) *design.Table {
	table := design.NewTable([]string{"norm", "depth", "seed"}, "seed")
	for i, c := range cells {
		for s := range n {
			add(table, 3+math.Sin(float64(5*i+s*s)), c[0], c[1], fmt.Sprint(s))
		}
	}
	return table
}

// chained is a table of two cells with two trials each, whose replicates begin one, or
// two, apart.
func chained(common int) *design.Table {
	table := design.NewTable([]string{"norm", "depth", "seed"}, "seed")
	for i, norm := range []string{"a", "b"} {
		for s := range 2 {
			add(table, 3+math.Sin(float64(5*i+s*s)), norm, "1", fmt.Sprint(s+i*(3-common)))
		}
	}
	return table
}

// Designs that cannot answer are named, with what can still be said.
func TestBadInput(t *testing.T) {
	valueless := rows(2, [2]string{"a", "1"}, [2]string{"b", "1"})
	valueless.Valueless = 1
	tuned, simple := newFactorial(), newFactorial()
	tuned.Tune = []string{"depth"}
	pooled := newFactorial()
	pooled.Error = "pooled"
	for name, tt := range map[string]struct {
		stage     *Factorial
		table     *design.Table
		says      string
		estimates int // gaps, main effects and interactions that have an estimate
	}{
		"one level to tune":       {tuned, rows(3, [2]string{"a", "1"}, [2]string{"b", "1"}), "depth has one level in a, b, so it is not tuned there", 1},
		"factors vary together":   {simple, rows(3, [2]string{"a", "1"}, [2]string{"b", "2"}), "norm and depth vary together, so their effects cannot be told apart", 0},
		"nested":                  {simple, rows(3, [2]string{"a", "1"}, [2]string{"b", "2"}, [2]string{"b", "3"}), "Each level of depth has one level of norm", 0},
		"replicates in a chain":   {pooled, chained(2), "", 1},
		"no common replicate":     {pooled, chained(1), "error = \"pooled\" cannot be fitted, because some cells share no replicate", 1},
		"one trial":               {simple, rows(1, [2]string{"a", "1"}, [2]string{"b", "1"}), "Contrasts have no interval: one trial in a cell does not show how much trials vary.", 1},
		"one cell":                {simple, rows(3, [2]string{"a", "1"}), "No analysis of variance: there is one cell, and nothing to compare it with.", 0},
		"a response of some runs": {simple, valueless, "1 of 4 runs finished without a value of loss and count as diverged", 1},
	} {
		tt.stage.Response = "loss"
		r := tt.stage.analyse(tt.table, "seed")
		got := 0
		for _, c := range r.Contrasts {
			if c.Estimate != nil {
				got++
			}
		}
		if text := strings.Join(r.Warnings, "\n"); got != tt.estimates || !strings.Contains(text, tt.says) {
			t.Errorf("%s: %d estimates, want %d; warnings %q, want %q", name, got, tt.estimates, text, tt.says)
		}
		if text := render.Text(render.Factorial(r).Sections); strings.Contains(text, "NaN") || strings.Contains(text, "<nil>") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

// Where trials diverged, no warning advises to leave their cells out.
func TestNoAdviceToLeaveOutDivergence(t *testing.T) {
	advice := func(diverged bool) string {
		table := rows(3, [2]string{"a", "1"}, [2]string{"b", "1"}, [2]string{"a", "2"})
		table.Trials[0].Diverged = diverged
		f := newFactorial()
		f.Response = "loss"
		return strings.Join(f.analyse(table, "seed").Warnings, "\n")
	}
	if got := advice(false); !strings.Contains(got, "add a block only with factor") {
		t.Errorf("an incomplete design has no advice: %s", got)
	}
	if got := advice(true); strings.Contains(got, "add a block only") || !strings.Contains(got, "b + depth = 2") {
		t.Errorf("after a divergence: %s", got)
	}
}

// A margin is above 0 and finite.
func TestMarginOfZero(t *testing.T) {
	for _, margin := range []float64{0, -1, math.Inf(1), math.NaN()} {
		f := newFactorial()
		f.Margin = &margin
		if err := f.Validate().Err(); err == nil || !strings.Contains(err.Error(), "margin must be above 0") {
			t.Errorf("margin %v: %v", margin, err)
		}
	}
}

// Outcomes that leave too few replicates for a bootstrap take it away, and nothing else.
func TestBootstrapOfTooFew(t *testing.T) {
	table := rows(5, [2]string{"a", "1"}, [2]string{"b", "1"})
	table.Trials[0].Censored = true
	table.Without = []string{"t"}
	f := newFactorial()
	f.Response, f.Bootstrap = "loss", &Bootstrap{Resamples: 1000, Resample: "replicates"}
	r := f.analyse(table, "seed")
	if text := strings.Join(r.Warnings, "\n"); r.Bootstrap != "" || len(r.Contrasts) == 0 || !strings.Contains(text, "No bootstrap: a + depth = 1 has 4 replicates. A bootstrap needs 5") || !strings.Contains(text, "The trial t has no loss and is left out.") {
		t.Errorf("bootstrap %q, %d contrasts, warnings %q", r.Bootstrap, len(r.Contrasts), text)
	}
}

// Trials that diverge before their first probe are a result. Probes of something else are
// a mistake, and the message lists what they recorded.
func TestMechanismWithoutProbes(t *testing.T) {
	lab := behaviour.NewLab(nil)
	in := canonicalTables["paired"].inputs(lab)
	m := &Mechanism{Quantity: "saturated", Site: "attention", Replicate: "seed"}
	if _, err := lab.Run(in, m.Run); err == nil || !strings.Contains(err.Error(), `No trial records saturated at "attention". It is recorded at ffn.`) {
		t.Errorf("another site: %v", err)
	}
	for i := range in.Refs["trials"] {
		for j, a := range in.Refs["trials"][i].Artifacts {
			if a.Name == record.Probes {
				in.Refs["trials"][i].Artifacts[j] = lab.Artifact(record.Probes, []byte("step,path,quantity,value\n"))
			}
		}
	}
	done, err := lab.Run(in, m.Run)
	if text := string(done.Outputs["table"]); err != nil || !strings.Contains(text, "No trial has a probe: all diverged before their first one.") {
		t.Errorf("%v\n%s", err, text)
	}
}

// Responses whose squares overflow are refused in words.
func TestResponsesOutOfRange(t *testing.T) {
	lab := behaviour.NewLab(nil)
	in := canonicalTables["paired"].inputs(lab)
	for i := range in.Refs["trials"] {
		in.Refs["trials"][i].Artifacts = []cache.Artifact{lab.Artifact("metrics", fmt.Appendf(nil, "{\"step\":1,\"name\":\"val_loss\",\"value\":%de200}\n", i+1))}
	}
	f := newFactorial()
	f.Resolve()
	if _, err := lab.Run(in, f.Run); err == nil || !strings.Contains(err.Error(), "Express them in another unit") {
		t.Errorf("responses of 1e200: %v", err)
	}
}

// Tests do not depend on the unit of the response, although squares of variances overflow
// or vanish from 1e77 or 1e-81 on.
func TestUnitOfResponse(t *testing.T) {
	tests := func(unit float64) [][3]float64 {
		nested := nestedSeeds(unit)
		alone := design.NewTable([]string{"norm", "depth", "seed"}, "seed")
		alone.Unpaired = true
		for i, v := range []float64{3, 3.5, 3.25, 4, 4.25, 5, 4.5} {
			add(alone, v*unit, string(rune('a'+i/3)), "1", fmt.Sprint(i))
		}
		var out [][3]float64
		for _, table := range []*design.Table{nested, alone} {
			for _, c := range newFactorial().analyse(table, "seed").Contrasts {
				if c.P != nil {
					out = append(out, [3]float64{*c.T, *c.DF, *c.P})
				}
			}
		}
		return out
	}
	want := tests(1)
	if len(want) < 5 {
		t.Fatalf("%d contrasts have a test", len(want))
	}
	for _, unit := range []float64{1e100, 1e-100} {
		got := tests(unit)
		if len(got) != len(want) {
			t.Fatalf("unit %v: %d tests, want %d", unit, len(got), len(want))
		}
		for i := range want {
			for j, v := range got[i] {
				if math.Abs(v/want[i][j]-1) > 1e-9 {
					t.Errorf("unit %v: %v, want %v", unit, got[i], want[i])
				}
			}
		}
	}
}

// nestedSeeds is two levels at which different seeds ran, each at two depths.
func nestedSeeds(unit float64) *design.Table {
	table := design.NewTable([]string{"norm", "depth", "seed"}, "seed")
	for i, norm := range []string{"a", "b"} {
		for depth := range 2 {
			for s := range 3 {
				add(table, unit*(3+math.Sin(float64(7*i+3*depth+s*s))), norm, fmt.Sprint(depth), fmt.Sprint(10*i+s))
			}
		}
	}
	return table
}

// A ratio can be without a bound, and one that is not 1 does not read as 1.
func TestRatios(t *testing.T) {
	for want, responses := range map[string][]float64{
		"1.000e+30 [0, ∞]":           {1e-30, 1, 1e30, 1},
		"1.00003 [1.00003, 1.00004]": {3, 3.001, 3.0005, 3.0001, 3.0011, 3.00061},
	} {
		table := design.NewTable([]string{"norm", "seed"}, "seed")
		n := len(responses) / 2
		for i, v := range responses {
			add(table, v, string(rune('a'+i/n)), fmt.Sprint(i%n))
		}
		f := newFactorial()
		f.Scale = logScale
		if text := render.Text(render.Factorial(f.analyse(table, "seed")).Sections); !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// Cells that differ by rounding alone have no spread to compare.
func TestSpreadOfRounding(t *testing.T) {
	table := design.NewTable([]string{"norm", "seed"}, "seed")
	for i, v := range []float64{3, 3 + 1e-15, 3 + 2e-15, 3, 3.5, 4} {
		add(table, v, string(rune('a'+i/3)), fmt.Sprint(i%3))
	}
	r := newFactorial().analyse(table, "seed")
	if text := strings.Join(r.Warnings, "\n"); *r.Cells[0].SD != 0 || strings.Contains(text, "times that of") {
		t.Errorf("s.d. %v, warnings %q", *r.Cells[0].SD, text)
	}
}

// Warnings name contrasts as the tables do.
func TestNamesInWarnings(t *testing.T) {
	r := newFactorial().analyse(nestedSeeds(1), "seed")
	page := render.Text(render.Factorial(r).Sections)
	for _, name := range []string{"b − a (main)", "(b − a) × (depth = 1 − 0)"} {
		if text := strings.Join(r.Warnings, "\n"); !strings.Contains(text, name) || !strings.Contains(page, name) {
			t.Errorf("%q is not in both\n%s\n%s", name, text, page)
		}
	}
}
