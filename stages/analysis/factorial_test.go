package analysis

import (
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/hcl/addr"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/answer"
	"ablate/stages/record"
)

var update = flag.Bool("update", false, "rewrite golden files")

// published is the validation losses that arXiv 2604.01563 reports (tables 1
// and 7), for some of its norms.
func published(t *testing.T, norms ...string) *design.Table {
	t.Helper()
	f, err := os.Open("testdata/published.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	table := design.NewTable([]string{"norm", "optimizer", "seed"}, "seed")
	for _, r := range rows[1:] {
		norm, opt, seed := r[column("norm")], r[column("optimizer")], r[column("seed")]
		plain := r[column("alpha")] != "0.3" && r[column("lambda")] == ""
		if !slices.Contains(norms, norm) || !plain {
			continue
		}
		loss, err := strconv.ParseFloat(r[column("val_loss")], 64)
		if err != nil {
			t.Fatal(err)
		}
		add(table, loss, norm, opt, seed)
	}
	if len(table.Trials) == 0 {
		t.Fatalf("no trials of %v in %v", norms, rows[0])
	}
	return table
}

// add appends a trial with string levels.
func add(t *design.Table, response float64, levels ...string) {
	var ids []design.Level
	for _, l := range levels {
		ids = append(ids, design.Level{ID: addr.Level{Kind: "string", Text: l}, Label: l})
	}
	t.Add(design.Trial{Response: response, Step: 1000}, ids...)
}

// labels are those of a trial.
func labels(t *design.Table, x design.Trial) []string {
	var out []string
	for i, l := range x.Levels {
		out = append(out, t.Columns[i].Levels[l].Label)
	}
	return out
}

func find(t *testing.T, r answer.Result, kind, name string) answer.Contrast {
	t.Helper()
	for _, c := range r.Contrasts {
		if c.Kind == kind && c.Name == name {
			return c
		}
	}
	var names []string
	for _, c := range r.Contrasts {
		names = append(names, c.Kind+": "+c.Name)
	}
	t.Fatalf("no %s %q in\n%s", kind, name, strings.Join(names, "\n"))
	return answer.Contrast{}
}

func analysed(t *testing.T, table *design.Table) answer.Result {
	t.Helper()
	f := newFactorial()
	f.Response = "val_loss"
	return f.analyse(table, "seed")
}

// analyse computes the answer from a table.
func (f *Factorial) analyse(table *design.Table, replicate string) answer.Result {
	return f.answer([]measured{{f.Response, table}}, replicate)
}

// The paper prints 0.017 and 0.003 where rounding gives 0.018 and 0.004.
func TestPublishedMeans(t *testing.T) {
	r := analysed(t, published(t, "rmsnorm", "derf", "dyt"))
	want := map[string]string{
		"rmsnorm adamw": "3.883 ± 0.008", "rmsnorm muon": "3.322 ± 0.003",
		"derf adamw": "4.192 ± 0.003", "derf muon": "4.289 ± 0.018",
		"dyt adamw": "4.201 ± 0.008", "dyt muon": "3.541 ± 0.004",
	}
	got := make(map[string]string)
	for _, c := range r.Cells {
		got[strings.Join(c.Levels, " ")] = fmt.Sprintf("%.3f ± %.3f", *c.Mean, *c.SD)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

// The contrasts that follow from the published seeds: Derf's penalty triples
// under Muon, DyT's does not.
func TestPublishedInteractions(t *testing.T) {
	r := analysed(t, published(t, "rmsnorm", "derf", "dyt"))
	tests := []struct {
		kind, name string
		estimate   float64
		low, high  float64
		n          int
	}{
		{"interaction", "derf: gap to rmsnorm under muon minus gap under adamw", 0.659, 0.599, 0.719, 3},
		{"interaction", "dyt: gap to rmsnorm under muon minus gap under adamw", -0.098, -0.126, -0.070, 3},
		{"gap", "derf − rmsnorm at muon", 0.967, 0.921, 1.014, 3},
		{"gap", "dyt − rmsnorm at adamw", 0.318, 0.285, 0.350, 3},
	}
	for _, tt := range tests {
		c := find(t, r, tt.kind, tt.name)
		for _, x := range []struct {
			what      string
			got, want float64
		}{{"estimate", *c.Estimate, tt.estimate}, {"low", *c.Low, tt.low}, {"high", *c.High, tt.high}} {
			if math.Abs(x.got-x.want) > 0.00051 {
				t.Errorf("%s of %s = %.4f, want %.3f", x.what, tt.name, x.got, x.want)
			}
		}
		if c.Pairs != tt.n || c.Method != "paired t" {
			t.Errorf("%s: n = %d, %s, want %d, paired t", tt.name, c.Pairs, c.Method, tt.n)
		}
	}
}

// Welch's t against the worked example of two samples with unequal spread.
func TestWelch(t *testing.T) {
	table := design.NewTable([]string{"arm", "seed"}, "seed")
	for i, v := range []float64{27.5, 21.0, 19.0, 23.6, 17.0, 17.9} {
		add(table, v, "a", fmt.Sprint("a", i))
	}
	for i, v := range []float64{27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0} {
		add(table, v, "b", fmt.Sprint("b", i))
	}
	c := find(t, analysed(t, table), "gap", "b − a")
	// a: mean 21, variance 15.724; b: mean 23.5, variance 4.2943 (by hand).
	wantT := 2.5 / math.Sqrt(15.724/6+4.294286/8)
	if c.Method != "Welch t" || math.Abs(*c.T-wantT) > 1e-3 || math.Abs(*c.DF-7.03) > 0.1 {
		t.Errorf("Welch: %s, t = %.4f, df = %.3f, want Welch t, %.4f, about 7.0", c.Method, *c.T, *c.DF, wantT)
	}
}

func TestHolm(t *testing.T) {
	got := estimate.Holm([]float64{0.01, 0.04, 0.03, math.NaN(), 0.005})
	want := []float64{0.03, 0.06, 0.06, math.NaN(), 0.02}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) < 1e-12 || math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			t.Errorf("Holm()[%d] = %v, want %v", i, got[i], want[i])
		}
	}
}

// In a design of three factors made of known effects, each contrast returns
// the effect that went in.
func TestThreeFactors(t *testing.T) {
	table := design.NewTable([]string{"a", "b", "c", "seed"}, "seed")
	for ia, a := range []string{"a0", "a1"} {
		for ib, b := range []string{"b0", "b1"} {
			for ic, c := range []string{"c0", "c1"} {
				for s, noise := range []float64{0, 0.25, 0.5} {
					y := 1 + 2*float64(ia) + 4*float64(ib) + 8*float64(ic) + 16*float64(ia*ib) + noise*float64(1+ia)
					add(table, y, a, b, c, fmt.Sprint(s))
				}
			}
		}
	}
	r := analysed(t, table)
	for _, tt := range []struct {
		kind, name string
		want       float64
	}{
		{"gap", "a1 − a0 at b0, c0", 2.25},
		{"main", "a1 − a0", 2 + 8 + 0.25},
		{"main", "c1 − c0", 8},
		{"interaction", "a1: gap to a0 under b1 minus gap under b0", 16},
		{"interaction", "a1: gap to a0 under c1 minus gap under c0", 0},
	} {
		if got := *find(t, r, tt.kind, tt.name).Estimate; math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s %s = %v, want %v", tt.kind, tt.name, got, tt.want)
		}
	}
}

func TestMissingCellsAreNamed(t *testing.T) {
	table := published(t, "rmsnorm", "derf", "dyt")
	table.Trials = slices.DeleteFunc(table.Trials, func(x design.Trial) bool { return labels(table, x)[0] == "dyt" && labels(table, x)[1] == "muon" })
	r := analysed(t, table)
	c := find(t, r, "interaction", "dyt: gap to rmsnorm under muon minus gap under adamw")
	if c.Estimate != nil || !slices.Equal(c.Missing, []string{"dyt + muon"}) {
		t.Errorf("estimate %v, missing %v, want none and the empty cell", c.Estimate, c.Missing)
	}
	if derf := find(t, r, "interaction", "derf: gap to rmsnorm under muon minus gap under adamw"); derf.Estimate == nil {
		t.Error("what does not need the empty cell is not estimated either")
	}
	if !strings.Contains(render.Text(render.Factorial(r).Sections), "cannot be estimated") {
		t.Error("the text does not say what cannot be estimated")
	}
}

// A diverged trial takes its cell out of every contrast, and is counted.
func TestDivergedIsNoNumber(t *testing.T) {
	table := published(t, "rmsnorm", "derf", "dyt")
	for i, x := range table.Trials {
		if labels(table, x)[0] == "dyt" && labels(table, x)[1] == "muon" && labels(table, x)[2] == "43" {
			table.Trials[i].Diverged, table.Trials[i].Response = true, 0
		}
	}
	r := analysed(t, table)
	c := find(t, r, "interaction", "dyt: gap to rmsnorm under muon minus gap under adamw")
	if c.Estimate != nil || !slices.Equal(c.Missing, []string{"dyt + muon (1 of 3 diverged)"}) {
		t.Errorf("estimate %v, missing %v", c.Estimate, c.Missing)
	}
	if derf := find(t, r, "interaction", "derf: gap to rmsnorm under muon minus gap under adamw"); derf.Estimate == nil {
		t.Error("what does not touch the diverged trial is not estimated either")
	}
	for _, want := range []string{"1 of 3 diverged", "cannot be estimated"} {
		if !strings.Contains(render.Text(render.Factorial(r).Sections), want) {
			t.Errorf("the text does not say %q:\n%s", want, render.Text(render.Factorial(r).Sections))
		}
	}
}

func TestOneReplicateGivesNoInterval(t *testing.T) {
	table := published(t, "rmsnorm", "derf")
	table.Trials = slices.DeleteFunc(table.Trials, func(x design.Trial) bool { return labels(table, x)[2] != "42" })
	r := analysed(t, table)
	for _, c := range r.Contrasts {
		if c.Low != nil || c.P != nil || c.Estimate == nil {
			t.Errorf("%s: low %v, p %v, want an estimate alone", c.Name, c.Low, c.P)
		}
	}
	if len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0], "one trial") {
		t.Errorf("warnings = %v, want one about single trials", r.Warnings)
	}
}

// A missing trial takes its replicate out of the contrasts of its cell, and out of
// no other.
func TestIncompleteReplicates(t *testing.T) {
	table := published(t, "rmsnorm", "derf")
	last := table.Trials[len(table.Trials)-1] // derf under muon
	table.Trials = table.Trials[:len(table.Trials)-1]
	r := analysed(t, table)
	if got := labels(table, last)[:2]; !slices.Equal(got, []string{"derf", "muon"}) {
		t.Fatalf("the last trial is of %v", got)
	}
	for _, tt := range []struct {
		kind, name string
		pairs      int
		dropped    bool
	}{
		{"gap", "derf − rmsnorm at adamw", 3, false},
		{"gap", "derf − rmsnorm at muon", 2, true},
		{"interaction", "derf: gap to rmsnorm under muon minus gap under adamw", 2, true},
	} {
		c := find(t, r, tt.kind, tt.name)
		if c.Method != "paired t" || c.Pairs != tt.pairs || c.Dropped != tt.dropped {
			t.Errorf("%s: %s with %d pairs, dropped %v, want paired t with %d, %v", tt.name, c.Method, c.Pairs, c.Dropped, tt.pairs, tt.dropped)
		}
	}
	if !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "Some replicates are incomplete") }) {
		t.Errorf("warnings = %v, want one about incomplete replicates", r.Warnings)
	}
}

// Losses on different amounts of text are not called the same.
func TestUnequalEvaluations(t *testing.T) {
	table := published(t, "rmsnorm", "derf")
	table.Evaluated(1024)
	table.Evaluated(4096)
	table.Evaluated(2048)
	text := strings.Join(strings.Fields(render.Text(render.Factorial(analysed(t, table)).Sections)), " ")
	if !strings.Contains(text, "evaluated on 1024 tokens and some on 4096") || strings.Contains(text, "the same for every trial") {
		t.Errorf("the analysis says:\n%s", text)
	}
}

// TestRendering keeps the bytes of every form: an analysis is cached under its
// version, so a change here needs a bump of it.
func TestRendering(t *testing.T) {
	table := published(t, "rmsnorm", "derf", "dyt")
	table.Evaluated(16384)
	r := analysed(t, table)
	doc := render.Factorial(r)
	rows, err := render.CSV(doc.Rows)
	if err != nil {
		t.Fatal(err)
	}
	list := answer.Table{Version: 1, Response: "val_loss", At: "final", Factors: table.Names()}
	for _, x := range table.Trials {
		list.Trials = append(list.Trials, answer.TableTrial{Levels: labels(table, x), Step: x.Step, Value: &x.Response})
	}
	for name, got := range map[string]string{
		"published.txt": render.Text(doc.Sections), "published.md": render.Markdown(doc.Sections), "published-result.csv": rows, "published-trials.txt": render.Text(render.Table(list).Sections),
	} {
		path := "testdata/golden/" + name
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPick(t *testing.T) {
	rows := []record.Row{{Step: 50, Name: "val_loss", Value: 3}, {Step: 100, Name: "val_loss", Value: 2}, {Step: 150, Name: "val_loss", Value: 2.5}, {Step: 150, Name: "train_loss", Value: 1}}
	at := func(kind, text string) addr.Level { return addr.Level{Kind: kind, Text: text} }
	for _, tt := range []struct {
		metric string
		at     addr.Level
		want   record.Row
		err    string
	}{
		{"val_loss", finalStep, record.Row{Step: 150, Name: "val_loss", Value: 2.5}, ""},
		{"val_loss", at("string", "best"), record.Row{Step: 100, Name: "val_loss", Value: 2}, ""},
		{"val_loss", at("number", "50"), record.Row{Step: 50, Name: "val_loss", Value: 3}, ""},
		{"val_loss", at("number", "60"), record.Row{}, "has no value at step 60"},
		{"accuracy", finalStep, record.Row{}, "it has train_loss, val_loss"},
	} {
		got, err := pick(rows, tt.metric, tt.at)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("pick(%s at %s) = %v, want an error with %q", tt.metric, tt.at, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("pick(%s at %s) = %v, %v, want %v", tt.metric, tt.at, got, err, tt.want)
		}
	}
}
