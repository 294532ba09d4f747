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
