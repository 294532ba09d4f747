package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	l := newLab(t)
	l.check(t, want{request: validateRequest{}, stdout: []string{"The study finished is valid: 4 instances."}})
	l.write(t, "more.hcl", "norm \"derf\" \"bad\" {\n  alpha = 0\n}\n")
	l.check(t, want{request: validateRequest{}, err: "alpha"})
}

func TestGraph(t *testing.T) {
	l := newLab(t)
	l.check(t,
		want{request: graphRequest{Format: "text"}, stdout: []string{"analysis.factorial.effects\n  ← data.results.runs\n"}},
		want{request: graphRequest{Format: "dot"}, stdout: []string{"digraph study {", `"data.results.runs" -> "analysis.factorial.effects"`}})
	if got := l.json(t, graphRequest{Format: "text"}); !strings.Contains(got, `{"type":"stage","address":"data.results.runs","instances":1,"needs":[]}`) {
		t.Errorf("graph --json prints %s", got)
	}
}

func TestFmt(t *testing.T) {
	l := newLab(t)
	l.check(t, want{request: fmtRequest{Check: true}})
	l.write(t, "more.hcl", "norm \"derf\" \"a\" {\nalpha=0.3\n}\n")
	l.check(t,
		want{request: fmtRequest{Check: true}, code: ExitPartial, stdout: []string{"more.hcl\n"}},
		want{request: fmtRequest{}, stdout: []string{"more.hcl\n"}},
		want{request: fmtRequest{Check: true}},
		want{request: fmtRequest{Files: []string{filepath.Join(l.dir, "none.hcl")}}, err: "no such file"})
	if raw, err := os.ReadFile(filepath.Join(l.dir, "more.hcl")); err != nil || !strings.Contains(string(raw), "  alpha = 0.3\n") {
		t.Errorf("fmt wrote %s, %v", raw, err)
	}
}

// The files of a study are those that are loaded: neither hidden ones nor the lock.
func TestFmtLeavesOtherFiles(t *testing.T) {
	l := emptyLab(t)
	const ugly = "norm \"derf\" \"a\" {\nalpha=0.3\n}\n"
	l.write(t, "study.lock.hcl", ugly)
	if hasStudy(l.dir) {
		t.Error("a lock alone counts as a study")
	}
	l.write(t, "study.hcl.json", `{"study":{"a":{}}}`)
	if !hasStudy(l.dir) {
		t.Error("study.hcl.json is no study")
	}
	l.write(t, ".hidden.hcl", ugly)
	l.write(t, "study.hclvars", "a=1\n")
	l.check(t, want{request: fmtRequest{}, stdout: []string{filepath.Join(l.dir, "study.hclvars") + "\n"}})
	for _, name := range []string{".hidden.hcl", "study.lock.hcl"} {
		if raw, err := os.ReadFile(filepath.Join(l.dir, name)); err != nil || string(raw) != ugly {
			t.Errorf("fmt wrote %s: %s, %v", name, raw, err)
		}
	}
}

// fmt follows links, and touches no other file.
func TestFmtWritesThroughLinks(t *testing.T) {
	l := emptyLab(t)
	l.write(t, "real", "norm \"derf\" \"a\" {\nalpha=0.3\n}\n")
	l.write(t, "study.hcl.tmp", "mine")
	link := filepath.Join(l.dir, "study.hcl")
	if err := os.Symlink("real", link); err != nil {
		t.Skip(err)
	}
	l.check(t, want{request: fmtRequest{}, stdout: []string{"study.hcl\n"}}, want{request: fmtRequest{Check: true}})
	if to, err := os.Readlink(link); err != nil || to != "real" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if raw, err := os.ReadFile(link + ".tmp"); err != nil || string(raw) != "mine" {
		t.Errorf("a file of the user became %q, %v", raw, err)
	}
}

func TestInit(t *testing.T) {
	l := emptyLab(t)
	dir := filepath.Join(l.dir, "new")
	l.check(t,
		want{request: initRequest{Folder: dir}, stdout: []string{"Created " + dir + "/study.hcl", "ablate run --chdir " + dir}},
		want{request: initRequest{Folder: dir}, err: "overwrites nothing"})
	l.write(t, "study.hcl", finished)
	l.check(t, want{request: upgradeRequest{}, stdout: []string{"no remote sources"}})
}

func TestPlan(t *testing.T) {
	l := newLab(t)
	l.check(t,
		want{request: planRequest{}, stdout: []string{"Nothing to do: all 4 instances are cached"}},
		want{request: planRequest{Detailed: true}},
		want{request: planRequest{Targets: []string{"norm.derf.nothing"}}, err: "norm.derf.nothing"})
	l.write(t, "more.hcl", "norm \"derf\" \"new\" {\n  alpha = 0.3\n}\n")
	l.check(t, want{request: planRequest{Detailed: true}, code: ExitChanges, stdout: []string{"+ run     norm.derf.new", "alpha"}})
}

func TestSavedPlan(t *testing.T) {
	l := newLab(t)
	file := filepath.Join(t.TempDir(), "a.plan")
	l.write(t, "more.hcl", "norm \"derf\" \"new\" {\n  alpha = 0.3\n}\n")
	run := runRequest{PlanFile: file, runOptions: runOptions{Progress: "none"}}
	l.check(t,
		want{request: planRequest{Out: file}, stderr: []string{"ablate run " + file}},
		want{request: runRequest{PlanFile: file, Targets: []string{"norm"}, runOptions: runOptions{Progress: "none"}}, err: "leave out --target"})
	l.write(t, "more.hcl", "norm \"derf\" \"new\" {\n  alpha = 0.4\n}\n")
	l.check(t, want{request: run, err: "1 instance changed after the plan was saved:\n\n    norm.derf.new: "})
	l.write(t, "more.hcl", "norm \"derf\" \"new\" {\n  alpha = 0.3\n}\n")
	l.check(t,
		want{request: run, stdout: []string{"Cell means"}},
		want{request: planRequest{Detailed: true}},
		want{request: runRequest{PlanFile: filepath.Join(l.dir, "runs.csv"), runOptions: run.runOptions}, err: "is not a plan"})
}

// A saved plan replaces nothing of the user, also where that is large or cannot be read.
func TestPlanReplacesOnlyPlans(t *testing.T) {
	l := newLab(t)
	file := func(name string) string { return filepath.Join(l.dir, name) }
	l.write(t, "empty", "")
	l.write(t, "text", `{"type":"plan"}`)
	l.write(t, "large", "mine")
	l.write(t, "secret", "mine")
	if err := errors.Join(os.Truncate(file("large"), maxFile+1), os.Chmod(file("secret"), 0o200), os.Symlink(os.DevNull, file("null"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"new", "empty", "new", "null"} {
		l.check(t, want{request: planRequest{Out: file(name)}, stderr: []string{"ablate run " + file(name)}})
	}
	for name, why := range map[string]string{"text": "exists and is not a plan", "large": "exists and is not a plan", "secret": "permission denied", ".": "exists and may not be a plan"} {
		if name == "secret" && os.Geteuid() == 0 {
			why = "exists and is not a plan" // root reads everything
		}
		before, err := os.Stat(file(name))
		if err != nil {
			t.Fatal(err)
		}
		l.check(t, want{request: planRequest{Out: file(name)}, err: why})
		if after, err := os.Stat(file(name)); err != nil || after.Size() != before.Size() && name != "." {
			t.Errorf("%s changed: %v, %v", name, after, err)
		}
	}
}

func TestRunRefusesContradictions(t *testing.T) {
	l := newLab(t)
	l.check(t,
		want{request: runRequest{runOptions: runOptions{Progress: "none", Jobs: -1}}, err: "--jobs"},
		want{request: runRequest{runOptions: runOptions{Progress: "none", Detach: true}, Repeat: "norm.derf.paper"}, err: "--repeat"},
		want{request: runRequest{runOptions: runOptions{Progress: "none", Detach: true}}, err: "--detach needs a slurm executor"})
}

func TestRunIsSilentWhenNothingChanged(t *testing.T) {
	l := newLab(t)
	l.check(t, want{request: runRequest{runOptions: runOptions{Progress: "none"}}, stdout: []string{"Cell means"}, stderr: []string{"0 trials trained"}})
	got := l.json(t, runRequest{runOptions: runOptions{Progress: "none"}})
	if !strings.Contains(got, `"type":"summary","ran":{},"hit":{"analysis":2,"data":1,"norm":1},"pulled":{}`) {
		t.Errorf("run --json prints %s", got)
	}
}

func TestRepeat(t *testing.T) {
	l := newLab(t)
	l.check(t,
		want{request: repeatRequest{Instance: "analysis.factorial.effects", runOptions: runOptions{Progress: "none"}}, stdout: []string{"repeated once, bit-identical"}},
		want{request: showRequest{What: "data.results.runs", Format: "text"}, stdout: []string{"declared at"}})
}

func TestShow(t *testing.T) {
	l := newLab(t)
	l.check(t,
		want{request: showRequest{Format: "text"}, stdout: []string{"hit      data.results.runs\n"}},
		want{request: showRequest{What: "norm.derf.paper", Format: "text"}, stdout: []string{"norm.derf.paper  (derf.paper)", "Spec\n", "alpha", "definition"}},
		want{request: showRequest{What: "analysis.factorial.effects", Format: "text"}, stdout: []string{"Cell means"}},
		want{request: showRequest{What: "effects", Format: "text"}, stdout: []string{"Cell means"}},
		want{request: showRequest{What: "analysis.factorial.effects", Format: "json"}, stdout: []string{`"contrasts"`}},
		want{request: showRequest{What: "effects/cell/a-x/mean", Format: "text"}, stdout: []string{"effects/cell/a-x/mean = 1.05", "It depends on", "data.results.runs",
			"recompute  ablate run --chdir " + l.dir + " --target analysis.factorial.effects\n"}},
		want{request: showRequest{What: "effects/no/such/number", Format: "text"}, err: "ablate export numbers lists them"},
		want{request: showRequest{What: "norm.derf.nothing", Format: "text"}, err: "norm.derf.nothing"})
	got := l.json(t, showRequest{What: "analysis.factorial.effects", Format: "text"})
	if !strings.Contains(got, `{"type":"analysis","address":"analysis.factorial.effects","result":{`) {
		t.Errorf("show --json prints %s", got)
	}
}

func TestExplain(t *testing.T) {
	l := newLab(t)
	l.write(t, "more.hcl", "norm \"derf\" \"new\" {\n  alpha = 0.3\n}\n")
	l.check(t,
		want{request: explainRequest{Instance: "norm.derf.new"}, stdout: []string{"norm.derf.new\n  run: ", "Compared with the nearest other entry", "alpha"}},
		want{request: explainRequest{Instance: "norm"}, err: `"norm" names 2 instances: choose one`})
}

func TestDiff(t *testing.T) {
	l := newLab(t)
	l.write(t, "more.hcl", "norm \"derf\" \"new\" {\n  alpha = 0.3\n}\n")
	l.check(t,
		want{request: diffRequest{A: "norm.derf.paper", B: "norm.derf.new"}, stdout: []string{"A  norm.derf.paper\nB  norm.derf.new\n", "alpha"}},
		want{request: diffRequest{A: "norm.derf.paper", B: "norm.derf.paper"}, stdout: []string{"equal: both have the key "}},
		want{request: diffRequest{A: "seed=1", B: "seed=2"}, err: `no factor is named "seed"`})
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	l.check(t, want{request: planRequest{Out: a}})
	l.write(t, "more.hcl", "norm \"derf\" \"new\" {\n  alpha = 0.4\n}\n")
	l.check(t,
		want{request: planRequest{Out: b}},
		want{request: diffRequest{A: a, B: b}, stdout: []string{"~ norm.derf.new  another key (", "1 of 5 instances changed."}})
	l.write(t, "short.plan", `{"type":"plan_step","address":"norm.derf.new","action":"run","key":"abc"}`)
	l.check(t, want{request: diffRequest{A: a, B: filepath.Join(l.dir, "short.plan")}, err: "is not a plan"})
}

func TestStatus(t *testing.T) {
	l := newLab(t)
	l.check(t, want{request: statusRequest{}, stdout: []string{"4 cached, 0 running, 0 left, 0 waiting"}})
	if got := l.json(t, statusRequest{}); !strings.Contains(got, `{"type":"status","address":"norm.derf.paper","block":"norm","state":"cached"}`) {
		t.Errorf("status --json prints %s", got)
	}
}

func TestLogs(t *testing.T) {
	l := newLab(t)
	l.check(t, want{request: logsRequest{Instance: "norm.derf.paper"}, err: "norm.derf.paper has no log"})
}

func TestExport(t *testing.T) {
	l := newLab(t)
	out := t.TempDir()
	l.check(t,
		want{request: exportContrastsRequest{Analysis: "effects"}, stdout: []string{`{"kind":"anova","name":"norm",`, `"kind":"interaction"`}},
		want{request: exportContrastsRequest{Analysis: "nothing"}, err: "nothing"},
		want{request: exportFiguresRequest{Analysis: "effects", To: out}, stdout: []string{"effects.csv", ".svg"}},
		want{request: exportCheckpointRequest{Instance: "norm.derf.paper", To: out}, err: "norm.derf.paper"},
		want{request: exportTableRequest{Of: trials, Build: trialsTable}, err: "the study has no trial"},
		want{request: exportTableRequest{Of: exportableTrials, Build: trialsTable, Targets: []string{"norm"}}, err: "no trial is among the targets"},
		want{request: exportTableRequest{Of: exportableTrials, Build: trialsTable}, stdout: []string{"norm,opt,seed,", "b,y,2,"}},
		want{request: exportTableRequest{Of: trials, Build: trialsTable, Format: "sqlite"}, err: "--to"},
		want{request: exportNumbersRequest{Format: "markdown"}, stdout: []string{"| `effects/cell/a-x/mean` | [1.0500]"}},
		want{request: exportNumbersRequest{Format: "latex", To: filepath.Join(out, "n.tex")}, stderr: []string{" numbers."}})
	if got := l.json(t, exportContrastsRequest{Analysis: "effects"}); !strings.Contains(got, `{"type":"contrast","kind":"anova","name":"norm",`) {
		t.Errorf("export contrasts --json prints %s", got)
	}
}

func TestReport(t *testing.T) {
	l := newLab(t)
	out := t.TempDir()
	l.write(t, "good.md", "It is [1.05](#ablate:effects/cell/a-x/mean).")
	l.write(t, "bad.md", "It is\n[1.06](#ablate:effects/cell/a-x/mean) and [1](#ablate:effects/nothing).")
	l.write(t, "none.md", "It is good.")
	file := func(name string) []string { return []string{filepath.Join(l.dir, name)} }
	l.check(t,
		want{request: reportRequest{To: out}, stdout: []string{"report.html\n", "report.md\n"}},
		want{request: reportRequest{To: out, Name: "other"}, err: "other"},
		want{request: checkRequest{Files: file("good.md")}, stdout: []string{"1 number matches the study."}},
		want{request: checkRequest{Files: file("bad.md")}, err: "2 of 2 numbers do not match", stdout: []string{"bad.md:2: effects/cell/a-x/mean is printed as 1.06, but is now 1.05", "has no number effects/nothing"}},
		want{request: checkRequest{Files: file("none.md")}, err: "no number is named"})
	raw, err := os.ReadFile(filepath.Join(out, "report.md"))
	if err != nil || !strings.Contains(string(raw), "## Provenance") {
		t.Errorf("report.md: %v\n%s", err, raw)
	}
}

func TestMetadata(t *testing.T) {
	l := emptyLab(t)
	l.check(t,
		want{request: metadataRequest{}, stdout: []string{"norm derf\n"}},
		want{request: metadataRequest{Markdown: true}, stdout: []string{"# Stages", "### norm \"derf\""}},
		want{request: metadataRequest{Events: true}, stdout: []string{"plan_step "}},
		want{request: metadataRequest{Events: true, Markdown: true}, stdout: []string{"## plan_step"}})
}

func TestVersion(t *testing.T) {
	l := emptyLab(t)
	l.check(t, want{request: versionRequest{}, stdout: []string{"ablate ", " go1."}})
	if got := l.json(t, versionRequest{}); !strings.Contains(got, `{"type":"build","go":"go1.`) {
		t.Errorf("version --json prints %s", got)
	}
}

// The name of a study's folder is never a pattern.
func TestFolderWithBrackets(t *testing.T) {
	l := emptyLab(t)
	l.dir = filepath.Join(l.dir, "a [b] {c,d} *")
	l.store = filepath.Join(l.dir, "store")
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.write(t, "study.hcl", finished)
	l.write(t, "runs.csv", runs)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if err := os.Mkdir(filepath.Join(l.dir, ".ablate"), 0o700); err != nil {
		t.Fatal(err)
	}
	l.write(t, ".ablate/config.hcl", "")
	run := runOptions{Progress: "none"}
	l.check(t,
		want{request: fmtRequest{Check: true}},
		want{request: validateRequest{}, stdout: []string{"4 instances"}},
		want{request: graphRequest{Format: "text"}},
		want{request: runRequest{runOptions: run}, stdout: []string{"Cell means"}},
		want{request: planRequest{}, stdout: []string{"all 4 instances are cached"}, stderr: []string{"ablate trust '" + l.dir + "'"}},
		want{request: showRequest{What: "effects", Format: "text"}, stdout: []string{"Cell means"}},
		want{request: cacheVerifyRequest{}, stdout: []string{"0 damaged"}})
	s, _, _ := l.session()
	if p, err := s.planForPage(t.Context()); err != nil || p.Name != "finished" || len(p.Instances) < 4 {
		t.Errorf("the page shows %q with %d instances, %v", p.Name, len(p.Instances), err)
	}
}

// Of several wrong flags, the same one is named each time.
func TestPowerNamesOneFlag(t *testing.T) {
	for range 20 {
		s, _, _ := emptyLab(t).session()
		c := powerCommand(s)
		c.SetArgs([]string{"effects", "--effect=-1", "--margin=-1", "--sd=-1"})
		c.SilenceErrors, c.SilenceUsage = true, true
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "--effect") {
			t.Fatalf("the error is %v, want one of --effect", err)
		}
	}
}
