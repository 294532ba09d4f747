package ui_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/ui"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
	"ablate/stages/record"
)

// lab is a store in which a test plays the part of runs.
type lab struct {
	t       testing.TB
	store   *cache.Local
	journal *run.Journal
}

// A name that would be markup, if a page took names for markup.
const rudeNorm = `<b>derf</b> 🦊`

func newLab(t testing.TB) *lab {
	t.Helper()
	store, err := cache.Open(fsys.NewOS(), filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return &lab{t: t, store: store}
}

// begin starts a run of the study "lab".
func (l *lab) begin() {
	l.t.Helper()
	l.beginWith(nil)
}

// beginWith starts a run that recorded what it planned.
func (l *lab) beginWith(plan *run.Outline) {
	l.t.Helper()
	j, err := run.NewJournal(l.store.RunDir(), "lab", "/home/lab", plan, time.Now())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { j.Close() })
	l.journal = j
}

// trial is the address of a trial.
func trial(norm string, seed int) addr.Instance {
	return addr.Instance{Stage: addr.Stage{Block: "train", Type: "lm", Name: "main"}, Key: addr.Key([]*addr.Factor{
		{Name: "norm", Level: addr.Level{Kind: "string", Text: norm}},
		{Name: "seed", Level: addr.Level{Kind: "number", Text: fmt.Sprint(seed)}},
	})}
}

func keyOf(a addr.Instance) cache.Key { return cache.String(a.String()).Key("test") }

// tell records an event of a trial.
func (l *lab) tell(typ run.EventType, of addr.Instance, change func(*run.Event)) {
	e := run.Event{Type: typ, Time: time.Now(), Address: of, Key: keyOf(of), Block: "train", Role: pipeline.Trial}
	if change != nil {
		change(&e)
	}
	l.journal.Observe(e)
}

func (l *lab) progress(of addr.Instance, step, steps int, loss float64) {
	l.tell(run.StageProgress, of, func(e *run.Event) {
		// Runs record one report a second; a test does not wait for it.
		e.Time = e.Time.Add(time.Duration(step) * time.Second)
		e.Progress = pipeline.Progress{Step: step, Steps: steps, Metrics: map[string]float64{"loss": loss, "tokens_per_second": 9000}}
	})
}

// finish publishes the rows of a trial.
func (l *lab) finish(of addr.Instance, losses ...float64) {
	l.t.Helper()
	l.publish(of, losses...)
	l.tell(run.StageDone, of, func(e *run.Event) { e.Elapsed = time.Minute })
}

// diverge publishes the rows of a trial that diverged at its last step.
func (l *lab) diverge(of addr.Instance, losses ...float64) {
	l.t.Helper()
	l.publishRows(of, []record.Row{{Step: len(losses), Name: record.Diverged, Value: 1}}, losses...)
	l.tell(run.StageDone, of, func(e *run.Event) { e.Elapsed = time.Minute })
}

func (l *lab) publish(of addr.Instance, losses ...float64) {
	l.t.Helper()
	l.publishRows(of, nil, losses...)
}

func (l *lab) publishRows(of addr.Instance, further []record.Row, losses ...float64) {
	l.t.Helper()
	rows := further
	for i, v := range losses {
		rows = append(rows, record.Row{Step: i + 1, Name: "train_loss", Value: v})
	}
	rows = append(rows, record.Row{Step: len(losses), Name: "val_loss", Value: losses[len(losses)-1] + 0.5})
	ctx := l.t.Context()
	w, err := l.store.Create(ctx, record.MetricsType)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := record.Write(w, slices.Values(rows)); err != nil {
		l.t.Fatal(err)
	}
	digest, size, err := w.Commit()
	if err != nil {
		l.t.Fatal(err)
	}
	blob, err := cache.WriteJSON(ctx, l.store, "a document")
	if err != nil {
		l.t.Fatal(err)
	}
	_, err = l.store.Publish(ctx, cache.Entry{Key: keyOf(of), Block: "train", Type: "lm", Ingredients: blob, Provenance: blob,
		Artifacts: []cache.Artifact{{Name: record.Metrics, MediaType: record.MetricsType, Digest: digest, Size: size}}})
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) fail(of addr.Instance, text string) {
	l.tell(run.StageFailed, of, func(e *run.Event) { e.Err = errors.New(text) })
}

// serve starts a server, and returns it with what stops it.
func (l *lab) serve(o ui.Options) (*ui.Server, func()) {
	l.t.Helper()
	o.Store = l.store
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	s, err := ui.New(o)
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(l.t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := s.Serve(ctx); err != nil {
			l.t.Error(err)
		}
	})
	stop := func() {
		cancel()
		done.Wait()
	}
	l.t.Cleanup(stop)
	return s, stop
}

// plan plans two norms and two seeds.
func (l *lab) plan(ctx context.Context) (ui.Planned, error) {
	p := ui.Planned{Name: "lab", Dir: "/home/lab", Description: "A study of norms", Replicate: "seed",
		Graph: `<svg xmlns="http://www.w3.org/2000/svg"><style>rect{fill:red}</style><text y="9">train</text></svg>`}
	for _, norm := range []string{"rms", rudeNorm} {
		for seed := range 2 {
			a := trial(norm, seed)
			i := ui.Instance{
				Address: a.String(), Block: "train", Trial: true, Key: keyOf(a), Status: planner.Run, Reason: "no similar result is cached",
				Factors: []ui.Factor{{Name: "norm", Level: a.Key[5:strings.LastIndex(a.Key, ",")], Label: norm}, {Name: "seed", Level: fmt.Sprint(seed)}},
			}
			found, err := l.store.Lookup(ctx, i.Key)
			if err != nil {
				return p, err
			}
			if found[0].OK {
				i.Status, i.Reason = planner.Hit, "cached"
			}
			p.Instances = append(p.Instances, i)
		}
	}
	return p, nil
}
