package ui_test

import (
	"cmp"
	"context"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cmd/ablate/internal/ui"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

func TestFollow(t *testing.T) {
	l := newLab(t)
	l.begin()
	l.finish(trial("derf", 1), 3, 2)
	l.tell(run.StageStart, trial("derf", 2), nil)
	l.progress(trial("derf", 2), 1, 10, 5)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	shots := 0
	err := ui.Follow(ctx, ui.Options{Store: l.store}, func(s ui.Snapshot) bool {
		shots++
		states := make(map[ui.State]int)
		for _, i := range s.Study.Instances {
			states[i.State]++
		}
		if shots == 1 {
			if states[ui.Cached] != 1 || states[ui.Running] != 1 || len(s.Curves.Curves) != 2 {
				t.Errorf("states = %v with %d curves, want a cached and a running trial with curves", states, len(s.Curves.Curves))
			}
			l.fail(trial("derf", 2), "out of memory")
		}
		return states[ui.Failed] == 0
	})
	if err != nil || ctx.Err() != nil || shots < 2 {
		t.Errorf("Follow = %v after %d snapshots, want one with the failure", err, shots)
	}
}

// The loss that this program reports of a running trial is a row "train_loss" once it is done.
// A user's program reports rows, which keep their names.
func TestFollowLosses(t *testing.T) {
	for _, test := range []struct {
		stage   string
		metrics map[string]float64
		want    string
	}{
		{"lm", map[string]float64{"loss": 3, "tokens_per_second": 9}, "train_loss"},
		{"command", map[string]float64{"loss": 3, "tokens_per_second": 9}, "loss"},
	} {
		t.Run(test.stage, func(t *testing.T) {
			l := newLab(t)
			l.begin()
			of := trial("derf", 1)
			of.Stage.Type = test.stage
			l.tell(run.StageStart, of, nil)
			l.tell(run.StageProgress, of, func(e *run.Event) {
				e.Progress = pipeline.Progress{Step: 1, Steps: 2, Metrics: test.metrics}
			})
			s := firstShown(t, ui.Options{Store: l.store})
			if s.Curves.Metric != test.want || len(s.Curves.Curves) != 1 || s.Study.Instances[0].Metrics[test.want] != 3 {
				t.Errorf("the metric is %s of %+v, want %s", s.Curves.Metric, s.Study.Instances[0].Metrics, test.want)
			}
		})
	}
}

// A run that began before the study was edited computes other results under the same addresses.
// They are counted, and do not mix with the trials of the study as it is.
func TestFollowEditedStudy(t *testing.T) {
	l := newLab(t)
	l.begin()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	of := trial("rms", 0)
	old := func(e *run.Event) { e.Key = cache.String("before the edit").Key("test") }
	stage := "planned"
	err := ui.Follow(ctx, ui.Options{Store: l.store, Plan: l.plan}, func(s ui.Snapshot) bool {
		first := s.Study.Instances[0]
		switch stage {
		case "planned":
			l.tell(run.StageStart, of, old)
			l.tell(run.StageProgress, of, func(e *run.Event) {
				old(e)
				e.Progress = pipeline.Progress{Step: 7, Steps: 9, Metrics: map[string]float64{"loss": 3}}
			})
			stage = "counted"
		case "counted":
			if s.Study.Others == 0 {
				return true
			}
			if s.Study.Others != 1 || first.State != ui.Left || first.Step != 0 || len(s.Curves.Curves) > 0 {
				t.Errorf("%d others, and the trial is %+v, want 1 and what the plan says", s.Study.Others, first)
			}
			l.tell(run.StageDone, of, old)
			stage = "done"
		case "done":
			if s.Study.Others == 1 {
				return true
			}
			if first.State != ui.Left {
				t.Errorf("the trial is %s, want what the plan says", first.State)
			}
			return false
		}
		return true
	})
	if err != nil || ctx.Err() != nil {
		t.Errorf("Follow = %v in the stage %q", cmp.Or(err, ctx.Err()), stage)
	}
}

// The curves of a long trial reach its last report, in all metrics.
func TestFollowLongTrial(t *testing.T) {
	l := newLab(t)
	l.begin()
	of := trial("derf", 1)
	l.tell(run.StageStart, of, nil)
	const steps = 20000
	for step := 1; step < steps; step += 2 {
		l.progress(of, step, steps, 3)
		l.tell(run.StageProgress, of, func(e *run.Event) {
			e.Time = e.Time.Add(time.Duration(step+1) * time.Second)
			e.Progress = pipeline.Progress{Step: step + 1, Steps: steps, Metrics: map[string]float64{"val_loss": 4}}
		})
	}
	s := firstShown(t, ui.Options{Store: l.store})
	if len(s.Curves.Curves) != 1 || len(s.Curves.Metrics) != 3 {
		t.Fatalf("curves = %+v, want one, of two losses and the speed", s.Curves)
	}
	if at := s.Curves.Curves[0].Steps; at[len(at)-1] < 0.99*steps {
		t.Errorf("the curve ends at step %v of %d", at[len(at)-1], steps)
	}
}

func TestFollowWithoutAStudy(t *testing.T) {
	l := newLab(t)
	if s := firstShown(t, ui.Options{Store: l.store}); s.Study.Name != "" {
		t.Errorf("the store has no study, but %q is shown", s.Study.Name)
	}
}

// firstShown is what Follow shows first.
func firstShown(t *testing.T, o ui.Options) (first ui.Snapshot) {
	t.Helper()
	err := ui.Follow(t.Context(), o, func(s ui.Snapshot) bool {
		first = s
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// The time left comes from trials that ended, and is unknown without any.
func TestTimeLeft(t *testing.T) {
	l := newLab(t)
	l.begin()
	first, second := trial("rms", 0), trial("rms", 1)
	l.tell(run.StageStart, first, nil)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	running := false
	err := ui.Follow(ctx, ui.Options{Store: l.store, Plan: l.plan}, func(s ui.Snapshot) bool {
		left := s.Study.Remaining
		if !running {
			if left != nil {
				t.Errorf("%v s are left before any trial told how long one takes", *left)
			}
			l.finish(first, 3, 2) // in a minute
			l.tell(run.StageStart, second, nil)
			running = true
			return true
		}
		if left == nil {
			return true // until the journal was read
		}
		if least, most := 165.0, 180.0; *left < least || *left > most { // a trial that just began, and two to do
			t.Errorf("%v s are left, want three minutes", *left)
		}
		return false
	})
	if err != nil || ctx.Err() != nil {
		t.Errorf("Follow = %v, %v", err, ctx.Err())
	}
}

// A trial that resumes needs a part of its time, and the last run of one that resumed does
// not tell how long a whole one takes.
func TestTimeLeftOfResumedTrials(t *testing.T) {
	l := newLab(t)
	l.begin()
	l.finish(trial("rms", 0), 3, 2) // in a minute
	resumed := trial(rudeNorm, 1)
	l.tell(run.StageStart, resumed, nil)
	l.progress(resumed, 1, 100, 3)
	l.tell(run.StageStart, resumed, nil)
	l.progress(resumed, 99, 100, 2)
	l.publish(resumed, 3, 2)
	l.tell(run.StageDone, resumed, func(e *run.Event) { e.Elapsed = time.Second })
	l.tell(run.StageStart, trial("rms", 1), nil)
	plan := func(ctx context.Context) (ui.Planned, error) {
		p, err := l.plan(ctx)
		for k := range p.Instances {
			if p.Instances[k].Address == trial(rudeNorm, 0).String() {
				p.Instances[k].Status, p.Instances[k].Done = planner.Resume, 0.75
			}
		}
		return p, err
	}
	left := firstShown(t, ui.Options{Store: l.store, Plan: plan}).Study.Remaining
	if left == nil {
		t.Error("the time left is unknown, want 75 s")
	} else if *left < 65 || *left > 75 { // a trial that just began, and a quarter of one
		t.Errorf("%v s are left, want 75", *left)
	}
}
