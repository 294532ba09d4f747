package analysis_test

import (
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
		{"factorial", "", failed, "All runs of data.results.runs failed (2)"},
		{"factorial", "bootstrap {}", failed, "All runs of data.results.runs failed (2)"},
		{"table", "", failed, "All runs of data.results.runs failed (2)"},
		{"recovery", "factor = \"arm\"\nlost = \"a\"\nbaseline = \"b\"", failed, "All runs of data.results.runs failed (2)"},
		{"dose", "factor = \"arm\"", failed, "All runs of data.results.runs failed (2)"},
		{"factorial", "only {\nfactor = \"arm\"\nlevels = [\"a\"]\n}\nonly {\nfactor = \"arm\"\nlevels = [\"b\"]\n}", finished, "the only blocks together leave no trial"},
	} {
		_, err := analyse(table+"analysis \""+tt.kind+"\" \"x\" {\ntrials = data.results.runs\nresponse = \"loss\"\n"+tt.body+"\n}\n", tt.runs)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %q", tt.kind, tt.body, err, tt.want)
		}
	}
}
