package view_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ablate/cmd/ablate/internal/view"
)

// Names that are shortened still differ, and lose first what they share.
func TestFitNames(t *testing.T) {
	rate := func(norm, rate, seed string) string {
		return view.TrialName([]view.Level{{Factor: "norm", Text: norm + ".base", Label: norm}, {Factor: "optimizer", Text: "adamw.rate:" + rate}, {Factor: "seed", Text: seed, Label: seed}})
	}
	for _, test := range []struct {
		width int
		names []string
		want  []string
	}{
		{40, []string{rate("RMSNorm", "0.003", "1"), rate("DyT", "0.003", "1")}, []string{"RMSNorm, adamw.rate:0.003, seed 1", "DyT, adamw.rate:0.003, seed 1"}},
		{20, []string{rate("RMSNorm", "0.003", "1"), rate("DyT", "0.003", "1")}, []string{"RMSNorm, seed 1", "DyT, seed 1"}},
		{20, []string{rate("DyT", "0.001", "1"), rate("DyT", "0.003", "2")}, []string{"ada…te:0.001, seed 1", "ada…te:0.003, seed 2"}},
		{20, []string{rate("DyT", "0.001", "1")}, nil},
	} {
		got := view.FitNames(slices.Clone(test.names), test.width)
		if test.want == nil {
			if view.Cells(got[0]) > test.width {
				t.Errorf("FitNames(%q, %d) = %q, which is wider", test.names, test.width, got)
			}
		} else if !slices.Equal(got, test.want) {
			t.Errorf("FitNames(%q, %d) = %q, want %q", test.names, test.width, got, test.want)
		}
	}
}

// Rows of a table can be told apart in a narrow terminal, which shows what is adjusted for the
// number of comparisons rather than what is not.
func TestNarrowRows(t *testing.T) {
	md := "### Interactions\n\n| | estimate | 95 % interval | adjusted interval | test | p | p (Holm) |\n|---|---:|---:|---:|---|---:|---:|\n"
	for _, rate := range []string{"0.002", "0.004"} {
		md += fmt.Sprintf("| (adamw.rate:%s − adamw.rate:0.001) × (DyT − RMSNorm) | +0.130 | [+0.055, +0.205] | [−0.04, +0.30] | t(2) = 3 | 0.0313 | 0.0931 |\n", rate)
	}
	for _, width := range []int{40, 60, 80} {
		var out strings.Builder
		view.New(view.Options{Stdout: &out, Stderr: &out, Columns: width}).Show(view.Analysis{Heading: "rates", Tables: md})
		for _, want := range []string{"0.002 − ", "0.004 − ", "RMSNorm)", "[−0.04, +0.30]"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%d columns lack %q:\n%s", width, want, &out)
			}
		}
	}
}

// Numbers, true and false say of which factor they are, whether or not they have a label.
func TestTrialName(t *testing.T) {
	got := view.TrialName([]view.Level{{"norm", "derf.paper", "Derf"}, {"lr", "0.1", "0.1"}, {"flash", "true", "true"}, {"rule", "t", "t"}, {"seed", "1", ""}})
	if want := "Derf, lr 0.1, flash true, t, seed 1"; got != want {
		t.Errorf("the name is %q, want %q", got, want)
	}
}

// A row that became a list begins with a level that says of which factor it is.
func TestListedRows(t *testing.T) {
	var out strings.Builder
	v := view.New(view.Options{Stdout: &out, Stderr: &out, Columns: 30})
	v.NewScreen().Draw(view.Watched{Study: "s", Factors: []string{"decay", "norm"}, Metric: "loss",
		Cells: []view.WatchedCell{{Levels: []string{"0.1", "a norm of many words"}, Marks: "✓✓✓", Mean: "2.0000"}}})
	if !strings.Contains(out.String(), "\n  decay 0.1\n") {
		t.Errorf("the row does not name its first factor:\n%s", out.String())
	}
}
