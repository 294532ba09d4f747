package action

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"ablate/cache"
	"ablate/pipeline"
)

// Worker computes actions and publishes their entries. It runs in the coordinator,
// for light instances, and in child processes.
type Worker struct {
	Store    cache.Store
	Host     Host
	Threads  int
	Trace    bool
	Log      *slog.Logger
	Progress func(pipeline.Progress)
	Clock    func() time.Time
	Kept     *pipeline.Kept // what the process keeps from one action to the next; nil keeps nothing
}

// Compute runs the stage and publishes what it made. It returns the entry that the
// store holds afterwards, which is another worker's where that one was first.
func (w *Worker) Compute(ctx context.Context, a *Action) (cache.Entry, error) {
	started := w.Clock()
	states := &stateStore{store: w.Store, kind: a.subject.Kind.Kind, class: ClassOf(a.subject.Spec), address: a.subject.Address, host: w.Host, clock: w.Clock, started: started}
	r, err := w.run(ctx, a, states)
	if err != nil {
		return cache.Entry{}, err
	}
	return w.publish(ctx, a, r, states)
}

// result is what running a stage came to.
type result struct {
	made  []cache.Artifact
	mixed string  // the other numerics classes that it depends on
	share float64 // of the work, that was computed
}

// run runs the stage and checks that it made what it promised.
func (w *Worker) run(ctx context.Context, a *Action, states *stateStore) (r result, err error) {
	r.share = 1
	out := &outputs{ctx: ctx, store: w.Store, promised: a.recipe.Outputs}
	defer out.abort()
	s, others := a.subject, make(map[string]bool)
	env := &pipeline.Env{
		Address: s.Address, Key: a.key, Inputs: s.Inputs, Log: w.Log, Threads: w.Threads, Trace: w.Trace, Kept: w.Kept,
		Open: func(d cache.Digest) (io.ReadCloser, error) {
			if ctx.Err() != nil { // stages that read thousands of inputs stop here
				return nil, context.Cause(ctx)
			}
			return w.Store.Open(ctx, d)
		},
		Map:      func(d cache.Digest) (*cache.Mapped, error) { return w.Store.Map(ctx, d) },
		Create:   out.create,
		Progress: w.Progress,
		Warn:     func(text string) { w.Progress(pipeline.Progress{Warning: text}) },
		Mixed:    func(class string) { others[class] = true },
		Computed: func(share float64) { r.share = share },
		Resumes:  func(e cache.Entry) { states.resume(ctx, e) },
		States:   states,
	}
	if err := s.Spec.Run(ctx, env); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return r, cause
		}
		return r, err
	}
	r.made, err = out.finish()
	r.mixed = strings.Join(slices.Sorted(maps.Keys(others)), ", ")
	return r, err
}

func (w *Worker) publish(ctx context.Context, a *Action, r result, states *stateStore) (cache.Entry, error) {
	doc, err := cache.WriteJSON(ctx, w.Store, document(a.ingredients, a.Notes(), a.subject.Address, a.subject.Inputs.Study.Name))
	if err != nil {
		return cache.Entry{}, fmt.Errorf("storing the ingredients: %w", err)
	}
	finished := w.Clock()
	class := states.class
	if r.mixed != "" {
		class += " after " + r.mixed
	}
	var work *Work
	if all, ok := a.Work(); ok && r.share > 0 {
		work = &Work{FLOPs: all.FLOPs() * r.share, PerToken: all.FLOPsPerToken}
	}
	prov, err := cache.WriteJSON(ctx, w.Store, Provenance{
		Address: a.subject.Address, Host: w.Host, Class: class, Threads: w.Threads,
		Started: states.started.UTC(), Finished: finished.UTC(), Seconds: states.seconds(finished), Work: work,
	})
	if err != nil {
		return cache.Entry{}, fmt.Errorf("storing the provenance: %w", err)
	}
	entry := cache.Entry{
		Key: a.key, Block: a.subject.Kind.Block, Type: a.subject.Kind.Type, Artifacts: r.made,
		Ingredients: doc, Provenance: prov, Class: class, Created: finished.UTC(),
	}
	entry, err = w.Store.Publish(ctx, entry)
	if err != nil {
		return cache.Entry{}, fmt.Errorf("publishing the entry: %w", err)
	}
	return entry, nil
}
