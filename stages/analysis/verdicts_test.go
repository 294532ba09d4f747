package analysis

import (
	"fmt"
	"testing"

	"ablate/hcl/addr"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/answer"
)

// That p is not worse than q says nothing about whether q is not worse than p.
func TestMirroredVerdicts(t *testing.T) {
	table := design.NewTable([]string{"a", "seed"}, "seed")
	for s, e := range []float64{0.01, -0.03, -0.02, -0.12, 0.09} {
		add(table, e, "p", fmt.Sprint(s))
		add(table, 1+e/2, "q", fmt.Sprint(s))
	}
	level := func(text string) map[string]addr.Level { return map[string]addr.Level{"a": word(text)} }
	f := newFactorial()
	margin := 0.2
	f.Margin, f.Direction = &margin, notWorse
	f.Contrasts = []Declared{{Name: "p_vs_q", Of: level("p"), Against: level("q")}, {Name: "q_vs_p", Of: level("q"), Against: level("p")}}
	r := f.analyse(table, "seed")
	if c := find(t, r, "equivalence", "p_vs_q"); c.Verdict != "not worse by more than 0.2" {
		t.Errorf("p_vs_q: %s", c.Verdict)
	}
	if c := find(t, r, "equivalence", "q_vs_p"); c.Verdict == "not worse by more than 0.2" || *c.PHolm < 0.999 {
		t.Errorf("q_vs_p, which is worse by 1: %s, p (Holm) %v", c.Verdict, *c.PHolm)
	}
	if size := familySize(r, "equivalence of declared"); size != 2 {
		t.Errorf("%d hypotheses, want 2", size)
	}
	f.Direction = equivalent
	if size := familySize(f.analyse(table, "seed"), "equivalence of declared"); size != 1 {
		t.Errorf("%d two-sided hypotheses, want 1", size)
	}
}

func familySize(r answer.Result, name string) int {
	for _, f := range r.Families {
		if f.Name == name {
			return f.Size
		}
	}
	return 0
}
