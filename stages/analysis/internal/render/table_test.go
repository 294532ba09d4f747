package render

import (
	"strings"
	"testing"

	"ablate/stages/answer"
	"ablate/stages/answer/textwidth"
)

// A run that diverged at a step that is not known has none in a table that has steps.
func TestUnknownStep(t *testing.T) {
	v := 3.5
	d := Table(answer.Table{Response: "loss", Factors: []string{"arm"}, Trials: []answer.TableTrial{{Levels: []string{"a"}, Value: &v}, {Levels: []string{"b"}, Step: 4}, {Levels: []string{"c"}}}})
	for i, want := range []string{"a,0,3.5", "b,4,diverged", "c,,diverged"} {
		if got := strings.Join(d.Rows[i+1], ","); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Columns have different names, and a level of several lines is in one row.
func TestOddNamesOfTables(t *testing.T) {
	v := 3.5
	d := Table(answer.Table{Response: "loss", Factors: []string{"step", "loss"}, Trials: []answer.TableTrial{{Levels: []string{"a\nb", "2"}, Step: 7, Value: &v}}})
	if got := strings.Join(d.Rows[0], ","); got != "step,loss,step_,loss_" {
		t.Errorf("columns %s", got)
	}
	if d.Rows[1][0] != "a\nb" {
		t.Errorf("the level is %q in the CSV", d.Rows[1][0])
	}
	if text := Text(d.Sections); !strings.Contains(text, `a\nb`) {
		t.Errorf("the table does not escape the level:\n%s", text)
	}
}

// Wide characters take two columns of a terminal, and combining ones none, also where a line is
// broken.
func TestWideLevels(t *testing.T) {
	v := 3.5
	d := Table(answer.Table{Response: "loss", Factors: []string{"arm"}, Trials: []answer.TableTrial{
		{Levels: []string{"最適化"}, Value: &v}, {Levels: []string{"e\u0301"}, Value: &v}, {Levels: []string{"plain"}, Value: &v}}})
	text := Text(d.Sections)
	for _, want := range []string{"\n  最適化   3.5", "\n  e\u0301        3.5", "\n  plain    3.5"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(Text([]Section{{Lines: []string{strings.Repeat("最適化 ", 40)}}})) {
		if n := textwidth.Of(strings.TrimSpace(line)); n > 92 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
}
