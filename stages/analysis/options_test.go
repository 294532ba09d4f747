package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/render"
)

// oneGap has two arms and a seed for each difference between them.
func oneGap(differences ...float64) *design.Table {
	table := design.NewTable([]string{"arm", "seed"}, "seed")
	for i, d := range differences {
		add(table, 2+float64(i), "a", fmt.Sprint(i))
		add(table, 2+float64(i)+d, "b", fmt.Sprint(i))
	}
	return table
}

// The sign-flip test counts the assignments of signs that are as extreme.
func TestSignFlip(t *testing.T) {
	many := make([]float64, 21)
	for i := range many {
		many[i] = 1 + float64(i%3)
	}
	for _, tt := range []struct {
		differences []float64
		p, least    float64 // 0 means no test
	}{
		{[]float64{1, 2, 3}, 0.25, 0.25},
		{[]float64{1, 2, -3}, 1, 0.25},
		{[]float64{1, 2, 3, -1}, 0.375, 0.125},
		{[]float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, 0.03125, 0.03125},
		{[]float64{1}, 0, 0},
		{many, 0, 0},
	} {
		f := newFactorial()
		f.SignFlip = true
		r := f.analyse(oneGap(tt.differences...), "seed")
		c := find(t, r, "gap", "b − a")
		if tt.p == 0 {
			if said := strings.Contains(strings.Join(r.Warnings, " "), "No sign-flip test"); c.PFlip != nil || said != (c.P != nil) {
				t.Errorf("%v: p = %v, want none and a warning: %q", tt.differences, c.PFlip, r.Warnings)
			}
			continue
		}
		if c.PFlip == nil || *c.PFlip != tt.p || *c.PFlipLeast != tt.least {
			t.Errorf("%v: %+v, want p = %v, at least %v", tt.differences, c, tt.p, tt.least)
		}
	}
	f := newFactorial()
	f.SignFlip = true
	if text := render.Text(render.Factorial(f.analyse(oneGap(1, 2, 3), "seed")).Sections); !strings.Contains(text, "0.2500 (at least 0.2500)") {
		t.Errorf("the text does not say the smallest p:\n%s", text)
	}
}

// On the scale of logarithms, an effect is a ratio of geometric means.
func TestLogScale(t *testing.T) {
	table := design.NewTable([]string{"arm", "seed"}, "seed")
	for i, v := range []float64{1, 2, 4} {
		add(table, v, "a", fmt.Sprint(i))
		add(table, v*[]float64{2, 4, 8}[i], "b", fmt.Sprint(i))
	}
	f := newFactorial()
	f.Scale = logScale
	r := f.analyse(table, "seed")
	for _, l := range r.Lines() {
		if l.Kind == "gap" && (l.Ratio == nil || math.Abs(*l.Ratio-4) > 1e-12 || math.Abs(math.Log(*l.RatioLow)-*l.Low) > 1e-12) {
			t.Errorf("%+v, want the ratio 4", l)
		}
	}
	if text := render.Text(render.Factorial(r).Sections); !strings.Contains(text, "the logarithm of") || !strings.Contains(text, "4.000 [") {
		t.Errorf("the text does not show the ratio:\n%s", text)
	}
	table.Trials[0].Response = 0
	if err := f.checkScale(table, "y").Err(); err == nil || !strings.Contains(err.Error(), "Logarithms need responses above 0") {
		t.Errorf("a response of 0: %v", err)
	}
}

// One cell is not "1 cells".
func TestNumberOfCells(t *testing.T) {
	table := design.NewTable([]string{"arm", "seed"}, "seed")
	add(table, 1, "a", "0")
	if text := render.Text(render.Factorial(newFactorial().analyse(table, "seed")).Sections); !strings.Contains(text, "1 trial in 1 cell;") {
		t.Errorf("got\n%s", text)
	}
}

// Bootstrap intervals are shown where they are asked for.
func TestBootstrapIsShown(t *testing.T) {
	f := newFactorial()
	f.Bootstrap = &Bootstrap{Resamples: 1000, Resample: "replicates"}
	if text := render.Text(render.Factorial(f.analyse(oneGap(1, 2, 3, 4, 6), "seed")).Sections); !strings.Contains(text, "bootstrap-t") {
		t.Errorf("no bootstrap interval:\n%s", text)
	}
}

// Where cells have no trial, averages are those of a complete part, as if the
// others were left out by a block only. An arm under one optimizer alone keeps its gap.
func TestIncompleteDesign(t *testing.T) {
	whole := published(t, "rmsnorm", "derf", "dyt")
	whole.Trials = slices.DeleteFunc(whole.Trials, func(x design.Trial) bool { return labels(whole, x)[0] == "dyt" && labels(whole, x)[1] == "muon" })
	part := published(t, "rmsnorm", "derf")
	got, want := analysed(t, whole), analysed(t, part)
	for _, name := range []string{"muon − adamw", "derf − rmsnorm"} {
		g, w := find(t, got, "main", name), find(t, want, "main", name)
		if g.Estimate == nil || *g.Estimate != *w.Estimate || *g.P != *w.P || !slices.Equal(g.Over["norm"], w.Over["norm"]) && name != "muon − adamw" {
			t.Errorf("%s: %+v, want the numbers of the part %+v", name, g, w)
		}
	}
	if c := find(t, got, "main", "muon − adamw"); !slices.Equal(c.Over["norm"], []string{"rmsnorm", "derf"}) {
		t.Errorf("muon − adamw is over %v", c.Over)
	}
	if len(got.Anova) != len(want.Anova) || *got.Anova[0].F != *want.Anova[0].F {
		t.Errorf("the analysis of variance is %+v, want that of the part, %+v", got.Anova, want.Anova)
	}
	if c := find(t, got, "gap", "dyt − rmsnorm at adamw"); c.Low == nil {
		t.Errorf("%+v, want the gap where it exists", c)
	}
	text := strings.Join(got.Warnings, " ")
	if !strings.Contains(text, `factor = "norm" and levels = ["rmsnorm", "derf"]`) || strings.Count(text, "a block only") != 1 {
		t.Errorf("the warnings are %q", text)
	}
}

// Numbers of any size, and cells with nothing to say, are named and do not stop an
// answer.
func TestExtremes(t *testing.T) {
	for name, tt := range map[string]struct {
		scale  float64
		offset float64
		says   string // a warning
	}{
		"tiny": {1e-12, 0, ""}, "huge": {1e9, 0, ""}, "tiny beside a huge mean": {1e-12, 1e9, "do not differ by more than rounding"}, "no spread": {0, 3, "do not differ by more than rounding"},
	} {
		table := design.NewTable([]string{"a", "b", "seed"}, "seed")
		for i := range 4 {
			for s, e := range []float64{0.3, -0.2, 0.5} {
				add(table, tt.offset+tt.scale*(float64(i)+e*float64(1+i%3)), fmt.Sprint("a", i/2), fmt.Sprint("b", i%2), fmt.Sprint(s))
			}
		}
		margin := 1.
		f := newFactorial()
		f.Margin, f.SignFlip = &margin, true
		r := f.analyse(table, "seed")
		text := render.Text(render.Factorial(r).Sections)
		for _, c := range r.Contrasts {
			if tt.says == "" && (c.P == nil || c.Low == nil || *c.Low >= *c.High) {
				t.Errorf("%s: %+v, want an interval", name, c)
			}
		}
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || !strings.Contains(strings.Join(r.Warnings, " "), tt.says) {
			t.Errorf("%s: warnings %q, text\n%s", name, r.Warnings, text)
		}
	}
}
