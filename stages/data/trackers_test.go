package data

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ablate/hcl/addr"
	"ablate/stages/record"
)

// trackers reads what the trackers' own readers say about the databases and offline
// runs of testdata.
func trackers(t *testing.T) map[string][]map[string]any {
	t.Helper()
	text, err := os.ReadFile("testdata/runs/trackers.json")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string][]map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Databases and offline runs are read as the trackers' own readers read them, with
// and without the name of the format.
func TestRunsOfTrackers(t *testing.T) {
	want := trackers(t)
	testdata, err := filepath.Abs("testdata/runs")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		format, source string
		factors        []string
		replicate      string
		response       string
		where          map[string]addr.Level
		warned         string
	}{
		{"mlflow", "mlflow.db.gz", []string{"norm"}, "seed", "val/loss", nil,
			"1 of 8 runs failed and are left out\n1 of 8 runs were killed and are left out\n1 of 8 runs are still running and are left out\n"},
		{"optuna", "optuna.db.gz", []string{"norm"}, "seed", "value", map[string]addr.Level{"study_name": {Kind: "string", Text: "norms"}},
			"1 of 11 runs failed and are left out\n1 of 11 runs were pruned and are left out\n1 of 11 runs are still running and are left out\n1 of 11 runs have not started and are left out\nwhere leaves out 3 of 11 runs\n"},
		{"trackio", "trackio.db.gz", []string{"norm"}, "seed", "val/loss", nil, ""},
	} {
		for _, format := range []string{c.format, autoFormat} {
			r := &Results{Source: []string{c.source}, Factors: c.factors, Replicate: c.replicate, Responses: []string{c.response}, Format: format, Where: c.where}
			runs, warned, err := readFolders(t, testdata, r)
			if err != nil {
				t.Errorf("%s: %v", c.format, err)
				continue
			}
			if warned != c.warned || len(runs) != len(want[c.format]) {
				t.Errorf("%s: %d runs, want %d; warned %q", c.format, len(runs), len(want[c.format]), warned)
			}
			for _, w := range want[c.format] {
				compareTracked(t, c.format, runs, w, c.response)
			}
		}
	}
}

// compareTracked finds the run that a tracker's reader describes.
func compareTracked(t *testing.T, format string, runs map[string]record.Run, want map[string]any, response string) {
	t.Helper()
	run, ok := runs[fmt.Sprint(want["norm"], " ", want["seed"])]
	value, finite := run.Values[response]
	wanted, _ := want[response].(string)
	finished := want["status"] == nil || want["status"] == "FINISHED" || want["status"] == "COMPLETE"
	lost := wanted == "nan" || wanted == "inf" || wanted == "" || wanted == "1.7976931348623157e+308" || !finished
	if !ok || finite == lost || finite && fmt.Sprint(value) != wanted || finished != (run.Outcome == record.OutcomeFinished) {
		t.Errorf("%s: the run is %v, want %v", format, run, want)
	}
}
