package run_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/cache"
)

// Batches of trials are described concurrently. The keys, and their order, must be
// those of describing one trial after another.
func TestPlanIsTheSameOnAnyNumberOfCores(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.run(context.Background(), fakeStudy, false); err != nil {
		t.Fatal(err)
	}
	type planned struct {
		Address, Status string
		Key             cache.Key
	}
	on := func(cores int) (out []planned) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		for _, task := range w.plan(strings.Replace(fakeStudy, "[1, 2]", "concat(range(1, 1000), range(1000, 1600))", 1)).Tasks {
			out = append(out, planned{task.Address.String(), string(task.Status), task.Key})
		}
		return out
	}
	one, many := on(1), on(4)
	if diff := cmp.Diff(one, many); diff != "" {
		t.Errorf("plan on one core and on four (-one +four):\n%s", diff)
	}
	keys := make(map[cache.Key]string)
	hits := 0
	for _, p := range many {
		if p.Status == "hit" {
			hits++
		}
		if other, twice := keys[p.Key]; twice && !p.Key.IsZero() {
			t.Errorf("%s and %s have one key", other, p.Address)
		}
		keys[p.Key] = p.Address
	}
	if hits != 7 { // data, two rules, and the four trials that ran
		t.Errorf("%d hits, want 7", hits)
	}
}
