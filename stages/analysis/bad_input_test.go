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
		"replicates in a chain":   {pooled, chained(2), "", 2},
		"no common replicate":     {pooled, chained(1), "error = \"pooled\" cannot be fitted, because some cells share no replicate", 2},
		"one trial":               {simple, rows(1, [2]string{"a", "1"}, [2]string{"b", "1"}), "Contrasts have no interval: a cell with one trial", 2},
		"one cell":                {simple, rows(3, [2]string{"a", "1"}), "", 0},
		"a response of some runs": {simple, valueless, "1 of 4 runs finished without a value of loss and count as diverged", 2},
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
