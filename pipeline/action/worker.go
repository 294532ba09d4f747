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
	made, mixed, err := w.run(ctx, a)
	if err != nil {
		return cache.Entry{}, err
	}
	return w.publish(ctx, a, made, mixed, started)
}

// run runs the stage and checks that it made what it promised. mixed names the
// other numerics classes that the result depends on.
func (w *Worker) run(ctx context.Context, a *Action) (made []cache.Artifact, mixed string, err error) {
	out := &outputs{ctx: ctx, store: w.Store, promised: a.recipe.Outputs}
	defer out.abort()
	s, others := a.subject, make(map[string]bool)
	env := &pipeline.Env{
		Address: s.Address, Key: a.key, Inputs: s.Inputs, Log: w.Log, Threads: w.Threads, Trace: w.Trace, Kept: w.Kept,
		Open:     func(d cache.Digest) (io.ReadCloser, error) { return w.Store.Open(ctx, d) },
		Map:      func(d cache.Digest) (*cache.Mapped, error) { return w.Store.Map(ctx, d) },
		Create:   out.create,
		Progress: w.Progress,
		Warn:     func(text string) { w.Progress(pipeline.Progress{Warning: text}) },
		Mixed:    func(class string) { others[class] = true },
		States:   &stateStore{store: w.Store, kind: s.Kind.Kind, class: ClassOf(s.Spec), address: s.Address, host: w.Host, clock: w.Clock},
	}
	if err := s.Spec.Run(ctx, env); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, "", cause
		}
		return nil, "", err
	}
	made, err = out.finish()
	return made, strings.Join(slices.Sorted(maps.Keys(others)), ", "), err
}

func (w *Worker) publish(ctx context.Context, a *Action, made []cache.Artifact, mixed string, started time.Time) (cache.Entry, error) {
	doc, err := cache.WriteJSON(ctx, w.Store, document(a.ingredients, a.Notes(), a.subject.Address, a.subject.Inputs.Study.Name))
	if err != nil {
		return cache.Entry{}, fmt.Errorf("storing the ingredients: %w", err)
	}
	finished := w.Clock()
	class := ClassOf(a.subject.Spec)
	if mixed != "" {
		class += " after " + mixed
	}
	prov, err := cache.WriteJSON(ctx, w.Store, Provenance{
		Address: a.subject.Address, Host: w.Host, Class: class, Threads: w.Threads,
		Started: started.UTC(), Finished: finished.UTC(), Seconds: finished.Sub(started).Seconds(),
	})
	if err != nil {
		return cache.Entry{}, fmt.Errorf("storing the provenance: %w", err)
	}
	entry := cache.Entry{
		Key: a.key, Block: a.subject.Kind.Block, Type: a.subject.Kind.Type, Artifacts: made,
		Ingredients: doc, Provenance: prov, Class: class, Created: finished.UTC(),
	}
	entry, err = w.Store.Publish(ctx, entry)
	if err != nil {
		return cache.Entry{}, fmt.Errorf("publishing the entry: %w", err)
	}
	return entry, nil
}
