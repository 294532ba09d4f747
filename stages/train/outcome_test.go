package train_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/pipeline"
)

// How a trial ends does not depend on what was cached under another limit: after a
// run without one, each limit gives what an empty store gives, and the plan says
// how much of it is computed.
func TestOutcomeFollowsTheLimit(t *testing.T) {
	block := func(limit float64) string {
		return study(12, fmt.Sprintf("diverge_above = %v\nevaluate {\n every = 3\n}\ncheckpoint {\n every = 4\n}", limit))
	}
	warm := newLab(t)
	warm.must(block(0), 12)
	whole, _ := warm.result(block(0))
	var limits []float64
	for line := range strings.Lines(whole) {
		if !strings.HasPrefix(line, "{") { // the probes follow
			break
		}
		var row struct {
			Name  string
			Value float64
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Name == "train_loss" || row.Name == "val_loss" {
			limits = append(limits, row.Value, row.Value-1e-6) // at the limit, and above it
		}
	}
	for _, limit := range limits {
		text, cold := block(limit), newLab(t)
		if err := cold.run(text, 0); err != nil {
			t.Fatal(err)
		}
		survey := warm.plan(text).Reason.Text
		if err := warm.run(text, 0); err != nil {
			t.Fatal(err)
		}
		got, _ := warm.result(text)
		want, _ := cold.result(text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limit %v: a run over a cached one differs from one in an empty store (-cold +warm):\n%s", limit, diff)
		}
		if warm.computed != 0 || !strings.Contains(survey, "trains nothing") {
			t.Errorf("limit %v: %d steps computed, and the plan says %q", limit, warm.computed, survey)
		}
		if diverged := strings.Contains(want, `"diverged"`); diverged != strings.Contains(survey, "diverges at step") {
			t.Errorf("limit %v: the plan says %q, and the trial diverged: %t", limit, survey, diverged)
		}
	}
}

// The warning of a trial that diverged says which value ended it, and why.
func TestDivergenceIsExplained(t *testing.T) {
	const restless = "checkpoint {\n every = 4\n}\nevaluate {\n every = 3\n}\n"
	for _, tt := range []struct{ text, want string }{
		{study(12, restless+"diverge_above = 0.5"), "the trial diverged at step 1: the loss is 5."},
		{study(12, restless+"diverge_above = 0.5"), ", above diverge_above = 0.5"},
		{study(12, restless+"loss = 0.1 * cross_entropy\ndiverge_above = 4"), "the loss on validation text is 5."},
		{strings.Replace(study(12, restless), "learning_rate = 0.01", "learning_rate = 1e38", 1), "is NaN"},
	} {
		l, warning := newLab(t), ""
		l.seen = func(p pipeline.Progress) { warning += p.Warning }
		if err := l.run(tt.text, 0); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(warning, tt.want) {
			t.Errorf("the warning is %q, want %q in it", warning, tt.want)
		}
	}
}
