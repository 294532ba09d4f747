package planner

import (
	"context"
	"io"
	"math"
	"testing"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// counter counts the blobs that are read.
type counter struct {
	cache.Store
	opened int
}

func (c *counter) Open(ctx context.Context, d cache.Digest) (io.ReadCloser, error) {
	c.opened++
	return c.Store.Open(ctx, d)
}

// TestSavings sums up trials of 90 seconds each. Of more than 200 it reads a sample.
func TestSavings(t *testing.T) {
	local, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		t.Fatal(err)
	}
	d, err := cache.WriteJSON(t.Context(), local, action.Provenance{Seconds: 90})
	if err != nil {
		t.Fatal(err)
	}
	took, lost := &cache.Entry{Provenance: d}, &cache.Entry{}
	for _, c := range []struct {
		trials, read int
		estimated    bool
	}{
		{0, 0, false}, {1, 1, false}, {199, 199, false}, {200, 200, false},
		{201, 101, true}, {399, 200, true}, {400, 200, true}, {401, 134, true}, {100_000, 200, true},
	} {
		plan := &Plan{Tasks: []*Task{
			{Status: Hit, Role: pipeline.Data, entry: took},
			{Status: Hit, Role: pipeline.Trial, entry: took, repeats: true},
			{Status: Run, Role: pipeline.Trial},
		}}
		for range c.trials {
			plan.Tasks = append(plan.Tasks, &Task{Status: Hit, Role: pipeline.Trial, entry: took})
		}
		store := &counter{Store: local}
		want := Savings{Trials: c.trials, Seconds: float64(90 * c.trials), Estimated: c.estimated}
		got := plan.Savings(t.Context(), store)
		got.Seconds = math.Round(got.Seconds)
		if got != want || store.opened != c.read {
			t.Errorf("of %d trials: %+v after %d reads, want %+v after %d", c.trials, got, store.opened, want, c.read)
		}
	}
	// Without its provenance a trial counts, with a time that is not known.
	plan := &Plan{Tasks: []*Task{{Status: Hit, Role: pipeline.Trial, entry: took}, {Status: Hit, Role: pipeline.Trial, entry: lost}}}
	if got, want := plan.Savings(t.Context(), local), (Savings{Trials: 2, Seconds: 90}); got != want {
		t.Errorf("of two trials, one without provenance: %+v, want %+v", got, want)
	}
}
