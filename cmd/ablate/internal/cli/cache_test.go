package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ablate/cache/cachetest"
	"ablate/cache/fsys"
	"ablate/cache/remote"
	"ablate/pipeline/planner"
)

func TestCacheLsAndDu(t *testing.T) {
	l := newLab(t)
	l.check(t,
		want{request: cacheLsRequest{}, stdout: []string{"norm.derf", "analysis.factorial"}},
		want{request: cacheLsRequest{Study: "finished"}, stdout: []string{"norm.derf"}},
		want{request: cacheLsRequest{Study: l.dir}, stdout: []string{"norm.derf"}},
		want{request: cacheLsRequest{Study: "other"}, err: "the store has no run of \"other\". It has runs of\n\n    finished  in " + l.dir},
		want{request: cacheDuRequest{}, stdout: []string{"norm.derf                  1 ", l.store}})
	empty := emptyLab(t)
	empty.check(t, want{request: cacheLsRequest{Study: "other"}, err: "nor of any other study"})
}

func TestCacheVerifyFindsDamage(t *testing.T) {
	l := newLab(t)
	l.check(t,
		want{request: cacheVerifyRequest{}, stdout: []string{"0 damaged, 0 repaired"}},
		want{request: cacheVerifyRequest{Sample: 1}, stdout: []string{"Read 1 entry"}})
	blobs, err := filepath.Glob(filepath.Join(l.store, "blobs", "sha256", "*", "*"))
	if err != nil || len(blobs) == 0 {
		t.Fatal(blobs, err)
	}
	if err := errors.Join(os.Chmod(blobs[0], 0o600), os.WriteFile(blobs[0], []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	l.check(t,
		want{request: cacheVerifyRequest{}, code: ExitDamage, stdout: []string{"1 damaged"}})
	if err := os.WriteFile(blobs[0], []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.check(t, want{request: cacheVerifyRequest{Repair: true}, err: "--repair needs a remote"})
}

func TestCacheGC(t *testing.T) {
	l := newLab(t)
	l.check(t,
		want{request: cacheGCRequest{}, stdout: []string{"Add --apply to remove it."}},
		want{request: cacheGCRequest{Apply: true, Grace: time.Hour}, stdout: []string{"Removed 0 B"}},
		want{request: cacheGCRequest{Budget: "lots"}, err: `--budget: "lots" is not a size such as 50GiB`})
	if got := l.json(t, cacheGCRequest{Grace: 1000 * time.Hour}); !strings.Contains(got, `{"type":"collectable","bytes":0,"kept":`) {
		t.Errorf("gc --json of a store without garbage prints %s", got)
	}
	s, out, _ := l.session()
	s.app.Files = &cachetest.Faulty{FS: fsys.NewOS(), At: 1, Err: syscall.EROFS, Crash: true}
	if err := (cacheGCRequest{Apply: true}).do(t.Context(), s); err == nil || strings.Contains(out.String(), "Removed") {
		t.Errorf("a collection that fails: %v, %s", err, out)
	}
}

// gc keeps what a study needs whose folder is not there, and says how to give it up.
func TestCacheGCOfADeletedStudy(t *testing.T) {
	l := newLab(t)
	other := lab{dir: t.TempDir(), store: l.store}
	apply := want{request: cacheGCRequest{Apply: true}}
	other.check(t, apply)
	const said = "kept only for studies whose folders do not exist"
	if s, out, _ := other.session(); (cacheGCRequest{}).do(t.Context(), s) != nil || strings.Contains(out.String(), said) {
		t.Errorf("a study that exists: %s", out)
	}
	if err := os.RemoveAll(l.dir); err != nil {
		t.Fatal(err)
	}
	roots, err := filepath.Glob(filepath.Join(l.store, "roots", "*.json"))
	if err != nil || len(roots) != 1 {
		t.Fatal(roots, err)
	}
	apply.stdout = []string{"Removed 0 B", said, roots[0] + "  of finished in " + l.dir}
	other.check(t, apply, want{request: cacheGCRequest{}, stdout: apply.stdout[1:]})
	if err := os.Remove(roots[0]); err != nil {
		t.Fatal(err)
	}
	other.check(t, want{request: cacheGCRequest{}, stdout: []string{"no recorded run and no pin needs it"}})
}

// gc keeps what trials measured, also in entries that do not say so: earlier versions
// wrote those.
func TestCacheGCKeepsMeasurementsOfEarlierVersions(t *testing.T) {
	l := emptyLab(t)
	s, _, _ := l.session()
	store, err := s.openStore()
	if err != nil {
		t.Fatal(err)
	}
	metrics := cachetest.Put(t, store, "measured")
	e := cachetest.Entry(cachetest.Key("trial"), metrics, len("measured"))
	e.Ingredients, e.Provenance = cachetest.Put(t, store, "ingredients"), cachetest.Put(t, store, "provenance")
	if _, err := store.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	l.check(t, want{request: cacheGCRequest{Apply: true}, stdout: []string{"Removed"}})
	if blob, err := store.Open(t.Context(), metrics); err != nil {
		t.Errorf("what the trial measured: %v", err)
	} else {
		blob.Close()
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "1e9": 1e9, "20 GB": 20e9, "50GiB": 50 << 30, "1.5kB": 1500} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "5 apples", "NaN", "1e30TB", "Inf"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", text, got)
		}
	}
}

func TestCachePin(t *testing.T) {
	l := newLab(t)
	l.check(t,
		want{request: cachePinRequest{Instance: "analysis.factorial.effects"}, stdout: []string{"pinned ", "data.results.runs", "analysis.factorial.effects"}},
		want{request: cachePinRequest{Instance: "data.results.runs"}, stdout: []string{"pinned "}},
		want{request: cacheUnpinRequest{Instance: "data.results.runs"}, stdout: []string{"Other pins still protect data.results.runs"}},
		want{request: cacheUnpinRequest{Instance: "data.results.runs"}, err: "data.results.runs is not pinned itself; the pin of analysis.factorial.effects protects it"},
		want{request: cachePinRequest{Instance: "analysis.report.page"}, stdout: []string{"analysis.report.page"}},
		want{request: cacheUnpinRequest{Instance: "data.results.runs"}, err: "itself; the pins of analysis.factorial.effects, analysis.report.page protect it"},
		want{request: cacheUnpinRequest{Instance: "analysis.report.page"}, stdout: []string{"unpinned "}},
		want{request: cacheUnpinRequest{Instance: "analysis.report.page"}, err: "analysis.report.page is not pinned"},
		want{request: cacheUnpinRequest{Instance: "analysis.factorial.effects"}, stdout: []string{"unpinned ", "data.results.runs"}},
		want{request: cacheUnpinRequest{Instance: "data.results.runs"}, err: "data.results.runs is not pinned"},
		want{request: cachePinRequest{Instance: "norm.derf.other"}, err: "norm.derf.other"})
}

// A result that the study has outgrown can be unpinned by the address that it had, in the
// order in which it was pinned. Other studies have the same addresses.
func TestUnpinOutgrown(t *testing.T) {
	l := newLab(t)
	effects := want{request: cachePinRequest{Instance: "analysis.factorial.effects"}, stdout: []string{"pinned "}}
	l.check(t, effects)
	l.write(t, "runs.csv", runs+"b,y,3,3.2\n")
	s, out, _ := l.session()
	if err := (cacheUnpinRequest{Instance: "effects"}).do(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	data, effect := strings.Index(out.String(), "data.results.runs"), strings.Index(out.String(), "analysis.factorial.effects")
	if data < 0 || effect < data {
		t.Errorf("unpin prints\n%s", out)
	}
	l.check(t, want{request: cacheUnpinRequest{Instance: "effects"}, err: "analysis.factorial.effects is not pinned"})

	l.write(t, "runs.csv", runs)
	l.check(t, effects)
	other := lab{dir: t.TempDir(), store: l.store}
	other.write(t, "study.hcl", strings.Replace(finished, `study "finished"`, `study "other"`, 1))
	other.write(t, "runs.csv", runs+"b,y,3,3.2\n")
	other.check(t, want{request: cacheUnpinRequest{Instance: "effects"}, err: "analysis.factorial.effects is not pinned"})
	l.write(t, "study.hcl", strings.ReplaceAll(finished, "effects", "gaps"))
	l.check(t,
		want{request: cacheUnpinRequest{Instance: "analysis.factorial.effect"}, err: "analysis.factorial.effect"},
		want{request: cacheUnpinRequest{Instance: "analysis.factorial.effects"}, stdout: []string{"unpinned ", "data.results.runs"}})
}

func TestCacheDisown(t *testing.T) {
	l := newLab(t)
	l.check(t,
		want{request: cacheDisownRequest{Instance: "data.results.runs"}, err: "missing --reason"},
		want{request: cacheDisownRequest{Instance: "data.results.runs", Reason: "a typo"}, stdout: []string{"disowned ", "analysis.factorial.effects depends on it"}},
		want{request: planRequest{Detailed: true}, code: ExitChanges})
}

func TestPushAndPull(t *testing.T) {
	l := newLab(t)
	there := t.TempDir()
	do := func(l lab, r request) (string, error) {
		s, out, _ := l.session("ABLATE_REMOTE=file://" + there)
		err := r.do(t.Context(), s)
		return out.String(), err
	}
	if out, err := do(l, cachePushRequest{}); err != nil || !strings.Contains(out, "4 entries pushed, ") {
		t.Errorf("push: %v\n%s", err, out)
	}
	other := lab{dir: l.dir, store: filepath.Join(t.TempDir(), "store")}
	if out, err := do(other, cachePullRequest{Targets: []string{"norm"}}); err != nil || !strings.Contains(out, "1 entry pulled, ") {
		t.Errorf("pull: %v\n%s", err, out)
	}
	there = t.TempDir() // has no prepared data
	if out, err := do(l, cachePushRequest{Results: true}); err != nil || !strings.Contains(out, "3 entries pushed, ") {
		t.Errorf("push of results: %v\n%s", err, out)
	}
	without := lab{dir: l.dir, store: filepath.Join(t.TempDir(), "store")}
	s, _, stderr := without.session("ABLATE_REMOTE=file://" + there)
	err := cachePullRequest{}.do(t.Context(), s)
	if said := strings.Join(strings.Fields(stderr.String()), " "); err != nil ||
		!strings.Contains(said, "2 instances cannot be looked up on the remote, because the keys depend on data.results.runs. Pull again after ablate plan --chdir "+l.dir+" --refresh") {
		t.Errorf("pull of results without data: %v\n%s", err, stderr)
	}
	l.check(t, want{request: cachePushRequest{}, err: "no remote is configured"})
	s, _, _ = l.session("ABLATE_REMOTE=file://" + there)
	s.offline = true
	if err := (cachePullRequest{}).do(t.Context(), s); err == nil || !strings.Contains(err.Error(), "--offline") {
		t.Errorf("pull --offline: %v", err)
	}
}

// A pull names what the keys of pending instances depend on, and a command that makes them
// known: definitions do not count, and plan --refresh runs no programs.
func TestPullNamesWhatKeysDependOn(t *testing.T) {
	const text = `study "s" {}
data "text" "corpus" { source = ["text.txt"] }
model "llama" "tiny" {
  layers = 1
  width  = 8
  heads  = 2
}
norm "rmsnorm" "base" {}
optimizer "adamw" "base" { learning_rate = 0.01 }
train "lm" "main" {
  matrix { seed = [1, 2] }
  data      = data.text.corpus
  model     = model.llama.tiny
  norm      = norm.rmsnorm.base
  optimizer = optimizer.adamw.base
  steps     = 1
  batch {
    sequences = 2
    length    = 8
  }
}
analysis "table" "all" { trials = train.lm.main }
`
	const program = `study "s" {}
data "command" "made" {
  argv    = ["true"]
  outputs = ["n.txt"]
}
train "command" "main" {
  argv   = ["true"]
  inputs = [data.command.made]
}
`
	l := emptyLab(t)
	l.write(t, "text.txt", strings.Repeat("some text ", 2000))
	pulls := func(study, says string) {
		t.Helper()
		l.write(t, "study.hcl", study)
		s, _, stderr := l.session("ABLATE_REMOTE=file://" + t.TempDir())
		err := cachePullRequest{}.do(t.Context(), s)
		if said := strings.Join(strings.Fields(stderr.String()), " "); err != nil || !strings.HasSuffix(said, "cannot be looked up on the remote, because the keys depend on "+says) {
			t.Errorf("a pull says (%v)\n%s\nwant\n%s", err, said, says)
		}
	}
	pulls(program, "data.command.made. Pull again after ablate run --chdir "+l.dir+" --target data.command.made")
	pulls(text, "data.text.corpus. Pull again after ablate plan --chdir "+l.dir+" --refresh")
	l.check(t, want{request: planRequest{Refresh: true}, stdout: []string{"data.text.corpus"}})
	pulls(text, `train.lm.main["seed=1"] and 1 more. ablate run computes what is missing and pulls the rest.`)
}

// Failures of the remote are reported one by one while other entries succeed, and as
// an outage once too many come in a row.
func TestTransferReportsAnOutageOnce(t *testing.T) {
	s, _, stderr := emptyLab(t).session()
	down := &remote.FailedError{Err: errors.New("503")}
	tr := &transfer{session: s, verb: "pushed", tasks: make([]*planner.Task, 20)}
	task := &planner.Task{}
	tr.ended(task, remote.Transfer{}, down)
	tr.ended(task, remote.Transfer{Blobs: 1}, nil)
	if got := strings.Count(stderr.String(), "\n"); got != 2 || tr.reported != 1 {
		t.Errorf("after a failure and a success it says\n%s", stderr)
	}
	for range remote.MaxFailures {
		tr.ended(task, remote.Transfer{}, down)
	}
	if !tr.remoteDown() {
		t.Error("the remote is not taken for down")
	}
}

func TestKeygen(t *testing.T) {
	l := emptyLab(t)
	t.Chdir(l.dir)
	l.check(t,
		want{request: cacheKeygenRequest{Name: "lab"}, stdout: []string{"lab+"}},
		want{request: cacheKeygenRequest{Name: "lab"}, err: "is not overwritten"},
		want{request: cacheKeygenRequest{Name: "the lab"}, err: "the lab"})
	if info, err := os.Stat("lab.key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("lab.key: %v, %v", info, err)
	}
}

func TestServeWithoutATokenRefusesOtherMachines(t *testing.T) {
	emptyLab(t).check(t, want{request: cacheServeRequest{Listen: "0.0.0.0:0"}, err: "ABLATE_REMOTE_TOKEN"})
}

func TestExecNeedsARemoteToWorkThrough(t *testing.T) {
	l := emptyLab(t)
	l.check(t,
		want{request: execRequest{Through: true}, err: "--through needs a remote"},
		want{request: execRequest{Spool: filepath.Join(l.dir, "none")}, code: 76, stderr: []string{"not visible"}})
}
