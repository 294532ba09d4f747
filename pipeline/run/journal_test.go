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
	dir := filepath.Join(t.TempDir(), "runs")
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	event := func(typ run.EventType, name string, at time.Duration) run.Event {
		return run.Event{Type: typ, Address: addr.Instance{Stage: addr.Stage{Block: "a", Type: "b", Name: name}}, Time: start.Add(at)}
	}
	for i := range 120 {
		j, err := run.NewJournal(dir, "lab", "/home/lab", start.Add(time.Duration(i)*time.Minute))
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
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) != 100 {
		t.Errorf("%d journals are kept, %v, want 100", len(files), err)
	}
	raw, err := os.ReadFile(files[len(files)-1])
	if err != nil || strings.Count(string(raw), "\n") != 5 || !strings.HasPrefix(string(raw), `{"type":"run_start"`) || !strings.Contains(string(raw), `"step":7`) {
		t.Errorf("the last journal holds %q, %v", raw, err)
	}
	// A line that is half written is not read.
	if err := os.WriteFile(files[len(files)-1], append(raw, `{"type":"stage_done","address":"a.b.y`...), 0o600); err != nil {
		t.Fatal(err)
	}
	failures, err := run.LastFailures(dir)
	if err != nil || len(failures) != 1 || failures["a.b.y"].Error != "it broke" {
		t.Errorf("LastFailures = %v, %v, want that of y", failures, err)
	}
}
