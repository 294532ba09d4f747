package run_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"syscall"
	"testing"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
	"ablate/pipeline/run"
)

// attempt runs the fake study over a file system, one action at a time.
func (w *world) attempt(f fsys.FS) error {
	store, err := cache.Open(f, "/store")
	if err != nil {
		return err
	}
	w.store, w.ran = store, make(map[string]int)
	planner, _ := w.load(fakeStudy)
	plan, err := planner.Plan(context.Background())
	if err != nil {
		return err
	}
	runner := &run.Runner{Store: planner.Store, Sources: planner.Sources, Jobs: 1, Log: slog.New(slog.DiscardHandler)}
	_, err = runner.Run(context.Background(), plan)
	return err
}

// outputs is every artifact of a finished study by address and name.
func (w *world) outputs() map[string]cache.Digest {
	out := make(map[string]cache.Digest)
	for _, s := range w.plan(fakeStudy).Tasks {
		for _, a := range s.Entry().Artifacts {
			if _, err := cache.ReadAll(context.Background(), w.store, a.Digest); err == nil {
				out[s.Address.String()+" "+a.Name] = a.Digest
			}
		}
	}
	return out
}

// complete counts the entries that have everything.
func (w *world) complete(f fsys.FS) int {
	store, err := cache.Open(f, "/store")
	if err != nil {
		return 0
	}
	n := 0
	for e, err := range store.Entries(context.Background(), "", "") {
		if err != nil {
			return n
		}
		found, err := store.Lookup(context.Background(), e.Key)
		if err == nil && found[0].OK && len(found[0].Absent) == 0 {
			n++
		}
	}
	return n
}

// A run that crashes, or fails, at any one of its operations on the store is
// healed by the next: the same outputs as undisturbed, and nothing is computed
// again that was published.
func TestCrashAtEveryOperationOfARun(t *testing.T) {
	undisturbed := newWorld(t)
	if err := undisturbed.attempt(undisturbed.fs); err != nil {
		t.Fatal(err)
	}
	want := undisturbed.outputs()
	const actions = 8
	for _, fault := range []struct {
		name  string
		err   error
		crash bool
	}{{"crash", errors.New("crashed"), true}, {"full disk", syscall.ENOSPC, true}, {"EIO once", syscall.EIO, false}} {
		if testing.Short() && !fault.crash {
			continue
		}
		t.Run(fault.name, func(t *testing.T) {
			tried, lost, again := 0, 0, 0
			for at := 1; ; at++ {
				w := newWorld(t)
				w.fs = fsys.NewMemory()
				f := &cachetest.Faulty{FS: w.fs, At: at, Err: fault.err, Crash: fault.crash}
				err := w.attempt(f)
				if f.Count() < at {
					break
				}
				tried++
				if err == nil && fault.crash && w.complete(w.fs) < actions {
					t.Errorf("operation %d: the run ends well without its results", at)
				}
				before := w.complete(w.fs)
				if err := w.attempt(w.fs); err != nil {
					t.Fatalf("operation %d: the next run does not heal it: %v", at, err)
				}
				if got := w.outputs(); !maps.Equal(got, want) {
					lost++
					t.Errorf("operation %d: outputs %v, undisturbed %v", at, got, want)
				}
				sum := 0
				for _, n := range w.ran {
					sum += n
				}
				if sum > actions-before {
					again++
					t.Errorf("operation %d: %d actions ran although %d of %d were published", at, sum, before, actions)
				}
			}
			t.Logf("%d points tried, %d healed, %d lost, %d computed anything again", tried, tried-lost, lost, again)
			if tried < 100 {
				t.Errorf("only %d points were tried", tried)
			}
		})
	}
}
