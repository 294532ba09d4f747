package view_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/run"
)

// A screen that is too small for all leaves out cells before running trials and failures.
func TestWatchedFitsTheHeight(t *testing.T) {
	w := view.Watched{Study: "coupling", Counts: "1 of 90 trials done", Factors: []string{"norm"}, Metric: "loss"}
	for i := range 30 {
		w.Cells = append(w.Cells, view.WatchedCell{Levels: []string{fmt.Sprint("norm", i)}, Marks: "▶"})
		w.Running = append(w.Running, view.WatchedTrial{Name: fmt.Sprint("trial", i), Step: 1, Steps: 2})
	}
	w.Failures = []view.Failure{{Address: "train.lm.main", Error: "out of memory"}}
	v := view.New(view.Options{})
	for _, height := range []int{1, 5, 12, 24, 60, 100} {
		lines := view.WatchedLines(v, w, 80, height)
		if len(lines) > height {
			t.Errorf("%d lines in a height of %d", len(lines), height)
		}
		text := strings.Join(lines, "\n")
		if height < 24 {
			continue
		}
		for _, want := range []string{"norm0", "trial0", "out of memory"} {
			if !strings.Contains(text, want) {
				t.Errorf("a height of %d lacks %q:\n%s", height, want, text)
			}
		}
		if all := slices.Equal(lines, view.WatchedLines(v, w, 80, 0)); all != (height == 100) {
			t.Errorf("a height of %d shows all: %v", height, all)
		}
	}
}

// The block of a run that is redrawn is not higher than the screen.
func TestLiveBlockFitsTheHeight(t *testing.T) {
	var of []addr.Instance
	for i := range 30 {
		of = append(of, addr.Instance{Stage: addr.Stage{Block: "train", Type: "lm", Name: "main"}, Key: fmt.Sprintf("seed=%02d", i)})
	}
	v := view.New(view.Options{Columns: 80})
	for height, want := range map[int]string{1: "  … and 29 more", 9: "  … and 23 more", 30: "  … and 2 more", 31: "  0 of 2 trials"} {
		lines := view.LiveRows(v, height, 1, 2, nil, of...)
		if len(lines) > max(3, height) || !slices.Contains(lines, want) {
			t.Errorf("a height of %d has %d lines, want one %q:\n%s", height, len(lines), want, strings.Join(lines, "\n"))
		}
	}
}

// The row of a program's trial shows what it reports.
func TestLiveMetrics(t *testing.T) {
	v := view.New(view.Options{Columns: 120})
	for _, test := range []struct {
		metrics map[string]float64
		want    string
	}{
		{map[string]float64{"loss": 2, "accuracy": 1}, "loss 2.0000"},
		{map[string]float64{"train_loss": 2, "val_loss": 3}, "loss 2.0000  val 3.0000"},
		{map[string]float64{"val_loss": 3, "accuracy": 1}, "val 3.0000"},
		{map[string]float64{"tokens_per_second": 9, "accuracy": 0.5, "f1": 1}, "accuracy 0.5000  9 tok/s"},
	} {
		row := view.LiveRows(v, 10, 1, 2, test.metrics, addr.Instance{Key: "seed=1"})[0]
		if !strings.Contains(row, "1/2  "+test.want) {
			t.Errorf("the row of %v is %q, want %q", test.metrics, row, test.want)
		}
	}
}

// The time left of a trial that resumes follows from the steps since then.
func TestTimeLeftOfAResumedTrial(t *testing.T) {
	var out strings.Builder
	v := view.New(view.Options{Stdout: &out, Stderr: &out, Columns: 120, Rows: 20})
	p := v.NewProgress("live", 1, nil)
	of, now := addr.Instance{Key: "seed=1"}, time.Now()
	p.Observe(run.Event{Type: run.StageStart, Address: of, Time: now.Add(-time.Minute)})
	for i, step := range []int{900, 910, 20, 40} { // tried again from step 20
		p.Observe(run.Event{Type: run.StageProgress, Address: of, Time: now.Add(time.Duration(10*i) * time.Second), Progress: pipeline.Progress{Step: step, Steps: 1000}})
	}
	p.Close()
	for _, want := range []string{"910/1000  1 m 30 s left", "20/1000\n", "40/1000  8 m 00 s left"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no row has %q:\n%s", want, out.String())
		}
	}
}
