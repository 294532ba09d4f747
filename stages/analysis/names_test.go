package analysis

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
	"ablate/stages/answer/figure"
	"ablate/stages/internal/behaviour"
)

// fixedNames are the fields that other programs read, by kind of line.
func fixedNames() map[string][]string {
	common := []string{"kind", "name", "estimate", "low", "high", "t", "df", "p", "p_holm", "p_adjusted", "low_adjusted", "high_adjusted", "adjusted", "family", "error", "n", "method", "f"}
	return map[string][]string{
		"anova": {"kind", "name", "estimate", "low", "high", "f", "df", "p", "error", "ss_type", "method"},
		"gap":   common, "main": common, "interaction": common, "simple": common, "declared": common, "dose": common, "tuned": common,
		"recovery":    {"kind", "name", "estimate", "low", "high", "method"},
		"equivalence": append(slices.DeleteFunc(slices.Clone(common), func(s string) bool { return s == "t" }), "margin", "verdict"),
	}
}

// Names of fields that other programs read.
func TestFixedNames(t *testing.T) {
	margin := 0.01
	f := newFactorial()
	f.Margin = &margin
	f.Contrasts = []Declared{{Name: "mine", Of: map[string]addr.Level{"a": word("a1")}, Against: map[string]addr.Level{"a": word("a0")}}}
	table := design.NewTable([]string{"a", "b", "seed"}, "seed")
	for i := range 4 {
		for j := range 4 {
			add(table, math.Sin(float64(1+7*i+13*j*j+i*j)), fmt.Sprint("a", i/2), fmt.Sprint("b", i%2), fmt.Sprint(j))
		}
	}
	tuned := newFactorial()
	tuned.Tune = []string{"b"}
	based := &Dose{Response: "val_loss", At: finalStep, Factor: "norm", Where: map[string]addr.Level{"optimizer": word("adamw")}, Baseline: number("0.5"), Replicate: "seed", Confidence: 0.9}
	recovery := &Recovery{Response: "val_loss", At: finalStep, Factor: "norm", Lost: number("2"), Baseline: number("0.125"),
		Where: map[string]addr.Level{"optimizer": word("adamw")}, Replicate: "seed", Confidence: 0.9}
	seen := make(map[string]bool)
	for _, r := range []answer.Result{f.analyse(table, "seed"), tuned.analyse(table, "seed"), canonicalResult(t, based), canonicalResult(t, recovery)} {
		for _, l := range r.Lines() {
			seen[l.Kind] = true
			checkNames(t, l)
		}
	}
	for kind := range fixedNames() {
		if !seen[kind] {
			t.Errorf("no line of kind %s", kind)
		}
	}
}

// checkNames checks that a line has the fields of its kind. A line of the analysis of
// variance that is an error has no F.
func checkNames(t *testing.T, l answer.Line) {
	raw, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range fixedNames()[l.Kind] {
		if _, ok := fields[name]; !ok && !(l.F == nil && l.Kind == "anova") {
			t.Errorf("a line of kind %s lacks %s: %s", l.Kind, name, raw)
		}
	}
}

// canonicalResult is what a stage answers about paired trials.
func canonicalResult(t *testing.T, stage pipeline.Stage) answer.Result {
	lab := behaviour.NewLab(nil)
	done, err := lab.Run(canonicalTables["paired"].inputs(lab), stage.Run)
	if err != nil {
		t.Fatal(err)
	}
	r, err := answer.Parse(done.Outputs["result"], cache.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A level that is a number, true, false or null says to which factor it belongs, in every name and
// sentence alike, also where another level of its factor is a word.
func TestLevelsSayTheirFactor(t *testing.T) {
	table := design.NewTable([]string{"clip", "decay", "seed"}, "seed")
	for i := range 4 {
		for j := range 4 {
			add(table, math.Sin(float64(1+7*i+13*j*j+i*j)), []string{"true", "false"}[i/2], []string{"0.1", "none"}[i%2], fmt.Sprint(j))
		}
	}
	r := analysed(t, table)
	for _, name := range []string{
		"(clip = false) − (clip = true) at decay = 0.1", "(clip = false) − (clip = true) at none",
		"none − (decay = 0.1) at clip = true", "none − (decay = 0.1) at clip = false",
	} {
		find(t, r, "gap", name)
	}
	c := find(t, r, "interaction", "clip = false: gap to clip = true under none minus gap under decay = 0.1")
	if got, want := figure.Name(c), "(clip = false − true) × (decay = none − 0.1)"; got != want || c.ShortName() != want {
		t.Errorf("the interaction is %q in figures and %q in tables, want %q", got, c.ShortName(), want)
	}
	if text := render.Text(render.Factorial(r).Sections); !strings.Contains(text, "  clip    decay = 0.1 ") {
		t.Errorf("the columns of cells do not say their factor:\n%s", text)
	}
	sentences := strings.Join(append(answer.Sentences(answer.Findings(r)), r.Sensitivity.Lines("seed")...), "\n")
	for _, want := range []string{"between clip = false and clip = true", "clip = true + decay = 0.1, seed ", "(clip = "} {
		if !strings.Contains(sentences, want) {
			t.Errorf("no %q in\n%s", want, sentences)
		}
	}
	gap := answer.TrajectoryLine{Level: "null", Points: []answer.TrajectoryPoint{{Step: 1, Gap: 1}, {Step: 2, Gap: 2}}}
	course := answer.Trajectory{Response: "loss", Factor: "warmup", Baseline: "10", Levels: []answer.TrajectoryLine{gap}}
	text := render.Text(render.Trajectory(course).Sections) + string(figure.Trajectory(course)[0].SVG(figure.Page))
	for _, want := range []string{"(warmup = null) − (warmup = 10)", "Gap of loss to warmup = 10 by step", "warmup = null: there is no band", ">gap of loss to warmup = 10<", ">warmup = null<"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	shares := answer.Recovery{Response: "loss", Factor: "warmup", Lost: "20", Baseline: "10"}
	if text := render.Text(render.Recovery(shares).Sections); !strings.Contains(text, "gap of warmup = 20 to warmup = 10 that is won back") {
		t.Errorf("the factor of its levels is missing in\n%s", text)
	}
}
