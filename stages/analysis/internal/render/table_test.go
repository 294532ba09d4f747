package render

import (
	"strings"
	"testing"

	"ablate/stages/answer"
)

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
