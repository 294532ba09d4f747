package run_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/run"
)

func TestJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab [gpu]", "runs")
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	event := func(typ run.EventType, name string, at time.Duration) run.Event {
		return run.Event{Type: typ, Address: addr.Instance{Stage: addr.Stage{Block: "a", Type: "b", Name: name}}, Time: start.Add(at)}
	}
	for i := range 120 {
		j, err := run.NewJournal(dir, "lab", "/home/lab", nil, start.Add(time.Duration(i)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		failed := event(run.StageFailed, "x", 0)
		failed.Err = errors.New("it broke")
		j.Observe(failed)
		if i == 119 {
			progress := event(run.StageProgress, "y", 0)
			progress.Progress = pipeline.Progress{Step: 7, Steps: 9, Metrics: map[string]float64{"loss": math.NaN()}}
			j.Observe(progress)
			progress.Time, progress.Progress.Step = start.Add(time.Millisecond), 8 // too soon
			j.Observe(progress)
			failed.Address.Stage.Name = "y"
			j.Observe(failed)
			j.Observe(event(run.StageDone, "x", time.Second))
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	files := run.Journals(dir)
	if len(files) != 100 {
		t.Fatalf("%d journals are kept, want 100", len(files))
	}
	raw, err := os.ReadFile(files[len(files)-1])
	if err != nil || strings.Count(string(raw), "\n") != 5 || !strings.HasPrefix(string(raw), `{"type":"run_start"`) || !strings.Contains(string(raw), `"step":7`) {
		t.Errorf("the last journal holds %q, %v", raw, err)
	}
	// A line that is half written is not read.
	if err := os.WriteFile(files[len(files)-1], append(raw, `{"type":"stage_done","address":"a.b.y`...), 0o600); err != nil {
		t.Fatal(err)
	}
	past, err := run.History(dir, "lab", "/home/lab")
	if err != nil || past["a.b.x"].Failure != nil || past["a.b.y"].Failure == nil || past["a.b.y"].Failure.Error != "it broke" {
		t.Errorf("History = %v, %v, want the failure of y", past, err)
	}
	if other, err := run.History(dir, "lab", "/home/other"); err != nil || len(other) != 0 {
		t.Errorf("History of another study = %v, %v, want none", other, err)
	}
}

// trialJournal begins the journal of one trial in a folder. observe records an event
// some time after the start.
func trialJournal(t *testing.T) (dir string, start time.Time, observe func(run.EventType, time.Duration, pipeline.Progress)) {
	t.Helper()
	dir = t.TempDir()
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	j, err := run.NewJournal(dir, "lab", "/home/lab", nil, start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	trial := addr.Instance{Stage: addr.Stage{Block: "train", Type: "lm", Name: "main"}}
	return dir, start, func(typ run.EventType, at time.Duration, p pipeline.Progress) {
		j.Observe(run.Event{Type: typ, Address: trial, Time: start.Add(at), Progress: p})
	}
}

// TestHistoryOfProgress reads the step, the metrics and the time left of a trial from
// the journal of a run, which may belong to another process.
func TestHistoryOfProgress(t *testing.T) {
	dir, start, observe := trialJournal(t)
	observe(run.StageStart, 0, pipeline.Progress{})
	observe(run.StageProgress, time.Minute, pipeline.Progress{Step: 40, Steps: 100, Metrics: map[string]float64{"loss": 3}})
	observe(run.StageProgress, time.Minute+time.Millisecond, pipeline.Progress{Step: 40, Steps: 100, Metrics: map[string]float64{"val_loss": 4}})
	observe(run.StageProgress, 2*time.Minute, pipeline.Progress{Step: 60, Steps: 100, Metrics: map[string]float64{"loss": 2, "grad_norm": math.Inf(1)}})
	past, err := run.History(dir, "lab", "/home/lab")
	p := past["train.lm.main"]
	if err != nil || p.Step != 60 || p.Steps != 100 || p.Metrics["loss"] != 2 || p.Metrics["val_loss"] != 4 {
		t.Fatalf("History = %+v, %v", p, err)
	}
	// 20 steps took a minute; 40 are left.
	if left, ok := p.Left(start.Add(2*time.Minute + 30*time.Second)); !ok || left != 90*time.Second {
		t.Errorf("Left = %v, %v, want 90s", left, ok)
	}
}

// TestJournalOfALongWait records a trial that waits for 12 hours and then takes one.
func TestJournalOfALongWait(t *testing.T) {
	dir, _, observe := trialJournal(t)
	const wait, every = 12 * time.Hour, 300 * time.Millisecond
	for at := time.Duration(0); at < wait; at += every {
		observe(run.StageWaiting, at, pipeline.Progress{})
	}
	const reports = 3600
	for i := range reports {
		observe(run.StageProgress, wait+time.Duration(i)*time.Second, pipeline.Progress{Step: i, Steps: reports})
	}
	raw, err := os.ReadFile(run.Journals(dir)[0])
	if err != nil || len(raw) > 4<<20 {
		t.Fatalf("the journal has %d bytes, %v", len(raw), err)
	}
	if n := strings.Count(string(raw), `"stage_progress"`); n < reports-1 {
		t.Errorf("%d reports of %d are recorded", n, reports)
	}
}

// TestJournalOfALongRun records two days of a trial that reports every second.
func TestJournalOfALongRun(t *testing.T) {
	dir, _, observe := trialJournal(t)
	const reports = 2 * 24 * 3600
	for i := range reports {
		observe(run.StageProgress, time.Duration(i)*time.Second, pipeline.Progress{Step: i, Steps: reports, Metrics: map[string]float64{"loss": 2}})
	}
	info, err := os.Stat(run.Journals(dir)[0])
	if err != nil || info.Size() > 4<<20 {
		t.Fatalf("the journal has %d bytes, %v", info.Size(), err)
	}
	past, err := run.History(dir, "lab", "/home/lab")
	if p := past["train.lm.main"]; err != nil || p.Step < reports*97/100 {
		t.Errorf("the last recorded step is %d of %d, %v", p.Step, reports, err)
	}
}
