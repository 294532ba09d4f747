package ui_test

import (
	"context"
	"testing"
	"time"

	"ablate/cmd/ablate/internal/ui"
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

func TestFollowWithoutAStudy(t *testing.T) {
	l := newLab(t)
	err := ui.Follow(t.Context(), ui.Options{Store: l.store}, func(s ui.Snapshot) bool {
		if s.Study.Name != "" {
			t.Errorf("the store has no study, but %q is shown", s.Study.Name)
		}
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
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
