package analysis

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ablate/hcl/addr"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/analysis/power"
	"ablate/stages/answer"
)

// threeWay is 2 × 2 × 2 cells with an interaction of the given size among all three.
func threeWay(size float64) *design.Table {
	table := design.NewTable([]string{"a", "b", "c", "seed"}, "seed")
	for i := range 8 {
		for s := range 5 {
			y := math.Sin(float64(3*i*i+7*s*s+i*s)) / 10
			if i == 7 {
				y += size
			}
			add(table, y, fmt.Sprint("a", i&1), fmt.Sprint("b", i>>1&1), fmt.Sprint("c", i>>2), fmt.Sprint(s))
		}
	}
	return table
}

// Where an interaction of three factors is found, the gaps that it affects are shown, and
// sentences about averages say so. They are adjusted for all gaps that could be shown.
func TestAffectedGaps(t *testing.T) {
	r := newFactorial().analyse(threeWay(3), "seed")
	gap := find(t, r, affectedKind, "a1 − a0 at b1, c1")
	if math.Abs(*gap.Estimate-3) > 0.2 || *gap.LowAdjusted >= *gap.Low || *gap.PAdjusted != min(1, 24**gap.P) {
		t.Errorf("%+v, want a gap of about 3, adjusted for 24", gap)
	}
	if main := find(t, r, "main", "a1 − a0"); math.Abs(*main.Estimate-0.75) > 0.1 {
		t.Errorf("%+v", main)
	}
	text := strings.Join(answer.Sentences(answer.Findings(r)), "\n")
	for _, want := range []string{"a, b and c interact: (a1 − a0) × (b1 − b0) × (c1 − c0) is +2.98", "averaged over c", "This average hides that the change depends on c; the affected gaps are shown."} {
		if !strings.Contains(text, want) {
			t.Errorf("the sentences do not say %q:\n%s", want, text)
		}
	}
	if page := render.Text(render.Factorial(r).Sections); !strings.Contains(page, "Gaps that an interaction affects") || !strings.Contains(strings.Join(strings.Fields(page), " "), "24 affected gaps") {
		t.Errorf("the text is\n%s", page)
	}
}

// Without an interaction no further gaps are shown, unless the study declares one. On
// request all simple effects are gaps.
func TestGapsAreNotAffected(t *testing.T) {
	f := newFactorial()
	for _, c := range f.analyse(threeWay(0), "seed").Contrasts {
		if c.Kind == affectedKind {
			t.Errorf("%+v", c)
		}
	}
	level := func(a, b string) map[string]addr.Level { return map[string]addr.Level{"a": word(a), "b": word(b)} }
	f.Contrasts = []Declared{{Name: "mine", Of: level("a1", "b1"), Against: level("a0", "b1"), Minus: &Difference{Of: level("a1", "b0"), Against: level("a0", "b0")}}}
	find(t, f.analyse(threeWay(0), "seed"), affectedKind, "a1 − a0 at b1")
	f.SimpleEffects = true
	find(t, f.analyse(threeWay(3), "seed"), "gap", "a1 − a0 at b1, c1")
}

// All notes of an answer state the same rate, that of its families over all responses,
// also if gaps are affected in one of them only. The page takes it from the document.
func TestRateOfSeveralResponses(t *testing.T) {
	for families, want := range map[string]int{"": 3 + 4, jointFamilies: 4} {
		f := newFactorial()
		f.Responses, f.Families = []string{"x", "y"}, families
		r := f.answer(t.Context(), []measured{{"x", threeWay(0)}, {"y", threeWay(3)}}, "seed")
		says := fmt.Sprintf("this analysis as a whole in at most %d %%", 5*want)
		for _, x := range r.All() {
			if !strings.Contains(strings.Join(x.Notes, " "), says) {
				t.Errorf("families %q: %s of %q, want %q", families, x.Notes, x.Response, says)
			}
		}
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if n, rate := answer.ErrorRate("factorial", raw); n != want || math.Abs(rate-0.05*float64(want)) > 1e-12 {
			t.Errorf("families %q: the page counts %d families with a rate of %v, want %d", families, n, rate, want)
		}
	}
}

// That an average hides something is said of the gaps that interact, not of other levels of
// their factors.
func TestHiddenInteraction(t *testing.T) {
	table := threeWay(3)
	for s := range 5 {
		for i := range 4 {
			add(table, math.Sin(float64(5*i*i+3*s*s+i*s))/10, "a2", fmt.Sprint("b", i&1), fmt.Sprint("c", i>>1), fmt.Sprint(s))
		}
	}
	said := 0
	for _, text := range answer.Sentences(answer.Findings(newFactorial().analyse(table, "seed"))) {
		if strings.Contains(text, "hides") {
			said++
			if strings.Contains(text, "a2") {
				t.Error(text)
			}
		}
	}
	if said != 3 {
		t.Errorf("%d averages hide an interaction, want 3", said)
	}
}

// A factor of which one level is left makes no design of more factors: its level is in no name,
// and of one other factor there is no average.
func TestFactorOfOneLevel(t *testing.T) {
	f := newFactorial()
	f.Only = []Only{{Factor: "c", Levels: []string{"c1"}}}
	table := threeWay(3)
	if list := f.restrict(table, false); len(list) > 0 {
		t.Fatal(list.Err())
	}
	r := f.analyse(table, "seed")
	find(t, r, "gap", "a1 − a0 at b1")
	if page := strings.Join(strings.Fields(render.Text(render.Factorial(r).Sections)), " "); !strings.Contains(page, "a b0 b1 ") {
		t.Errorf("the cells of two factors are no table of rows and columns:\n%s", page)
	}
	text := strings.Join(answer.Sentences(answer.Findings(r)), "\n")
	for _, c := range r.Contrasts {
		if c.Kind == affectedKind || strings.Contains(text, "averaged") {
			t.Errorf("%s %s\n%s", c.Kind, c.Name, text)
		}
	}
	for _, c := range f.Design([]power.Factor{{Name: "a", Levels: 2}, {Name: "b", Levels: 2}, {Name: "c", Levels: 1}}).Contrasts(1) {
		if c.Kind == "gap" && c.Family != 4 {
			t.Errorf("power counts %d gaps, want 4", c.Family)
		}
	}
	f.Only = append(f.Only, Only{Factor: "b", Levels: []string{"b1"}})
	if list := f.restrict(table, false); len(list) > 0 {
		t.Fatal(list.Err())
	}
	r = f.analyse(table, "seed")
	if text := strings.Join(answer.Sentences(answer.Findings(r)), "\n"); !strings.Contains(text, "When a goes from a0 to a1") {
		t.Errorf("no sentence about the gap in %q", text)
	}
	if len(r.Contrasts) != 1 || r.Contrasts[0].Name != "a1 − a0" || strings.Contains(strings.Join(r.Notes, " "), "as a whole") {
		t.Errorf("got %+v, want one gap and its rate\n%s", r.Contrasts, r.Notes)
	}
	if got := f.Design([]power.Factor{{Name: "a", Levels: 2}, {Name: "b", Levels: 1}, {Name: "c", Levels: 1}}).Contrasts(1); len(got) != 1 || got[0].Family != 1 {
		t.Errorf("power counts %+v, want one gap", got)
	}
}

// Factors of one level cost nothing, and change nothing: 2⁷⁰ sets of factors would take forever, and
// a word has no bit for the last factors.
func TestManyFactorsOfOneLevel(t *testing.T) {
	few := threeWay(3)
	var names, same []string
	for i := range 70 {
		names, same = append(names, fmt.Sprint("x", i)), append(same, "same")
	}
	many := design.NewTable(append(names, "a", "b", "c", "seed"), "seed")
	for _, x := range few.Trials {
		add(many, x.Response, append(slices.Clone(same), labels(few, x)...)...)
	}
	f := newFactorial()
	f.Contrasts = []Declared{{Name: "mine", Of: map[string]addr.Level{"a": word("a1")}, Against: map[string]addr.Level{"a": word("a0")},
		Minus: &Difference{Of: map[string]addr.Level{"b": word("b1")}, Against: map[string]addr.Level{"b": word("b0")}}}}
	for _, f.Squares = range []string{"III", "II"} {
		for _, f.Error = range []string{"contrast", "pooled"} {
			want, got := f.analyse(few, "seed"), f.analyse(many, "seed")
			if !slices.ContainsFunc(got.Contrasts, func(c answer.Contrast) bool { return c.Kind == affectedKind }) {
				t.Error("no gaps are affected")
			}
			if len(got.Anova) == 0 || !reflect.DeepEqual(got.Anova, want.Anova) {
				t.Errorf("%s, %s: the analysis of variance is %+v, want %+v", f.Squares, f.Error, got.Anova, want.Anova)
			}
			if a, b := answer.Sentences(answer.Findings(got)), answer.Sentences(answer.Findings(want)); !slices.Equal(a, b) {
				t.Errorf("%s, %s: got %q, want %q", f.Squares, f.Error, a, b)
			}
		}
	}
}

// A declared difference of gaps that names a factor of one level is of one factor: no gaps depend
// on it.
func TestDeclaredWithFactorOfOneLevel(t *testing.T) {
	table := design.NewTable([]string{"a", "b", "c", "d", "seed"}, "seed")
	for i := range 8 {
		for s := range 5 {
			add(table, math.Sin(float64(3*i*i+7*s*s+i*s))/10, fmt.Sprint("a", i&1), fmt.Sprint("b", i>>1&1), fmt.Sprint("c", i>>2), "d0", fmt.Sprint(s))
		}
	}
	level := func(a string) map[string]addr.Level { return map[string]addr.Level{"a": word(a), "d": word("d0")} }
	f := newFactorial()
	f.Contrasts = []Declared{{Name: "mine", Of: level("a1"), Against: level("a0"), Minus: &Difference{Of: level("a0"), Against: level("a1")}}}
	for _, c := range f.analyse(table, "seed").Contrasts {
		if c.Kind == affectedKind {
			t.Errorf("%+v", c)
		}
	}
}

// Of joint families an interaction is found by the joint adjustment: without one, no gaps are
// affected.
func TestAffectedGapsOfJointFamilies(t *testing.T) {
	affected := func(families string, size float64) (n int) {
		f := newFactorial()
		f.Responses, f.Families = []string{"x", "y"}, families
		for _, x := range f.answer(t.Context(), []measured{{"x", threeWay(0)}, {"y", threeWay(size)}}, "seed").All() {
			found := slices.ContainsFunc(x.Contrasts, func(c answer.Contrast) bool { return c.Kind == "interaction" && c.Clear() })
			if shown := slices.ContainsFunc(x.Contrasts, func(c answer.Contrast) bool { return c.Kind == affectedKind }); shown != found {
				t.Errorf("families %q, %v: found %v, shown %v", families, size, found, shown)
			} else if shown {
				n++
			}
		}
		return n
	}
	differ := 0
	for size := 0.0; size < 0.6; size += 0.005 {
		if affected("", size) > affected(jointFamilies, size) {
			differ++
		}
	}
	if differ == 0 {
		t.Error("no interaction is found by its own family and not by the joint one")
	}
}
