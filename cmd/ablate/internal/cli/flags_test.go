package cli

import (
	"strings"
	"testing"
)

// What is wrong with a flag is said in one form, also with --json after it.
func TestWrongFlags(t *testing.T) {
	l := newLab(t)
	for line, want := range map[string]string{
		"graph --format png":                     `--format: must be text, svg or dot, not "png"; see ablate graph --help`,
		"export numbers --format word":           `--format: must be latex or markdown, not "word"; see ablate export numbers --help`,
		"run --progress fancy":                   `--progress: must be auto, plain or none, not "fancy"; see ablate run --help`,
		"plan --log loud":                        `--log: must be debug, info, warn or error, not "loud"; see ablate plan --help`,
		"run --jobs many":                        `--jobs: must be a whole number, not "many"; see ablate run --help`,
		"run --jobs 99999999999999999999":        `--jobs: "99999999999999999999" is out of range; see ablate run --help`,
		"run --jobs -1":                          `--jobs: must be 0 or more, not -1`,
		"cache verify --sample -1":               `--sample: must be 0 or more, not -1`,
		"cache gc --grace 1d":                    `--grace: must be a duration such as 90m or 24h, not "1d"; see ablate cache gc --help`,
		"cache gc --grace -1h":                   `--grace: must be 0 or more, not -1h0m0s`,
		"cache gc --apply=maybe":                 `--apply: must be true or false, not "maybe"; see ablate cache gc --help`,
		"power effects --effect large":           `--effect: must be a number, not "large"; see ablate power --help`,
		"power effects --replicates 3,x":         `--replicates: must be whole numbers with commas between them, not "3,x"; see ablate power --help`,
		"plan --var x":                           `--var: must be name=value, not "x"; see ablate plan --help`,
		"plan --bogus":                           `unknown flag: --bogus; see ablate plan --help`,
		"nonsense":                               `unknown command "nonsense" for "ablate"`,
		"cache gc --budget 3XB":                  `--budget: "3XB" is not a size such as 50GiB`,
		"export trials --to t.xls --format xlsx": `--format: must be csv, jsonl, parquet or sqlite, not "xlsx"; see ablate export trials --help`,
	} {
		args := append([]string{"--chdir", l.dir}, strings.Fields(line)...)
		s, _, stderr := l.session()
		if code := s.app.Run(t.Context(), args); code != ExitError || stderr.String() != "Error: "+want+"\n" {
			t.Errorf("%s exits with %d and says %s, want %s", line, code, stderr, want)
		}
		s, stdout, _ := l.session()
		if code := s.app.Run(t.Context(), append(args, "--json")); code != ExitError || !strings.Contains(stdout.String(), `"type":"diagnostic"`) {
			t.Errorf("%s --json exits with %d and prints %s", line, code, stdout)
		}
	}
	for _, line := range []string{"graph --format SVG", "plan --log Debug"} {
		s, _, stderr := l.session()
		if code := s.app.Run(t.Context(), append([]string{"--chdir", l.dir}, strings.Fields(line)...)); code != ExitDone {
			t.Errorf("%s exits with %d and says %s", line, code, stderr)
		}
	}
}

// A variable of the shell that is not set does not turn a command about one instance into
// one about the study.
func TestEmptyValues(t *testing.T) {
	l := newLab(t)
	for _, args := range [][]string{
		{"run", ""}, {"run", "--repeat", ""}, {"plan", "--target", ""}, {"plan", "--out="}, {"show", ""}, {"report", ""}, {"export", "trials", ""},
		{"export", "trials", "--to", ""}, {"cache", "ls", "--study", ""}, {"cache", "gc", "--budget", ""}, {"plan", "--var-file", ""}, {"trust", ""},
		{"diff", "effects", ""}, {"graph", "--format", ""}, {"plan", "--chdir", ""},
	} {
		s, stdout, stderr := l.session()
		args = append([]string{"--chdir", l.dir}, args...)
		if code := s.app.Run(t.Context(), args); code != ExitError || stdout.Len() > 0 || !strings.Contains(stderr.String(), "empty") && args[2] != "graph" {
			t.Errorf("%q exits with %d, prints %s and says %s", args, code, stdout, stderr)
		}
	}
	s, stdout, _ := l.session()
	if code := s.app.Run(t.Context(), []string{"__complete", "--chdir", l.dir, "plan", "--target", ""}); code != ExitDone || !strings.Contains(stdout.String(), "effects") {
		t.Errorf("completion of nothing exits with %d and prints %s", code, stdout)
	}
}
