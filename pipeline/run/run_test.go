package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

func actions(p *planner.Plan) map[string]string {
	out := make(map[string]string)
	for _, s := range p.Tasks {
		out[s.Address.String()] = string(s.Status) + ": " + s.Reason.Text
	}
	return out
}

func TestPlanFromNothing(t *testing.T) {
	got := actions(newWorld(t).plan(fakeStudy))
	waits := "pending: waits for data.fake.d"
	want := map[string]string{
		"data.fake.d": "run: no similar result is cached",
		"norm.fake.a": "run: no similar result is cached", "norm.fake.b": "run: no similar result is cached",
		`train.fake.t["rule=fake.a,seed=1"]`: waits, `train.fake.t["rule=fake.a,seed=2"]`: waits,
		`train.fake.t["rule=fake.b,seed=1"]`: waits, `train.fake.t["rule=fake.b,seed=2"]`: waits,
		"analysis.fake.all": "pending: waits for train.fake.t (4)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestRunOnlyWhatChanged(t *testing.T) {
	w := newWorld(t)
	edit := func(old, new string) string {
		if !strings.Contains(fakeStudy, old) {
			t.Fatalf("the study does not hold %q", old)
		}
		return strings.ReplaceAll(fakeStudy, old, new)
	}
	steps := []struct {
		name, text string
		want       map[string]int
	}{
		{"from nothing", fakeStudy, map[string]int{"data": 1, "norm": 2, "train": 4, "analysis": 1}},
		{"again", fakeStudy, map[string]int{}},
		{"a spelled-out default", edit(`norm "fake" "a" {}`, `norm "fake" "a" { alpha = 0.50 }`), map[string]int{}},
		{"another level", edit("0.7", "0.8"), map[string]int{"norm": 1, "train": 2}},
		{"a note outside of the key", edit(`"abc"`, "\"abc\"\n note = \"x\""), map[string]int{}},
		{"data with equal output stops there", edit(`"abc"`, `"axx"`), map[string]int{"data": 1}},
		{"data with another output", edit(`"abc"`, `"xbc"`), map[string]int{"data": 1, "train": 4}},
		{"a third seed", edit("[1, 2]", "[1, 2, 3]"), map[string]int{"train": 2, "analysis": 1}},
	}
	for _, s := range steps {
		ran, _, err := w.run(context.Background(), s.text, false)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if diff := cmp.Diff(s.want, ran); diff != "" {
			t.Errorf("%s: ran (-want +got):\n%s", s.name, diff)
		}
	}
	w.code = "v2" // the program computes something else now
	ran, _, err := w.run(context.Background(), fakeStudy, false)
	if err != nil || ran["train"] != 4 {
		t.Errorf("after a change of the program: ran %v, %v, want 4 trials", ran, err)
	}
}

func TestReasons(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.run(context.Background(), fakeStudy, false); err != nil {
		t.Fatal(err)
	}
	reason := func(text string, address string) string {
		t.Helper()
		for _, s := range w.plan(text).Tasks {
			if s.Address.String() == address {
				return s.Reason.Text
			}
		}
		t.Fatalf("no %s", address)
		return ""
	}
	trial := `train.fake.t["rule=fake.a,seed=1"]`
	if got := reason(strings.ReplaceAll(fakeStudy, `norm "fake" "a" {}`, `norm "fake" "a" { alpha = 0.4 }`), trial); got != "rule.alpha 0.5 → 0.4" {
		t.Errorf("reason = %q, want the field with its elided default", got)
	}
	w.code = "v2"
	if got := reason(fakeStudy, trial); got != `the fingerprint of step changed, in the part "rule"` {
		t.Errorf("reason = %q, want the fingerprint and the part", got)
	}
}

func TestFailureSkipsDependents(t *testing.T) {
	failing := strings.ReplaceAll(fakeStudy, "  matrix {", "  override {\n    when = matrix.seed == 2\n    fail = true\n  }\n  matrix {")
	w := newWorld(t)
	_, summary, err := w.run(context.Background(), failing, true)
	var failed *run.FailedError
	if !errors.As(err, &failed) || len(failed.Failed) != 2 {
		t.Fatalf("run = %v, want two failures", err)
	}
	if summary.Failed["train"] != 2 || summary.Ran["train"] != 2 || summary.Skipped["analysis"] != 1 {
		t.Errorf("summary = %+v, want 2 failed, 2 ran, the analysis skipped", summary)
	}
	// What succeeded is kept; without --keep-going the rest is left.
	_, summary, err = w.run(context.Background(), failing, false)
	if err == nil || summary.Hit["train"] != 2 {
		t.Errorf("again: %+v, %v, want the two good trials cached", summary, err)
	}
}

func TestCancelled(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	planner, _ := w.load(fakeStudy)
	plan, err := planner.Plan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	runner := &run.Runner{Store: planner.Store, Sources: planner.Sources, Jobs: 1, Observe: func(e run.Event) {
		if e.Type == run.StageDone && e.Block == "train" {
			cancel(stop)
		}
	}}
	summary, err := runner.Run(ctx, plan)
	if !errors.Is(err, stop) {
		t.Errorf("run = %v, want the cause of the cancellation", err)
	}
	if summary.Ran["train"] != 1 || summary.Failed["train"] != 0 {
		t.Errorf("summary = %+v, want one trial and no failure", summary)
	}
}

// A task whose key another process is computing says so at once, and then every few
// seconds.
func TestWaitsAreReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	planner, _ := w.load(fakeStudy)
	plan, err := planner.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unlock, ok, err := w.store.TryLock(plan.Tasks[0].Key)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	var waits []time.Time
	runner := &run.Runner{Store: planner.Store, Sources: planner.Sources, Jobs: 2, Observe: func(e run.Event) {
		if e.Type != run.StageWaiting {
			return
		}
		if waits = append(waits, e.Time); len(waits) == 2 {
			unlock()
		}
	}}
	began := time.Now()
	if _, err := runner.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	const soon, few = time.Second, 4 * time.Second // of the 5 s between two reports
	if len(waits) != 2 || waits[0].Sub(began) > soon+few || waits[1].Sub(waits[0]) < few {
		t.Errorf("a run that began at %v reported that it waits at %v", began, waits)
	}
}

// Trials that prepare the same run one after another, in the order of the plan
// otherwise.
func TestAffinity(t *testing.T) {
	for by, want := range map[string]string{"": "a1 a2 a3 b1 b2 b3", "seed": "a1 b1 a2 b2 a3 b3"} {
		w := newWorld(t)
		w.by = by
		planner, _ := w.load(strings.ReplaceAll(fakeStudy, "[1, 2]", "[1, 2, 3]"))
		plan, err := planner.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		runner := &run.Runner{Store: planner.Store, Sources: planner.Sources, Jobs: 1, Observe: func(e run.Event) {
			if e.Type == run.StageStart && e.Block == "train" {
				_, rule, _ := strings.Cut(e.Address.String(), "fake.t[\"rule=fake.")
				order = append(order, strings.NewReplacer(",seed=", "", "\"]", "").Replace(rule))
			}
		}}
		if _, err := runner.Run(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(order, " "); got != want {
			t.Errorf("by %q the order is %s, want %s", by, got, want)
		}
	}
}

func TestDuplicateTrialsAreReported(t *testing.T) {
	for _, text := range []string{
		strings.ReplaceAll(fakeStudy, "alpha = 0.7", "alpha = 0.5"),
		strings.NewReplacer("rule = [norm.fake.a, norm.fake.b]", "mode = [1, 2]",
			"data = data.fake.d", "data = data.fake.d\n  rule = matrix.mode == 3 ? norm.fake.b : norm.fake.a").Replace(fakeStudy),
	} {
		w := newWorld(t)
		for _, when := range []string{"before", "after"} { // the keys of the trials are known
			plan := w.plan(text)
			warnings := plan.Warnings
			if len(warnings) != 1 || warnings[0].Summary != "Duplicate trials" || !strings.Contains(warnings[0].Detail, "One more trial of this stage is also a duplicate") {
				t.Errorf("%s the data is there, warnings = %v, want one about two pairs of duplicates", when, warnings)
			}
			if when == "after" && !plan.Clean() {
				t.Error("a duplicate of a cached trial is not cached")
			}
			if _, _, err := w.run(t.Context(), text, false); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Each of many pending stages refers to the two before it.
func TestPlanOfPendingChains(t *testing.T) {
	text := strings.Replace(fakeStudy, "data = data.fake.d", "data = data.fake.x50", 1) + "\ndata \"fake\" \"x0\" { text = \"a\" }\n"
	before, last := "d", "x0"
	for i := 1; i <= 50; i++ {
		name := fmt.Sprintf("x%d", i)
		text += fmt.Sprintf("\ndata \"fake\" %q {\n  text = \"a\"\n  from = [data.fake.%s, data.fake.%s]\n}\n", name, before, last)
		before, last = last, name
	}
	if plan := newWorld(t).plan(text); plan.CountTrials(planner.Pending) != 4 || len(plan.Warnings) > 0 {
		t.Errorf("%d trials are pending, want 4; warnings: %v", plan.CountTrials(planner.Pending), plan.Warnings)
	}
}

func TestDuplicatesAreComputedOnce(t *testing.T) {
	w := newWorld(t)
	text := strings.ReplaceAll(fakeStudy, "alpha = 0.7", "alpha = 0.5")
	ran, summary, err := w.run(context.Background(), text, false)
	if err != nil {
		t.Fatal(err)
	}
	if ran["train"] != 2 || summary.Ran["train"] != 2 || summary.Hit["train"] != 2 {
		t.Errorf("ran %v, summary = %+v, want two trials computed, and two that share them", ran, summary)
	}
}

// slowStore takes its time to give a lock back.
type slowStore struct{ *cache.Local }

func (s slowStore) TryLock(k cache.Key) (func() error, bool, error) {
	unlock, ok, err := s.Local.TryLock(k)
	return func() error { time.Sleep(20 * time.Millisecond); return unlock() }, ok, err
}

// A duplicate waits for no other process.
func TestDuplicatesFindTheLockFree(t *testing.T) {
	w := newWorld(t)
	planner, _ := w.load(strings.ReplaceAll(fakeStudy, "alpha = 0.7", "alpha = 0.5"))
	plan, err := planner.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runner := &run.Runner{Store: slowStore{w.store}, Sources: planner.Sources, Jobs: 4, Observe: func(e run.Event) {
		if e.Type == run.StageWaiting {
			t.Errorf("%s waits for another process", e.Address)
		}
	}}
	if summary, err := runner.Run(t.Context(), plan); err != nil || summary.Hit["train"] != 2 {
		t.Errorf("run = %+v, %v", summary, err)
	}
}

func TestPlanNamesDuplicates(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.run(context.Background(), strings.ReplaceAll(fakeStudy, "[1, 2]", "[3]"), false); err != nil {
		t.Fatal(err)
	}
	plan := actions(w.plan(strings.ReplaceAll(fakeStudy, "alpha = 0.7", "alpha = 0.5")))
	for _, seed := range []string{"1", "2"} {
		want := `same: the same computation as train.fake.t["rule=fake.a,seed=` + seed + `"]`
		if got := plan[`train.fake.t["rule=fake.b,seed=`+seed+`"]`]; got != want {
			t.Errorf("plan says %q, want %q", got, want)
		}
	}
}

// States are found by the inputs of a trial. Before these are known there is no answer,
// rather than the answer that there are none.
func TestStatesNeedInputs(t *testing.T) {
	const text = `
data "fake" "d" {
  text = "abc"
}

train "long" "t" {
  data = data.fake.d
}
`
	w := newWorld(t)
	states := func() ([]cache.Entry, error) {
		p, _ := w.load(text)
		plan, err := p.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p.States(t.Context(), plan, plan.Tasks[1])
	}
	if found, err := states(); err == nil {
		t.Errorf("before the data is known, States = %v", found)
	}
	if _, _, err := w.run(t.Context(), text, false); err != nil {
		t.Fatal(err)
	}
	if found, err := states(); err != nil || len(found) != 1 {
		t.Errorf("then States = %v, %v, want one", found, err)
	}
}

// A saved plan holds the notes that trials share once, and each trial is compared with its
// own.
func TestSavedPlanSharesNotes(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.run(t.Context(), fakeStudy, false); err != nil {
		t.Fatal(err)
	}
	w.code = "v2"
	raw, err := json.Marshal(w.plan(fakeStudy).Save())
	var saved planner.SavedPlan
	if err := errors.Join(err, json.Unmarshal(raw, &saved)); err != nil {
		t.Fatal(err)
	}
	if len(saved.Notes) != 2 {
		t.Errorf("the plan of two rules with two seeds has the notes %v, want two", saved.Notes)
	}
	if drift := w.plan(fakeStudy).Drift(t.Context(), saved); len(drift) > 0 {
		t.Errorf("of an unchanged study, Drift = %v", drift)
	}
	w.code = "v3"
	trials := 0
	for _, d := range w.plan(fakeStudy).Drift(t.Context(), saved) {
		if strings.HasPrefix(d.Address, "train.") {
			trials++
		}
	}
	if trials != 4 {
		t.Errorf("%d trials differ, want all four", trials)
	}
}

// An analysis may show a label that has been edited since, also while its key is not known.
func TestSavedPlanOfLabels(t *testing.T) {
	w := newWorld(t)
	saved := w.plan(fakeStudy).Save()
	drift := w.plan(strings.Replace(fakeStudy, `norm "fake" "b" {`, `norm "fake" "b" {`+"\n  label = \"B\"", 1)).Drift(t.Context(), saved)
	if want := []planner.Drift{{Address: "analysis.fake.all", What: "labels.rule=fake.b"}}; !cmp.Equal(drift, want) {
		t.Errorf("Drift = %v, want %v", drift, want)
	}
}

// A failure that another attempt would only repeat ends the attempts.
func TestFinalErrorIsNotTriedAgain(t *testing.T) {
	text := strings.ReplaceAll(fakeStudy, "[1, 2]", "[1]")
	text = strings.ReplaceAll(text, "[norm.fake.a, norm.fake.b]", "[norm.fake.a]")
	text = strings.ReplaceAll(text, "  matrix {", "  runtime {\n    retries = 2\n  }\n  matrix {")
	broken := errors.New("it broke")
	for _, c := range []struct {
		err  error
		want int
	}{{broken, 3}, {run.FinalError{Err: broken}, 1}} {
		w := newWorld(t)
		w.breaks = c.err
		ran, _, err := w.run(context.Background(), text, false)
		if err == nil || ran["train"] != c.want {
			t.Errorf("run = %v after %d attempts, want %d with %#v", err, ran["train"], c.want, c.err)
		}
	}
	late := strings.ReplaceAll(text, "retries = 2", "retries = 2\n    timeout = \"1ns\"")
	if ran, _, err := newWorld(t).run(context.Background(), late, false); err == nil || ran["train"] != 3 {
		t.Errorf("run = %v after %d attempts, each of which is late, want 3", err, ran["train"])
	}
}

// What was published counts, however its process ended. How long it took is without what
// it waited.
func TestPublishedIsDone(t *testing.T) {
	w := newWorld(t)
	w.silent, w.waits = true, 2*time.Second
	if _, summary, err := w.run(context.Background(), fakeStudy, false); err != nil || summary.Ran["train"] != 4 || summary.Ran["analysis"] != 1 {
		t.Errorf("run = %v, %+v, want four trials and their analysis", err, summary)
	}
	for _, e := range w.events {
		if e.Type == run.StageDone && e.Block == "train" && e.Elapsed >= w.waits {
			t.Errorf("%s took %s", e.Address, e.Elapsed)
		}
	}
}

func TestFailedDuplicateIsNotTriedAgain(t *testing.T) {
	text := strings.ReplaceAll(fakeStudy, "alpha = 0.7", "alpha = 0.5")
	text = strings.ReplaceAll(text, "  matrix {", "  override {\n    when = matrix.seed == 2\n    fail = true\n  }\n  matrix {")
	_, summary, err := newWorld(t).run(context.Background(), text, true)
	var failed *run.FailedError
	if !errors.As(err, &failed) || len(failed.Failed) != 1 || summary.Skipped["train"] != 1 || summary.Ran["train"] != 1 {
		t.Errorf("run = %v, %+v, want one failure, and its duplicate skipped", err, summary)
	}
}

func TestValidateFindsThePlaceOnce(t *testing.T) {
	_, diags := newWorld(t).load(strings.ReplaceAll(fakeStudy, "alpha = 0.7", "alpha = -1"))
	if len(diags) != 1 || diags[0].Range == nil || diags[0].Range.Start.Line != 9 || diags[0].Severity != diag.Error {
		t.Errorf("diagnostics = %+v, want one at line 9", diags)
	}
}

func TestEvictedArtifacts(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.run(context.Background(), fakeStudy, false); err != nil {
		t.Fatal(err)
	}
	step := w.plan(fakeStudy).Tasks[3]
	weights, _ := step.Entry().Artifact("weights")
	metrics, _ := step.Entry().Artifact("metrics")
	w.remove(weights.Digest)
	if got := w.plan(fakeStudy).Tasks[3].Status; got != planner.Hit {
		t.Errorf("without weights, which may be evicted: %s, want hit", got)
	}
	w.remove(metrics.Digest)
	if s := w.plan(fakeStudy).Tasks[3]; s.Status != planner.Run || !strings.Contains(s.Reason.Text, "metrics is missing") {
		t.Errorf("without metrics: %s (%s), want run, because they are gone", s.Status, s.Reason.Text)
	}
	if ran, _, err := w.run(context.Background(), fakeStudy, false); err != nil || ran["train"] == 0 {
		t.Errorf("running again: %v, %v, want the trial to heal", ran, err)
	}
	if !w.plan(fakeStudy).Clean() {
		t.Error("the store did not heal")
	}
}
