package render

import (
	"strings"
	"testing"

	"ablate/stages/answer"
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
