package cli

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/ui"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

// partly is a study of programs, one for each replicate.
const partly = `study "partly" {}

train "command" "main" {
  matrix {
    rule = ["a", "b"]
    seed = [1, 2, 3]
  }
  argv = ["sh", "-c", "echo '{\"step\":1,\"name\":\"val_loss\",\"value\":'$1.5'}' > $ABLATE_METRICS", matrix.rule, matrix.seed]
}

analysis "factorial" "effects" {
  trials = train.command.main
}

analysis "command" "counts" {
  trials  = train.command.main
  command = ["sh", "-c", "touch ran; cat $ABLATE_INPUTS > /dev/null"]
}
`

// pageAnalysis returns the analysis of a study as the page has it.
func (l lab) pageAnalysis(t *testing.T) ui.Instance {
	t.Helper()
	s, _, _ := l.session()
	p, err := s.planForPage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range p.Instances {
		if i.Address == "analysis.factorial.effects" {
			return i
		}
	}
	t.Fatal("the page has no analysis")
	return ui.Instance{}
}

// The page shows what an analysis says about the trials that are done, and runs no
// program for it.
func TestPageAnswersPartially(t *testing.T) {
	l := emptyLab(t)
	l.write(t, "study.hcl", partly)
	answer := func() ui.Instance { return l.pageAnalysis(t) }
	for _, tt := range []struct {
		target string
		absent int
	}{{"", 0}, {"seed=1", 4}, {"seed=2", 2}} {
		if tt.target != "" {
			s, _, stderr := l.session("PATH=" + os.Getenv("PATH"))
			r := runRequest{runOptions: runOptions{Progress: "none"}, Targets: []string{tt.target}}
			if err := r.do(t.Context(), s); err != nil {
				t.Fatalf("%v\n%s", err, stderr)
			}
		}
		if got := answer(); got.Absent != tt.absent || got.PartialKey.IsZero() != (tt.absent == 0) {
			t.Errorf("after --target %q the answer lacks %d trials (key %s), want %d", tt.target, got.Absent, got.PartialKey, tt.absent)
		}
	}
	if _, err := os.Stat(filepath.Join(l.dir, "ran")); err == nil {
		t.Error("the page ran the program of an analysis")
	}
}

// What is wrong with a study has its place on the page.
func TestPageOfAWrongStudy(t *testing.T) {
	l := emptyLab(t)
	l.write(t, "study.hcl", "study \"wrong\" {}\n\nnorm \"derf\" \"paper\" {\n  alpha = 0.5x\n}\n")
	s, _, _ := l.session()
	_, err := s.planForPage(t.Context())
	if err == nil || !strings.Contains(err.Error(), "study.hcl") || !strings.Contains(err.Error(), "alpha = 0.5x") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("the problem is %v, want the file and the line", err)
	}
}

// The page is planned without the findings of an analysis whose result is damaged.
func TestPageOfDamagedFindings(t *testing.T) {
	l := newLab(t)
	findings := func() (cache.Key, []string) {
		i := l.pageAnalysis(t)
		return i.Key, i.Findings
	}
	key, found := findings()
	if len(found) == 0 {
		t.Fatal("the analysis has no findings")
	}
	store, err := cache.Open(fsys.NewOS(), l.store)
	if err != nil {
		t.Fatal(err)
	}
	of, err := store.Lookup(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	result, _ := of[0].Entry.Artifact(artifactOf["json"])
	blobs, err := filepath.Glob(filepath.Join(l.store, "blobs", "sha256", "*", result.Digest.Hex()+"*"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("the blob of the result is at %q, %v", blobs, err)
	}
	if err := errors.Join(os.Chmod(blobs[0], 0o600), os.WriteFile(blobs[0], []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, found := findings(); len(found) > 0 {
		t.Errorf("the findings of a damaged result are %q", found)
	}
}

// A run records what it planned, so that the page can show a study in another folder.
func TestRunRecordsItsPlan(t *testing.T) {
	l := emptyLab(t)
	l.write(t, "study.hcl", partly)
	s, _, stderr := l.session("PATH=" + os.Getenv("PATH"))
	if err := (runRequest{runOptions: runOptions{Progress: "none"}, Targets: []string{"analysis.factorial.effects"}}).do(t.Context(), s); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	var plan *run.Outline
	for _, name := range run.Journals(filepath.Join(l.store, "runs")) {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run.ReadRecords(bytes.NewReader(raw), func(r run.Record) bool { plan = cmp.Or(r.Plan, plan); return true }); err != nil {
			t.Fatal(err)
		}
	}
	if plan == nil || !plan.Part || plan.Replicate != "seed" || plan.Response != "val_loss" || len(plan.Instances) != 7 {
		t.Fatalf("the journal has the plan %+v, want six trials and the analysis, by seed and val_loss", plan)
	}
	if i := plan.Instances[0]; !i.Trial || i.Status != planner.Run || i.Key.IsZero() || i.Address != `train.command.main["rule=a,seed=1"]` {
		t.Errorf("the first instance of the plan is %+v", i)
	}
}
