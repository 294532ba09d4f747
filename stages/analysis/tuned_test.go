package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"ablate/hcl/addr"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/answer"
)

// tunedTable has losses by norm, rate and seed.
func tunedTable(losses map[string][][]float64) *design.Table {
	table := design.NewTable([]string{"norm", "rate", "seed"}, "seed")
	for _, norm := range sortedKeys(losses) {
		for i, seeds := range losses[norm] {
			for s, y := range seeds {
				if !math.IsNaN(y) {
					add(table, y, norm, fmt.Sprint(0.01*math.Pow(2, float64(i))), fmt.Sprint(s))
				}
			}
		}
	}
	return table
}

func tunedAnswer(table *design.Table) answer.Result {
	f := newFactorial()
	f.Response, f.Tune = "loss", []string{"rate"}
	return f.analyse(table, "seed")
}

// Each seed takes the rate that is best for the other seeds. Seed 0 of norm a would
// choose the first rate for itself; the others do not.
func TestTuned(t *testing.T) {
	r := tunedAnswer(tunedTable(map[string][][]float64{
		"a": {{1, 5, 5}, {2, 2, 3}, {4, 4, 4}},
		"b": {{4, 4, 5}, {3, 4, 5}, {3, 3, 4}},
	}))
	if want := []float64{2, 2, 3}; !slices.Equal(r.Cells[0].Values, want) {
		t.Errorf("norm a has %v, want %v", r.Cells[0].Values, want)
	}
	c := find(t, r, "gap", "b − a")
	if *c.Estimate != 1 || c.Pairs != 3 || !c.Constant {
		t.Errorf("b − a = %v of %d pairs, want 1 of 3", *c.Estimate, c.Pairs)
	}
	b := r.Tuned[1]
	if len(b.Setting) != 1 || b.Setting[0] != (answer.Term{Factor: "rate", Level: "0.04"}) || b.Chosen != 3 || b.Of != 3 || b.Tried != 3 || !slices.Equal(b.Edges, []string{"rate"}) {
		t.Errorf("norm b chose %+v", b)
	}
	if a := r.Tuned[0]; a.Setting[0].Level != "0.02" || len(a.Edges) > 0 {
		t.Errorf("norm a chose %+v", a)
	}
	for _, l := range r.Lines() {
		if l.Kind != "tuned" && l.Kind != "anova" {
			t.Errorf("a line has the kind %q", l.Kind)
		}
	}
}

// Below three seeds at each rate there is a point and no interval.
func TestTunedOnFew(t *testing.T) {
	for _, tt := range []struct {
		a, b     [][]float64
		estimate float64
		warning  string
	}{
		{[][]float64{{1}, {2}}, [][]float64{{4}, {3}}, 2, "No seed can be left out"},
		{[][]float64{{1, 2}, {3, 4}}, [][]float64{{4, 6}, {3, 3}}, 1.5, "fewer than 3 trials"},
		{[][]float64{{1, 2, 3}, {3, 4, 5}}, [][]float64{{4, 6, 7}, {3, 3, math.NaN()}}, 1.5, "fewer than 3 trials"},
	} {
		r := tunedAnswer(tunedTable(map[string][][]float64{"a": tt.a, "b": tt.b}))
		c := find(t, r, "gap", "b − a")
		if c.Estimate == nil || *c.Estimate != tt.estimate || c.Low != nil || c.P != nil || c.Detect != nil {
			t.Errorf("%v and %v: %+v, want the point %v", tt.a, tt.b, c, tt.estimate)
		}
		if text := strings.Join(r.Warnings, " "); !strings.Contains(text, tt.warning) {
			t.Errorf("%v and %v: the warnings %q do not say %q", tt.a, tt.b, text, tt.warning)
		}
	}
}

// A rate at which a trial diverged does not win, unless that trial is the one whose
// rate is chosen.
func TestTunedDiverged(t *testing.T) {
	table := tunedTable(map[string][][]float64{"a": {{1, 1, 1}, {2, 2, 2}}, "b": {{3, 3, 3}, {4, 4, 4}}})
	table.Trials[0].Diverged = true // norm a at the first rate, seed 0
	r := tunedAnswer(table)
	if r.Cells[0].Diverged != 1 || r.Cells[0].Mean != nil {
		t.Errorf("%+v, want the seed that diverges at the rate that the others choose", r.Cells[0])
	}
	table.Trials[1].Diverged = true
	if r := tunedAnswer(table); r.Cells[0].Mean == nil || *r.Cells[0].Mean != 2 || r.Tuned[0].Setting[0].Level != "0.02" {
		t.Errorf("%+v, want the second rate", r.Cells[0])
	}
	for i := range 6 {
		table.Trials[i].Diverged = true
	}
	if r := tunedAnswer(table); r.Cells[0].Mean != nil || r.Cells[0].Diverged == 0 || len(r.Tuned[0].Setting) > 0 {
		t.Errorf("%+v, want a cell without a mean", r.Cells[0])
	}
}

// A factor with one level is not tuned; its cells are compared as they are.
func TestTunedOneLevel(t *testing.T) {
	r := tunedAnswer(tunedTable(map[string][][]float64{"a": {{1, 2, 4}}, "b": {{4, 6, 7}}}))
	if c := find(t, r, "gap", "b − a"); c.Low == nil || c.Pairs != 3 || math.Abs(*c.Estimate-10./3) > 1e-12 {
		t.Errorf("%+v, want the plain gap", c)
	}
	if text := strings.Join(r.Warnings, " "); !strings.Contains(text, "rate has one level in a, b, so it is not tuned there") {
		t.Errorf("the warnings are %q", text)
	}
}

// Unless one setting is best in every replicate, intervals are wider than those of a paired t, also
// if all replicates choose alike.
func TestTunedWidened(t *testing.T) {
	b := [][]float64{{4, 6, 7}, {5, 7, 9}}
	for _, tt := range []struct {
		a    [][]float64
		wide bool
	}{
		{[][]float64{{1, 2, 3}, {3, 2, 1.5}}, true},
		{[][]float64{{1, 2, 3}, {8, 8, 2.5}}, true},
		{[][]float64{{1, 2, 3}, {1.5, 3, 3.5}}, false},
	} {
		r := tunedAnswer(tunedTable(map[string][][]float64{"a": tt.a, "b": b}))
		if c := find(t, r, "gap", "b − a"); c.Wide != tt.wide || (r.Anova == nil) != tt.wide {
			t.Errorf("%v: %+v, want a widened interval and no analysis of variance: %v", tt.a, c, tt.wide)
		}
	}
}

// Where the choice of a setting is part of the error, there is no interval that ignores it.
func TestTunedBootstrap(t *testing.T) {
	a, b := []float64{1, 2, 3, 4, 5}, []float64{5, 7, 6, 9, 8}
	for _, other := range [][]float64{{3, 2.5, 1.5, 5, 6}, {2, 3, 4, 5, 6}} {
		f := newFactorial()
		f.Response, f.Tune, f.SignFlip = "loss", []string{"rate"}, true
		f.Bootstrap = &Bootstrap{Resamples: 100, Resample: "replicates"}
		r := f.analyse(tunedTable(map[string][][]float64{"a": {a, other}, "b": {b}}), "seed")
		if c := find(t, r, "gap", "b − a"); c.Wide == (c.BootLow != nil) || c.Wide == (c.PFlip != nil) || strings.Contains(strings.Join(r.Warnings, " "), "sign-flip") {
			t.Errorf("%v: %+v, warnings %q", other, c, r.Warnings)
		}
	}
}

// Gaps are measured from the first level of the table, whichever trials are used.
func TestBaselineOfTunedRows(t *testing.T) {
	table := design.NewTable([]string{"norm", "rate", "row"}, "row")
	table.Unpaired = true
	for i, y := range []float64{9, 9, 9, 2, 3, 4, 1, 2, 3, 9, 9, 9} { // the first rate loses in norm b, which is listed first
		add(table, y, []string{"b", "a"}[i/3%2], fmt.Sprint(i/6), fmt.Sprint(i))
	}
	f := newFactorial()
	f.Response, f.Tune = "loss", []string{"rate"}
	if r := f.analyse(table, "row"); r.Factors[0].Baseline != "b" || *r.Contrasts[0].Estimate != 1 {
		t.Errorf("the baseline is %s, and the gap %v; want b and 1", r.Factors[0].Baseline, *r.Contrasts[0].Estimate)
	}
}

func TestTuneChecked(t *testing.T) {
	table := tunedTable(map[string][][]float64{"a": {{1}}})
	for want, f := range map[string]Factorial{
		"no factor \"x\"":                      {Tune: []string{"x"}},
		"Remove it from tune":                  {Tune: []string{"seed"}},
		"names rate twice":                     {Tune: []string{"rate", "rate"}},
		"names all factors":                    {Tune: []string{"rate", "norm"}},
		"Remove it from baseline":              {Tune: []string{"rate"}, Baseline: map[string]addr.Level{"rate": word("0.01")}},
		"Remove it from contrast or from tune": {Tune: []string{"rate"}, Contrasts: []Declared{{Name: "c", Of: map[string]addr.Level{"rate": word("0.01")}}}},
	} {
		if err := f.restrict(table, false).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("tune = %q: %v, want %q", f.Tune, err, want)
		}
	}
}
