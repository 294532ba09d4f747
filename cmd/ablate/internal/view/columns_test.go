package view_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/run"
	"ablate/stages/answer"
)

// Screens of a terminal at several widths; 0 is no terminal.
func TestScreens(t *testing.T) {
	tables, err := os.ReadFile("testdata/factorial.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{0, 60, 80, 120, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			var screen bytes.Buffer
			v := view.New(view.Options{Stdout: &screen, Stderr: &screen, Columns: width})
			showScreen(v, string(tables))
			name := filepath.Join("testdata", fmt.Sprintf("screen-%d.txt", width))
			if *view.Update {
				if err := os.WriteFile(name, screen.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if screen.String() != string(want) {
				t.Errorf("the screen changed (go test -update writes it anew):\n%s", screen.String())
			}
			for _, l := range bytes.Split(cursor.ReplaceAll(screen.Bytes(), nil), []byte("\n")) {
				if width > 0 && view.Cells(string(l)) > width && !bytes.Contains(l, []byte("ablate run")) {
					t.Errorf("a line of %d cells: %s", view.Cells(string(l)), l)
				}
			}
		})
	}
}

// cursor matches what redraws the live block.
var cursor = regexp.MustCompile("\x1b\\[[0-9]*[AJ]")

func showScreen(v *view.View, tables string) {
	trial := addr.Instance{Stage: addr.Stage{Block: "train", Type: "lm", Name: "main"}, Key: "norm=derf.paper,optimizer=muon.paper,seed=42"}
	wide := addr.Instance{Stage: trial.Stage, Key: "norm=rmsnorm.an_uncommonly_long_name_of_a_stage,optimizer=最適化,seed=42"}
	v.Show(view.Analysis{Heading: "Norm and optimizer", Body: "(as stored)\n", Tables: tables})
	v.Show(view.Difference{A: trial.String(), B: wide.String(), Numbers: []answer.Difference{{Name: "val_loss", A: 2.8766, B: 3.0325, Difference: 0.1559}, {Name: "grad_norm 😀", A: 0.58976, B: 1, Difference: 0.4102}}})
	v.Show(view.Status{Address: wide.String(), State: "running", Step: new(40), Steps: new(160), Metrics: map[string]float64{"loss": 3.25}})
	v.Note("  + run     %s\n            norm.alpha (attention, ffn, final) 0.5 → 0.4, and a reason that is longer than narrow terminals are wide", wide)
	v.Note("    ablate run --target '%s'", wide)
	falling := view.Curve{Name: "loss", Steps: []int{1, 2, 3, 4}, Values: []float64{4, 2, 1, 1}}
	v.NewScreen().Draw(view.Watched{Study: "coupling", Counts: "1 of 3 trials done, 1 running", Left: "40.0 s", Factors: []string{"norm", "optimizer"}, Metric: "loss",
		Cells:    []view.WatchedCell{{Levels: []string{"Derf", "最適化"}, Marks: "✓▶", Mean: "1.0000", Curve: falling}, {Levels: []string{"a norm with an uncommonly long label", "<b>"}, Marks: "✗"}},
		Running:  []view.WatchedTrial{{Name: "norm=derf.paper,optimizer=最適化,seed=43", Step: 30, Steps: 40, Metrics: map[string]float64{"loss": 1.5, "tokens_per_second": 900}, Left: "40.0 s"}},
		Failures: []view.Failure{{Address: wide.String(), Error: "out of memory"}}})
	v.Show(view.Instance{Address: trial.String(), Label: "a trial", Action: "hit", Reason: "cached", Curves: []view.Curve{falling}})
	started := time.Now()
	p := v.NewProgress("live", 3, nil)
	for _, a := range []addr.Instance{trial, wide} {
		p.Observe(run.Event{Type: run.StageStart, Address: a, Role: pipeline.Trial, Time: started})
	}
	p.Observe(run.Event{Type: run.StageFailed, Address: wide, Role: pipeline.Trial, Time: started, Elapsed: 1500 * time.Millisecond, LogPath: "/tmp/log", Err: errors.New("the process was killed: out of memory")})
	p.Close()
	for _, line := range view.LiveRows(v, 10, 120, 160, map[string]float64{"loss": 2.71, "val_loss": 2.9, "tokens_per_second": 12345}, trial) {
		v.Note("%s", line)
	}
}
