package analysis

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/answer"
	"ablate/stages/internal/behaviour"
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

// The effect that sentences say a study would find is found by the adjusted interval in
// four of five studies, not by the plain one.
func TestDetectableByTheAdjustedInterval(t *testing.T) {
	many, _ := studies(40000)
	r := rand.New(rand.NewPCG(31, 1))
	f := newFactorial()
	study := func(shift float64) answer.Contrast {
		table := design.NewTable([]string{"a", "seed"}, "seed")
		for s := range 4 {
			for a := range 5 {
				add(table, r.NormFloat64()+shift*float64(a/4), fmt.Sprint("a", a), fmt.Sprint(s))
			}
		}
		return find(t, f.analyse(table, "seed"), "gap", "a4 − a0")
	}
	c := study(0)
	shift := *c.DetectAdjusted / math.Abs(*c.Estimate / *c.T) * math.Sqrt(2./4) // at the true standard error
	found := 0
	for range many {
		if study(shift).Clear() {
			found++
		}
	}
	got := float64(found) / float64(many)
	if math.Abs(got-0.8) > 4*math.Sqrt(0.8*0.2/float64(many)) {
		t.Errorf("found in %.3f of studies, want 0.8", got)
	}
}

// Trials that are compared at their last step, and end at different ones, are no equal
// comparison: a warning says so.
func TestUnequalEnds(t *testing.T) {
	table := oneGap(1, 2, 3)
	f := newFactorial()
	warns := func() bool {
		return strings.Contains(strings.Join(f.analyse(table, "seed").Warnings, " "), "from 500 to 1000")
	}
	if warns() {
		t.Error("trials of one length are named")
	}
	table.Trials[0].Step = 500
	if !warns() {
		t.Error("no warning of different lengths")
	}
	if f.At = number("500"); warns() {
		t.Error("a warning although all are read at one step")
	}
}

// The best accuracy is the highest.
func TestBestValue(t *testing.T) {
	lab := behaviour.NewLab(nil)
	trials := canonicalTables["single"].inputs(lab)
	for i := range trials.Refs["trials"] {
		var rows strings.Builder
		for step, v := range []float64{0.2, 0.8, 0.5} {
			fmt.Fprintf(&rows, "{\"step\":%d,\"name\":\"val_loss\",\"value\":%v}\n", step+1, v)
		}
		trials.Refs["trials"][i].Artifacts = []cache.Artifact{lab.Artifact("metrics", []byte(rows.String()))}
	}
	for better, want := range map[string]string{"lower": "the lowest val_loss 0.2", "higher": "the highest val_loss 0.8"} {
		f := newFactorial()
		f.Resolve()
		f.At, f.Better = word("best"), better
		done, err := lab.Run(trials, f.Run)
		if err != nil {
			t.Fatal(err)
		}
		var r answer.Result
		if err := json.Unmarshal(done.Outputs["result"], &r); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(r.Measured(), " ", *r.Cells[0].Mean); got != want {
			t.Errorf("better = %q: %s, want %s", better, got, want)
		}
	}
}

// A main effect of which the gaps cancel is zero in every replicate; its levels are not alike.
func TestVerdictOfGapsThatCancel(t *testing.T) {
	table := design.NewTable([]string{"a", "b", "seed"}, "seed")
	for s, gap := range []float64{1, -2, 3} {
		for b, sign := range []float64{1, -1} {
			add(table, 5, "a0", fmt.Sprint("b", b), fmt.Sprint(s))
			add(table, 5+sign*gap, "a1", fmt.Sprint("b", b), fmt.Sprint(s))
		}
	}
	f := newFactorial()
	margin := 0.2
	f.Margin = &margin
	if c := find(t, f.analyse(table, "seed"), "equivalence", "a1 − a0"); c.Verdict != "zero in every replicate" {
		t.Errorf("the verdict is %q", c.Verdict)
	}
}

// A contrast that is surely beyond the margin is not left open.
func TestBeyondTheMargin(t *testing.T) {
	for _, tt := range []struct {
		direction, better string
		effect            float64
		want              string
	}{
		{equivalent, "lower", 1, "not equivalent within ±0.2"}, {equivalent, "lower", -1, "not equivalent within ±0.2"},
		{notWorse, "lower", 1, "worse by more than 0.2"}, {notWorse, "lower", -1, "not worse by more than 0.2"},
		{notWorse, "higher", -1, "worse by more than 0.2"}, {notWorse, "higher", 1, "not worse by more than 0.2"},
		{equivalent, "lower", 0.2, answer.Undecided}, {notWorse, "lower", 0.2, answer.Undecided},
	} {
		f := newFactorial()
		margin := 0.2
		f.Margin, f.Direction, f.Better = &margin, tt.direction, tt.better
		r := f.analyse(oneGap(tt.effect+0.01, tt.effect-0.02, tt.effect+0.015, tt.effect), "seed")
		if c := find(t, r, "equivalence", "b − a"); c.Verdict != tt.want {
			t.Errorf("%s, %s is better, effect %v: %s, want %s", tt.direction, tt.better, tt.effect, c.Verdict, tt.want)
		}
	}
}
