package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
	"ablate/stages/internal/behaviour"
)

// A mean is compared with a constant by a one-sample t, as t.test(c(1, 2, 3), mu = 0.5)
// in R: t = 2.5981, p = 0.1217 (tests need no R).
func TestConstant(t *testing.T) {
	for _, tt := range []struct {
		model    estimate.Error
		unpaired bool
	}{{estimate.OwnError, false}, {estimate.OwnError, true}, {estimate.PooledError, false}, {estimate.SeparateError, false}} {
		f := newFactorial()
		constant := 0.5
		f.Error, f.SignFlip = string(tt.model), true
		f.Contrasts = []Declared{{Name: "mean", Of: map[string]addr.Level{"arm": word("b")}, Constant: &constant}}
		table := design.NewTable([]string{"arm", "seed"}, "seed")
		for i := range 3 {
			add(table, 7-float64(i*i), "a", fmt.Sprint(i))
			add(table, 1+float64(i), "b", fmt.Sprint(i))
		}
		table.Unpaired = tt.unpaired
		c := find(t, f.analyse(table, "seed"), "declared", "mean")
		if math.Abs(*c.Estimate-1.5) > 1e-12 || c.P == nil || math.Abs(*c.T-2.598076211353316) > 1e-12 || math.Abs(*c.P-0.121689934346) > 1e-11 || c.Method != "one-sample t" {
			t.Errorf("%+v: %+v", tt, c)
		}
		if c.PFlip != nil && *c.PFlip != 0.25 {
			t.Errorf("%+v: sign flips give %v, want 0.25", tt, *c.PFlip)
		}
	}
}

// Different constants are different hypotheses; one side is compared with cells or with
// a constant.
func TestConstantsAreDeclared(t *testing.T) {
	one, two := 1., 2.
	of := map[string]addr.Level{"arm": word("b")}
	f := newFactorial()
	f.Contrasts = []Declared{{Name: "one", Of: of, Constant: &one}, {Name: "two", Of: of, Constant: &two}, {Name: "again", Of: of, Constant: &two}}
	if list := f.Validate(); len(list) > 0 {
		t.Errorf("Validate = %v", list)
	}
	r := f.analyse(oneGap(1, 2, 4), "seed")
	if i := slices.IndexFunc(r.Families, func(x answer.Family) bool { return x.Name == "declared" }); r.Families[i].Size != 2 {
		t.Errorf("families %+v, want two declared hypotheses", r.Families)
	}
	for want, c := range map[string]Declared{
		"compares with nothing":        {Name: "x", Of: of},
		"a constant beside against":    {Name: "x", Of: of, Against: of, Constant: &one},
		"compares cells with themselv": {Name: "x", Of: of, Against: of},
	} {
		f.Contrasts = []Declared{c}
		if err := f.Validate().Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}

// Each response has families of its own, and on request one over all.
func TestSeveralResponses(t *testing.T) {
	loss, accuracy := oneGap(1, 2, 4), oneGap(3, 3.5, 5)
	f := newFactorial()
	f.Responses = []string{"loss", "accuracy"}
	all := []measured{{"loss", loss}, {"accuracy", accuracy}}
	own := f.answer(t.Context(), all, "seed")
	f.Families = jointFamilies
	joint := f.answer(t.Context(), all, "seed")
	for i, r := range own.All() {
		c, j := find(t, r, "gap", "b − a"), find(t, joint.All()[i], "gap", "b − a")
		if *c.PAdjusted != *c.P || math.Abs(*j.PAdjusted-min(1, 2**c.P)) > 1e-15 || *j.P != *c.P || *j.LowAdjusted >= *c.LowAdjusted {
			t.Errorf("%s: own %+v, joint %+v", r.Response, c, j)
		}
	}
	lines := own.Lines()
	if len(lines) != 2*len(own.Others[0].Lines()) || lines[0].Response != "loss" || lines[len(lines)-1].Response != "accuracy" {
		t.Errorf("lines %+v", lines)
	}
	numbers, err := answer.Name(own.Numbers(addr.Instance{Stage: addr.Stage{Name: "x"}}, [32]byte{}))
	if err != nil || !slices.ContainsFunc(numbers, func(n answer.Number) bool { return n.Name == "x/gap/accuracy-arm-b-a/estimate" }) {
		t.Errorf("numbers: %v, %v", numbers, err)
	}
	text := render.Text(render.Factorial(joint).Sections)
	for _, want := range []string{"accuracy: Gaps to the baseline level", "2 gaps", "family of all responses at once"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("the text does not say %q:\n%s", want, text)
		}
	}
	margin := 1.
	f.Margin = &margin
	if err := f.Validate().Err(); err == nil || !strings.Contains(err.Error(), "in units of one response") {
		t.Errorf("a margin of two responses: %v", err)
	}
}

// A trial that does not reach the target leaves its cell a rate and a range, and no t.
func TestTarget(t *testing.T) {
	lab := behaviour.NewLab(nil)
	in := canonicalTables["paired"].inputs(lab)
	for _, tt := range []struct {
		target   float64
		censored bool
		says     string
	}{
		{2.8, false, "steps to val_loss ≤ 2.8"}, {2.4, true, "did not reach the target"}, {0.1, true, "none of 7 in 12 steps"}, {9, false, "No test, because replicates do not differ"},
	} {
		f := newFactorial()
		f.Resolve()
		f.Target, f.Baseline = &tt.target, map[string]addr.Level{"norm": number("0.125")}
		done, err := lab.Run(in, f.Run)
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(strings.Fields(string(done.Outputs["table"])), " "); !strings.Contains(text, tt.says) || strings.Contains(text, "did not reach") != tt.censored {
			t.Errorf("target %v: want %q in\n%s", tt.target, tt.says, done.Outputs["table"])
		}
	}
	target := 2.8
	trials := in.Refs["trials"]
	trials[0].Artifacts = []cache.Artifact{lab.Artifact("metrics", []byte(`{"step":7,"name":"diverged","value":1}`+"\n"))}
	early := newFactorial()
	early.Resolve()
	early.Target = &target
	if done, err := lab.Run(in, early.Run); err != nil || !strings.Contains(string(done.Outputs["table"]), "did not reach") {
		t.Errorf("a trial that diverged before its first evaluation: %v\n%s", err, done.Outputs["table"])
	}
	trials[0].Artifacts = []cache.Artifact{lab.Artifact("metrics", nil)}
	if _, err := lab.Run(in, early.Run); err == nil || !strings.Contains(err.Error(), `it has no metric "val_loss", nor any other`) {
		t.Errorf("a trial that logged nothing: %v", err)
	}
	finished := canonicalTable{results: true, curves: true}.inputs(lab)
	early.Baseline = nil
	if done, err := lab.Run(finished, early.Run); err != nil || !strings.Contains(string(done.Outputs["table"]), "18 trials in 6 cells") {
		t.Errorf("finished runs with curves: %v\n%s", err, done.Outputs["table"])
	}
	runs := finished.Refs["trials"]
	runs[0].Artifacts[1] = lab.Artifact("curves", nil)
	if _, err := lab.Run(finished, early.Run); err == nil || !strings.Contains(err.Error(), `run 1 finished, but has no curve of "val_loss"`) {
		t.Errorf("a finished run without a curve: %v", err)
	}
	f := newFactorial()
	f.Target = &target
	if err := f.Check(canonicalTable{results: true}.inputs(lab)).Err(); err == nil || !strings.Contains(err.Error(), "no steps") {
		t.Errorf("a target of finished runs: %v", err)
	}
}

// Trials that lack a response are left out and named, by their levels: a renamed stage
// has the same result. If all lack it, that is an error.
func TestResponseOfSomeTrials(t *testing.T) {
	lab := behaviour.NewLab(nil)
	in := canonicalTables["paired"].inputs(lab)
	trials := in.Refs["trials"]
	f := newFactorial()
	f.Resolve()
	for i, want := range []string{
		"The trial norm = 0.125 + adamw + seed = 0 has no val_loss and is left out.",
		"2 trials have no val_loss and are left out: norm = 0.125 + adamw + seed = 0, norm = 0.125 + adamw + seed = 1.",
	} {
		trials[i].Artifacts = []cache.Artifact{lab.Artifact("metrics", []byte(`{"step":1,"name":"other","value":1}`+"\n"))}
		done, err := lab.Run(in, f.Run)
		if err != nil || !strings.Contains(string(done.Outputs["result"]), want) {
			t.Errorf("%v\n%s", err, done.Outputs["table"])
		}
	}
	f.Response = "nowhere"
	if _, err := lab.Run(pipeline.Inputs{Refs: in.Refs}, f.Run); err == nil || !strings.Contains(err.Error(), `it has no metric "nowhere"; it has`) {
		t.Errorf("a response that no trial has: %v", err)
	}
}

// A table of finished runs has no column of steps where none is known. A run that diverged is
// shown with its last step, wherever the others are read.
func TestTableOfFinishedRuns(t *testing.T) {
	lab := behaviour.NewLab(nil)
	for _, curves := range []bool{false, true} {
		done, err := lab.Run(canonicalTable{results: true, curves: curves}.inputs(lab), (&Table{Response: "val_loss", At: finalStep}).Run)
		if err != nil {
			t.Fatal(err)
		}
		if csv := string(done.Outputs["csv"]); strings.Contains(csv, "step") != curves {
			t.Errorf("with curves = %v the table is\n%s", curves, csv)
		}
	}
	for _, at := range []addr.Level{finalStep, number("4")} {
		done, err := lab.Run(canonicalTable{results: true, curves: true}.inputs(lab), (&Table{Response: "val_loss", At: at}).Run)
		if csv := string(done.Outputs["csv"]); err != nil || !strings.Contains(csv, ",12,diverged") {
			t.Errorf("at %s: %v\n%s", at.Text, err, csv)
		}
	}
}
