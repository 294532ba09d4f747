package analysis

import (
	"slices"
	"strings"
	"testing"

	"ablate/hcl/addr"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
	"ablate/stages/internal/behaviour"
)

// gapsBy is a trajectory of one level with bands of the same width; a half-width of 0
// means replicates that do not differ, and no band.
func gapsBy(half float64, gaps ...float64) answer.Trajectory {
	l := answer.TrajectoryLine{Level: "q"}
	for i, gap := range gaps {
		p := answer.TrajectoryPoint{Step: i + 1, Gap: gap, Constant: half == 0}
		if half > 0 {
			low, high := gap-half, gap+half
			p.Low, p.High = &low, &high
		}
		l.Points = append(l.Points, p)
	}
	return answer.Trajectory{Baseline: "p", Levels: []answer.TrajectoryLine{l}}
}

// What is said of a band holds: also where a gap was seen early, where it changes its
// sign, and where there is no band.
func TestWhereGapsAreSeen(t *testing.T) {
	for _, tt := range []struct {
		r     answer.Trajectory
		seen  int
		says  string
		warns string
	}{
		{gapsBy(0.1, 0, 1, 2), 2, "q: from step 2 on, the band excludes 0", ""},
		{gapsBy(0.1, 2, 1, 0), 0, "q: the band excludes 0 at 2 of 3 steps, but not at the last", ""},
		{gapsBy(0.1, -2, -1, 1, 2), 3, "q: from step 3 on, the band excludes 0", ""},
		{gapsBy(0.1, 0, 0), 0, "q: the band includes 0 at all steps, so no pilot", ""},
		{gapsBy(0, 2, 2), 0, "q: there is no band", "Replicates do not differ"},
	} {
		settle(&tt.r)
		seen := 0
		if s := tt.r.Levels[0].Seen; s != nil {
			seen = *s
		}
		text := strings.Join(strings.Fields(render.Text(render.Trajectory(tt.r).Sections)), " ")
		if seen != tt.seen || !strings.Contains(text, tt.says) || len(tt.r.Warnings) > 0 != (tt.warns != "") || !slices.ContainsFunc(append(tt.r.Warnings, ""), func(w string) bool { return strings.HasPrefix(w, tt.warns) }) {
			t.Errorf("seen from %d, want %d and %q; warnings %q\n%s", seen, tt.seen, tt.says, tt.warns, text)
		}
	}
}

// Steps that some trials of the slice lack are left out with a warning, not silently.
func TestLeftOutSteps(t *testing.T) {
	lab := behaviour.NewLab(nil)
	a := Trajectory{Response: "val_loss", Factor: "norm", Baseline: word("0.5"), Where: map[string]addr.Level{"optimizer": word("muon")}, Replicate: "seed", Confidence: 0.9}
	says := func() string {
		done, err := lab.Run(canonicalTable{results: true, curves: true}.inputs(lab), a.Run)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(done.Outputs["table"])), " ")
	}
	const want = "Of 3 steps, those are left out at which some trials have no val_loss: 12."
	if text := says(); !strings.Contains(text, want) {
		t.Errorf("want %q in\n%s", want, text)
	}
	a.At = []int{4, 8}
	if text := says(); strings.Contains(text, "left out") {
		t.Errorf("steps that are declared:\n%s", text)
	}
	a.At, a.Where = nil, map[string]addr.Level{"optimizer": word("adamw")}
	if text := says(); strings.Contains(text, "left out") {
		t.Errorf("a trial of another slice diverged:\n%s", text)
	}
	a.Where = map[string]addr.Level{"optimizer": word("sgd")}
	if _, err := lab.Run(canonicalTable{results: true, curves: true}.inputs(lab), a.Run); err == nil || !strings.Contains(err.Error(), "No trial has optimizer = sgd") {
		t.Errorf("a level that no trial has: %v", err)
	}
}

// A table of finished runs with curves says at which step each value was read.
func TestStepsOfFinishedRuns(t *testing.T) {
	lab := behaviour.NewLab(nil)
	for at, want := range map[addr.Level]string{finalStep: `"step": 12`, number("8"): `"step": 8`} {
		done, err := lab.Run(canonicalTable{results: true, curves: true}.inputs(lab), (&Table{Response: "val_loss", At: at}).Run)
		if got := strings.Count(string(done.Outputs["result"]), want); err != nil || got < 17 {
			t.Errorf("at %v: %d trials with %s, %v", at, got, want, err)
		}
	}
}
