package train_test

import (
	"strings"
	"testing"
)

// A run with a decay keeps the state before the decay, from which a longer run or
// another decay resumes.
func TestDecaysFork(t *testing.T) {
	block := func(steps int, decay string) string {
		return study(steps, "schedule \"wsd\" {\n warmup = 2\n decay = "+decay+"\n}\nevaluate {\n every = 4\n}")
	}
	l := newLab(t)
	l.must(block(16, "4"), 16)
	for _, c := range []struct {
		text     string
		plan     string
		computed int
	}{
		{block(24, "4"), "trains steps 13-24", 12},
		{block(16, "3"), "trains steps 13-16", 4},
		{block(28, "4"), "trains steps 21-28", 8},
	} {
		if reason := l.plan(c.text).Reason.Text; !strings.Contains(reason, c.plan) || strings.Contains(reason, "replay") {
			t.Errorf("the plan says %q, want %q and no replay", reason, c.plan)
		}
		l.must(c.text, c.computed)
		cold := newLab(t)
		if err := cold.run(c.text, 0); err != nil {
			t.Fatal(err)
		}
		l.same(cold, c.text)
	}
}
