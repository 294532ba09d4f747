package data

import (
	"regexp"
	"strings"
	"testing"

	"ablate/hcl/addr"
	"ablate/stages/record"
)

// Tables with a row for each step are runs with curves, with a column for each metric
// or with a row for each value.
func TestHistories(t *testing.T) {
	for name, text := range map[string]string{
		"wide": "norm,seed,step,loss,acc\nrms,1,2,1.5,\nrms,1,1,2,0.5\ndyt,1,1,3,0.25\ndyt,1,2,NaN,0.5\nrms,1,3,,0.75\n",
		"long": "norm,seed,step,name,value\nrms,1,1,loss,2\nrms,1,1,acc,0.5\ndyt,1,1,loss,3\ndyt,1,2,loss,inf\nrms,1,2,loss,1.5\n",
		"JSON": `{"norm":"rms","seed":1,"step":1,"loss":2}{"norm":"rms","seed":1,"step":2,"loss":1.5}{"norm":"dyt","seed":1,"step":1,"loss":3}{"norm":"dyt","seed":1,"step":2,"loss":NaN}`,
	} {
		r := byNorm()
		r.Step, r.Curves, r.Source = "step", true, []string{"history"}
		dir := folder(t, map[string]string{"history": text})
		runs, warned, err := readFolders(t, dir, r)
		if err != nil || warned != "" || len(runs) != 2 || runs["rms 1"].Values["loss"] != 1.5 || len(runs["dyt 1"].Values) != 0 {
			t.Errorf("%s: %v, warned %q: %v", name, err, warned, runs)
			continue
		}
		out, err := runText(t, dir, r)
		if err != nil {
			t.Fatal(err)
		}
		curves := make(map[int]*int)
		for c, err := range record.ReadCurves(out[record.Curves]) {
			if err != nil {
				t.Fatal(err)
			}
			curves[len(c.Steps)] = c.Diverged
		}
		if len(curves) != 2 || curves[2] != nil || curves[1] == nil || *curves[1] != 2 {
			t.Errorf("%s: curves %v", name, curves)
		}
	}
}

// What cannot be told apart is refused.
func TestUnusableHistories(t *testing.T) {
	for text, want := range map[string]string{
		"norm,seed,step,loss\nrms,1,1,2\nrms,1,1,3\n":         "rows 2 and 3 have the same factors, seed and step 1",
		"norm,step,loss\nrms,1,2\nrms,1,3\n":                  "rows 2 and 3 have the same factors and step 1; set replicate",
		"norm,seed,step,loss\nrms,1,0.5,2\n":                  "loss has the step 0.5, and curves need whole numbers",
		"norm,seed,step,loss\nrms,1,1e300,2\n":                "loss has the step 1e+300, and curves need whole numbers up to 2^53",
		"norm,seed,step,loss\nrms,1,,2\n":                     "step has no value",
		"norm,seed,step,loss\nrms,1,x,2\n":                    `the step is "x"`,
		"norm,seed,iteration,loss\nrms,1,1,2\n":               `there is no column "step"`,
		"norm,seed,step,loss\nrms,1,1,low\n":                  `loss is "low", not a number`,
		"norm,seed,step,los\nrms,1,1,2\n":                     `there is no column "loss"; the columns are norm, seed, step, los`,
		"norm,seed,step,loss\nrms,1,1,\n":                     "have no value of loss",
		"norm,seed,step,loss\nrms,1,1,2\n,,2,1\n":             "seed has no value",
		"norm,seed,step,loss\nrms,1,1,2\nrms,1,2,1,5,5\n":     "it has 6 fields",
		"norm,seed,step,name,value\nrms,1,1,other,2\n":        `there is no column "loss"; the columns are norm, seed, step, name, value, other`,
		"norm,seed,step,loss,step\nrms,1,1,2,1\n":             "two of its columns",
		"norm,seed,step,loss\nrms,1,1e300,2\nrms,1,1e300,2\n": "the same factors",
	} {
		r := byNorm()
		r.Step, r.Curves, r.Source = "step", true, []string{"history"}
		if !strings.Contains(text, "seed") {
			r.Replicate = ""
		}
		_, warned, err := readFolders(t, folder(t, map[string]string{"history": text}), r)
		if (err == nil || !strings.Contains(err.Error(), want)) && !strings.Contains(warned, want) {
			t.Errorf("%q: %v, warned %q, want %q", text, err, warned, want)
		}
	}
	r := byNorm()
	r.Curves, r.Source = true, []string{"history"}
	if _, _, err := readFolders(t, folder(t, map[string]string{"history": "norm,seed,loss\nrms,1,2\n"}), r); err == nil || !strings.Contains(err.Error(), "Each row of a table is a run") {
		t.Errorf("curves of rows: %v", err)
	}
}

// All mistakes of a row are listed, always in the same order.
func TestMistakesOfHistories(t *testing.T) {
	for range 20 {
		r := byNorm()
		r.Step, r.Source, r.Responses = "step", []string{"history"}, []string{"loss", "acc"}
		_, _, err := readFolders(t, folder(t, map[string]string{"history": "norm,seed,step,loss,acc\na,1,1,low,high\n"}), r)
		if err == nil || !regexp.MustCompile(`(?s)acc is "high", not a number.*loss is "low", not a number`).MatchString(err.Error()) {
			t.Fatalf("%v, want the mistakes of acc and of loss", err)
		}
	}
}

// The outcome of a run is the one of its last step that has one.
func TestOutcomesOfHistories(t *testing.T) {
	for text, want := range map[string]record.Outcome{
		"norm,seed,step,name,value,outcome\na,1,1,loss,2,diverged\na,1,1,acc,0.5,\n":                                                                                record.OutcomeDiverged,
		"norm,seed,step,name,value,outcome\na,1,2,loss,2,finished\na,1,1,loss,3,running\n":                                                                          record.OutcomeFinished,
		"norm,seed,step,name,value,outcome\na,1,1,loss,2,running\na,1,2,loss,3,failed\n":                                                                            record.OutcomeFailed,
		"norm,seed,step,name,value\na,1,0.5,loss,2\n":                                                                                                               record.OutcomeFinished, // steps need not be whole without curves
		`{"norm":"a","seed":1,"step":2,"loss":1,"outcome":"diverged"}{"norm":"a","seed":1,"step":3,"loss":1,"outcome":null}{"norm":"a","seed":1,"step":4,"loss":1}`: record.OutcomeDiverged,
	} {
		r := byNorm()
		r.Step, r.Source = "step", []string{"history"}
		runs, warned, err := readFolders(t, folder(t, map[string]string{"history": text}), r)
		if err != nil || runs["a 1"].Outcome != want {
			t.Errorf("%q: %v, warned %q: %v", text, err, warned, runs)
		}
	}
}

// where may leave out rows of a history, and all of them.
func TestWhereInHistories(t *testing.T) {
	for value, want := range map[string]string{"a": "where leaves out 1 of 2 rows", "c": "None of the 2 rows has the values of where"} {
		r := byNorm()
		r.Step, r.Source, r.Where = "step", []string{"history"}, map[string]addr.Level{"norm": {Kind: "string", Text: value}}
		_, warned, err := readFolders(t, folder(t, map[string]string{"history": "norm,seed,step,loss\na,1,1,2\nb,1,1,2\n"}), r)
		if !strings.Contains(warned, want) && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, warned %q", value, err, warned)
		}
	}
}

// A run may diverge at step 0.
func TestDivergedAtOnce(t *testing.T) {
	r := byNorm()
	r.Step, r.Curves, r.Source = "step", true, []string{"history"}
	out, err := runText(t, folder(t, map[string]string{"history": "norm,seed,step,loss\na,1,0,NaN\na,1,1,NaN\n"}), r)
	if err != nil {
		t.Fatal(err)
	}
	for c, err := range record.ReadCurves(out[record.Curves]) {
		if err != nil || len(c.Steps) != 0 || c.Diverged == nil || *c.Diverged != 0 {
			t.Errorf("%v, %v", c, err)
		}
	}
}
