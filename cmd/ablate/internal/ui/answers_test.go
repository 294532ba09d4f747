package ui_test

import (
	"strings"
	"testing"

	"ablate/cmd/ablate/internal/ui"
	"ablate/stages/record"
)

// A trial that diverges at its first step is not one that never does.
func TestDivergedAtTheFirstStep(t *testing.T) {
	l := newLab(t)
	l.begin()
	l.publishRows(trial("rms", 0), []record.Row{{Step: 0, Name: record.Diverged, Value: 1}}, 9)
	l.tell("stage_done", trial("rms", 0), nil)
	l.finish(trial("rms", 1), 3, 2)
	s, _ := l.serve(ui.Options{})
	c := newClient(t, s)
	c.get(t, "GET", "/?token="+c.token, "")
	_, body := c.get(t, "GET", "/api/curves", "")
	if !strings.Contains(body, `"diverged":0`) || strings.Count(body, "diverged") != 1 {
		t.Errorf("the curves are %s", body)
	}
}
