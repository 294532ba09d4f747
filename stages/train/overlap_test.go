package train_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages/internal/ml"
)

// patience is how long something is waited for that comes at once where all is
// well.
const patience = 10 * time.Second

// aState says whether an entry is a state on the way, and after how many steps.
func (l *lab) aState(e cache.Entry) (step int, ok bool) {
	if _, ok = e.Artifact("state"); ok {
		step = l.stepOf(e)
	}
	return step, ok
}

// passing is closed when a trial has been seen beyond a step.
func (l *lab) passing(step int) <-chan struct{} {
	passed := make(chan struct{})
	var once sync.Once
	l.seen = func(p pipeline.Progress) {
		if p.Step > step {
			once.Do(func() { close(passed) })
		}
	}
	return passed
}

// waits returns when a function of the trial's loop waits for what is being written.
func (l *lab) waits(function string) {
	there := regexp.MustCompile(`\.\(\*background\)\.settle\(.*\n.*\n.*\.\(\*loop\)\.` + function + `\(`)
	stacks := make([]byte, 1<<20)
	for began := time.Now(); time.Since(began) < patience; time.Sleep(time.Millisecond) {
		if there.Match(stacks[:runtime.Stack(stacks, true)]) {
			return
		}
	}
	l.t.Errorf("%s does not wait for what is being written", function)
}

// put makes a blob.
func (l *lab) put(mediaType string, write func(io.Writer) error) cache.Digest {
	l.t.Helper()
	w, err := l.store.Create(context.Background(), mediaType)
	if err == nil {
		err = write(w)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	d, _, err := w.Commit()
	if err != nil {
		l.t.Fatal(err)
	}
	return d
}

// rival publishes what another process makes of a state, which lies in the
// lab's store or in that of from: other numbers, other rows, and where the
// parent is given another past. It returns the state's digest.
func (l *lab) rival(from *lab, e cache.Entry, parent int, parentState cache.Digest) cache.Digest {
	l.t.Helper()
	read := func(d cache.Digest) []byte {
		raw, err := cache.ReadAll(context.Background(), from.store, d)
		if err != nil {
			l.t.Fatal(err)
		}
		return raw
	}
	copied := func(d cache.Digest) cache.Digest {
		return l.put("application/json", func(w io.Writer) error { _, err := w.Write(read(d)); return err })
	}
	state, _ := e.Artifact("state")
	note, _ := e.Artifact("note")
	tensors, err := ml.ReadSafetensors(read(state.Digest))
	if err != nil {
		l.t.Fatal(err)
	}
	for _, t := range tensors {
		for i := range t.F32 {
			t.F32[i] *= 0.9
		}
	}
	state.Digest = l.put(state.MediaType, func(w io.Writer) error { return ml.WriteSafetensors(w, nil, tensors) })
	var told map[string]any
	if err := json.Unmarshal(read(note.Digest), &told); err != nil {
		l.t.Fatal(err)
	}
	told["state"] = state.Digest
	if parent > 0 {
		told["parent"], told["parent_state"] = parent, parentState
	}
	told["rows"] = slices.DeleteFunc(told["rows"].([]any), func(r any) bool { return r.(map[string]any)["step"].(float64) <= float64(parent) })
	for _, r := range told["rows"].([]any) {
		r.(map[string]any)["value"] = 7
	}
	note.Digest = l.put(note.MediaType, func(w io.Writer) error { return json.NewEncoder(w).Encode(told) })
	e.Artifacts, e.Class = []cache.Artifact{note, state}, "another class"
	e.Ingredients, e.Provenance = copied(e.Ingredients), copied(e.Provenance)
	if _, err := l.store.Publish(context.Background(), e); err != nil {
		l.t.Fatal(err)
	}
	return state.Digest
}

// Who loses the race for a state goes on from the winner's, and ends as if it
// had found that one from the start, however far it got meanwhile.
func TestAnotherProcessIsFirst(t *testing.T) {
	text := study(20, "evaluate {\n every = 3\n}\ncheckpoint {\n every = 5\n}")
	states := newLab(t) // after 3 and 4 steps
	if err := states.run(study(20, "evaluate {\n every = 4\n}\ncheckpoint {\n every = 3\n}"), 4); !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text string
		at         int // the state that is lost
		behind     int // how many steps its publishing lags
		parent     int // of the winner's state, unknown here; 0 for one's own past
	}{
		{"at once", text, 5, 0, 0},
		{"an observation later", text, 5, 1, 0},
		{"by a process with other boundaries", text, 5, 1, 3},
		{"in the last state on the way", text, 15, 3, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			overtake := func(l *lab, after <-chan struct{}, then error) func(cache.Entry) error {
				return func(e cache.Entry) error {
					if step, ok := l.aState(e); !ok || step != tt.at {
						return nil
					}
					if tt.behind > 0 && after != nil {
						select {
						case <-after:
						case <-time.After(patience):
							t.Error("the trial waits for its state to be published")
						}
					}
					var state cache.Digest
					if tt.parent > 0 {
						for p := range states.store.Entries(context.Background(), pipeline.StateBlock, "lm") {
							if step, ok := states.aState(p); ok && step == tt.parent {
								state = l.rival(states, p, 0, state)
							}
						}
					}
					l.rival(l, e, tt.parent, state)
					return then
				}
			}
			straight, l, later := newLab(t), newLab(t), newLab(t)
			straight.must(tt.text, 20)

			l.meddle = overtake(l, l.passing(tt.at+tt.behind-1), nil)
			if err := l.run(tt.text, 0); err != nil {
				t.Fatal(err)
			}
			if l.computed < 20+tt.behind {
				t.Errorf("it computed %d steps, and none of the last %d again", l.computed, tt.behind)
			}

			crash := errors.New("crash")
			later.meddle = overtake(later, nil, crash)
			if err := later.run(tt.text, 0); !errors.Is(err, crash) {
				t.Fatalf("the run before: %v", err)
			}
			later.meddle = nil
			later.must(tt.text, 20-tt.at)

			l.same(later, tt.text)
			_, ours := l.result(tt.text)
			if _, alone := straight.result(tt.text); ours == alone {
				t.Error("the winner's state made no difference")
			}
		})
	}
}

// A stop waits for the state that is being written, and writes its own, unless
// another process was first.
func TestStopWhileAStateIsWritten(t *testing.T) {
	text := study(20, "evaluate {\n every = 6\n}\ncheckpoint {\n every = 5\n}")
	straight := newLab(t)
	straight.must(text, 20)
	for _, tt := range []struct {
		name  string
		rival bool
		left  []int // states, by steps
		then  int   // steps that remain
	}{{"alone", false, []int{5, 6}, 14}, {"another process is first", true, []int{5}, 15}} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			passed := l.passing(5)
			var writing atomic.Int32
			l.meddle = func(e cache.Entry) error {
				writing.Add(1)
				defer writing.Add(-1)
				if step, ok := l.aState(e); !ok || step != 5 {
					return nil
				}
				select {
				case <-passed:
				case <-time.After(patience):
					t.Error("the trial waits for its state to be published")
				}
				l.waits("stop")
				if tt.rival {
					l.rival(l, e, 0, cache.Digest{})
				}
				return nil
			}
			if err := l.run(text, 6); !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			if n := writing.Load(); n > 0 {
				t.Errorf("%d entries are still being written", n)
			}
			var steps []int
			for e := range l.store.Entries(context.Background(), pipeline.StateBlock, "lm") {
				if step, ok := l.aState(e); ok {
					steps = append(steps, step)
				}
			}
			if slices.Sort(steps); !slices.Equal(steps, tt.left) {
				t.Errorf("the stopped trial left the states %v, want %v", steps, tt.left)
			}
			l.meddle = nil
			l.must(text, tt.then)
			if !tt.rival {
				l.same(straight, text)
			}
		})
	}
}

// Whatever cannot be written fails the trial, and the next run heals it.
func TestWhatCannotBeWritten(t *testing.T) {
	text := study(20, "evaluate {\n every = 7\n}\ncheckpoint {\n every = 5\n}")
	straight := newLab(t)
	straight.must(text, 20)
	artifact := func(name string) func(*lab, cache.Entry) bool {
		return func(_ *lab, e cache.Entry) bool { _, ok := e.Artifact(name); return ok }
	}
	for _, tt := range []struct {
		name  string
		fails func(l *lab, e cache.Entry) bool
		nth   int
	}{
		{"the mark of a run", func(_ *lab, e cache.Entry) bool { return len(e.Artifacts) == 0 }, 1},
		{"the first state", artifact("state"), 1},
		{"the last state on the way", artifact("state"), 3},
		{"the final state", artifact("moments"), 1},
		{"an observation", artifact("rows"), 1},
		{"the last observation", artifact("rows"), 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, full, n := newLab(t), errors.New("no space"), 0
			l.meddle = func(e cache.Entry) error {
				if !tt.fails(l, e) {
					return nil
				}
				if n++; n < tt.nth {
					return nil
				}
				return full
			}
			if err := l.run(text, 0); !errors.Is(err, full) {
				t.Fatalf("the run ends with %v", err)
			}
			if s := l.plan(text); s.Status == planner.Hit {
				t.Error("the trial is cached all the same")
			}
			l.meddle = nil
			if err := l.run(text, 0); err != nil {
				t.Fatal(err)
			}
			l.same(straight, text)
		})
	}
}

// A trial whose state cannot be written does not train on to the next.
func TestFailureIsNoticedEarly(t *testing.T) {
	l, full := newLab(t), errors.New("no space")
	l.meddle = func(cache.Entry) error { return full }
	l.seen = func(p pipeline.Progress) {
		if p.Step == 800 {
			t.Error("it has gone to its end")
		}
	}
	if err := l.run(study(800, "evaluate {\n every = 800\n}\nprobe {\n every = 0\n}\ncheckpoint {\n every = 400\n}"), 0); !errors.Is(err, full) {
		t.Errorf("the run ends with %v", err)
	}
}

// A divergence is confirmed from the last state, also from one that is still
// being written when it comes.
func TestDivergenceWhileAStateIsWritten(t *testing.T) {
	diverging := func(every int) string {
		return strings.Replace(study(20, fmt.Sprintf("diverge_above = 5.6\nclip_norm = 0\ncheckpoint {\n every = %d\n}", every)),
			"learning_rate = 0.01", "learning_rate = 3", 1)
	}
	straight := newLab(t)
	if err := straight.run(diverging(1000), 0); err != nil {
		t.Fatal(err)
	}
	steps := straight.computed / 2
	l := newLab(t)
	l.meddle = func(e cache.Entry) error {
		if _, ok := l.aState(e); ok {
			l.waits("compute") // the diverging step is done
		}
		return nil
	}
	text := diverging(steps - 1)
	l.must(text, steps+1)
	l.same(straight, text)
}
