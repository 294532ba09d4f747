package analysis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A table of finished runs of which nothing is left to analyse is an error that says
// why, whichever analysis reads it.
func TestNothingToAnalyse(t *testing.T) {
	const table = `
data "results" "runs" {
  source    = ["runs.csv"]
  factors   = ["arm"]
  responses = ["loss"]
}
`
	const failed, finished = "arm,loss,outcome\na,1,failed\nb,1,failed\n", "arm,loss\na,1\na,2\nb,3\nb,5\n"
	for _, tt := range []struct{ kind, body, runs, want string }{
		{"factorial", "", failed, "Each run that data.results.runs holds failed (2)"},
		{"factorial", "bootstrap {}", failed, "Each run that data.results.runs holds failed (2)"},
		{"table", "", failed, "Each run that data.results.runs holds failed (2)"},
		{"recovery", "factor = \"arm\"\nlost = \"a\"\nbaseline = \"b\"", failed, "Each run that data.results.runs holds failed (2)"},
		{"dose", "factor = \"arm\"", failed, "Each run that data.results.runs holds failed (2)"},
		{"factorial", "only {\nfactor = \"arm\"\nlevels = [\"a\"]\n}\nonly {\nfactor = \"arm\"\nlevels = [\"b\"]\n}", finished, "the only blocks together leave no trial"},
	} {
		_, err := analyse(table+"analysis \""+tt.kind+"\" \"x\" {\ntrials = data.results.runs\nresponse = \"loss\"\n"+tt.body+"\n}\n", tt.runs)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %q", tt.kind, tt.body, err, tt.want)
		}
	}
}

// Runs that are not in the table did not fail: it says so.
func TestNothingWasRead(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "run-a.wandb"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const finishedAndFailed = "arm,loss,tag,outcome\na,1,x,finished\nb,1,y,failed\n"
	for _, tt := range []struct{ source, where, want string }{
		{folder, "", "data.results.runs holds no run"},
		{"runs.csv", "where = { tag = \"y\" }", "Each run that data.results.runs holds failed (1)"},
	} {
		study := "data \"results\" \"runs\" {\nsource = [\"" + filepath.ToSlash(tt.source) + "\"]\nfactors = [\"arm\"]\nresponses = [\"loss\"]\n" + tt.where + "\n}\n" +
			"analysis \"factorial\" \"x\" {\ntrials = data.results.runs\nresponse = \"loss\"\n}\n"
		if _, err := analyse(study, finishedAndFailed); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.source, err, tt.want)
		}
	}
}
