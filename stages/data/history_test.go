package data

import (
	"strings"
	"testing"

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
		curves := make(map[int]int)
		for c, err := range record.ReadCurves(out[record.Curves]) {
			if err != nil {
				t.Fatal(err)
			}
			curves[len(c.Steps)] = c.Diverged
		}
		if len(curves) != 2 || curves[2] != 0 || curves[1] != 2 {
			t.Errorf("%s: curves %v", name, curves)
		}
	}
}

// What cannot be told apart is refused.
func TestUnusableHistories(t *testing.T) {
	for text, want := range map[string]string{
		"norm,seed,step,loss\nrms,1,1,2\nrms,1,1,3\n":         "rows 2 and 3 have the same factors, seed and step 1",
		"norm,seed,step,loss\nrms,1,0.5,2\n":                  "loss has the step 0.5, which is not a whole number",
		"norm,seed,step,loss\nrms,1,,2\n":                     "step has no value",
		"norm,seed,step,loss\nrms,1,x,2\n":                    `the step is "x"`,
		"norm,seed,iteration,loss\nrms,1,1,2\n":               `there is no column "step"`,
		"norm,seed,step,loss\nrms,1,1,low\n":                  `loss is "low", not a number`,
		"norm,seed,step\nrms,1,1\n":                           "have no value of loss",
		"norm,seed,step,loss\nrms,1,1,2\n,,2,1\n":             "seed has no value",
		"norm,seed,step,loss\nrms,1,1,2\nrms,1,2,1,5,5\n":     "it has 6 fields",
		"norm,seed,step,name,value\nrms,1,1,other,2\n":        "have no value of loss",
		"norm,seed,step,loss,step\nrms,1,1,2,1\n":             "two of its columns",
		"norm,seed,step,loss\nrms,1,1e300,2\nrms,1,1e300,2\n": "the same factors",
	} {
		r := byNorm()
		r.Step, r.Source = "step", []string{"history"}
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
