package action

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
)

// ActionRun computes one instance and publishes its entry. The same code runs
// in the coordinator, for light instances, and in a child process.
type Execution struct {
	Address addr.Instance
	Kind    pipeline.Kind
	Stage   pipeline.Stage
	Inputs  pipeline.Inputs
	Strict  bool        // the numerics class is part of the key
	Key     cache.Key   // as planned
	Frozen  cache.Value // the ingredients as planned
	Threads int
	Trace   bool
	Host    Host

	Store    cache.Store
	Log      *slog.Logger
	Progress func(pipeline.Progress)
	Clock    func() time.Time

	mixed string // another numerics class that the result rests on
}

// Do recomputes the key with its own code, runs the stage, and publishes. It
// returns the entry that the store holds afterwards.
func (a *Execution) Do(ctx context.Context) (cache.Entry, error) {
	recipe, err := a.check()
	if err != nil {
		return cache.Entry{}, err
	}
	started := a.Clock()
	outputs, err := a.run(ctx, recipe)
	if err != nil {
		return cache.Entry{}, err
	}
	return a.publish(ctx, recipe, outputs, started)
}

// check refuses to compute under a key that this program would not give.
func (a *Execution) check() (pipeline.Recipe, error) {
	recipe, err := a.Stage.Describe(a.Inputs)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	ref := pipeline.NewRef(a.Kind, newEncoder(a.Kind.New()).encode(a.Stage))
	class := ""
	if a.Strict {
		class = ClassOf(a.Stage)
	}
	mine := Ingredients(ref, recipe, class, len(a.Inputs.Absent))
	if mine.Key(KeyDomain) == a.Key {
		return recipe, nil
	}
	var fields []string
	for _, d := range cache.Diff(a.Frozen, mine) {
		fields = append(fields, strings.Join(d.Path, "."))
	}
	return pipeline.Recipe{}, fmt.Errorf("%s changed between planning and running (%s): plan and run again",
		a.Address, strings.Join(fields, ", "))
}

func ClassOf(s pipeline.Stage) string {
	if c, ok := s.(pipeline.Classed); ok {
		return c.NumericsClass()
	}
	return ""
}

// run executes the stage and checks that it made what it promised.
func (a *Execution) run(ctx context.Context, recipe pipeline.Recipe) ([]cache.Artifact, error) {
	out := &outputs{ctx: ctx, store: a.Store, promised: recipe.Outputs}
	defer out.abort()
	class := ClassOf(a.Stage)
	env := &pipeline.Env{
		Address: a.Address, Key: a.Key, Inputs: a.Inputs, Log: a.Log, Threads: a.Threads, Trace: a.Trace,
		Open:     func(d cache.Digest) (io.ReadCloser, error) { return a.Store.Open(ctx, d) },
		Map:      func(d cache.Digest) (*cache.Mapped, error) { return a.Store.Map(ctx, d) },
		Create:   out.create,
		Progress: a.Progress,
		Warn:     func(text string) { a.Progress(pipeline.Progress{Warning: text}) },
		Mixed:    func(class string) { a.mixed = class },
		States:   &stateStore{store: a.Store, kind: a.Kind, class: class, address: a.Address, host: a.Host, clock: a.Clock},
	}
	if a.Strict {
		env.Inputs.Class = class
	}
	if err := a.Stage.Run(ctx, env); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	return out.finish()
}

func (a *Execution) publish(ctx context.Context, r pipeline.Recipe, made []cache.Artifact, started time.Time) (cache.Entry, error) {
	doc, err := cache.WriteJSON(ctx, a.Store, document(a.Frozen, r.Notes, a.Address))
	if err != nil {
		return cache.Entry{}, fmt.Errorf("storing the ingredients: %w", err)
	}
	finished := a.Clock()
	class := ClassOf(a.Stage)
	if a.mixed != "" {
		class += " after " + a.mixed
	}
	prov, err := cache.WriteJSON(ctx, a.Store, Provenance{
		Address: a.Address, Host: a.Host, Class: class, Threads: a.Threads,
		Started: started.UTC(), Finished: finished.UTC(), Seconds: finished.Sub(started).Seconds(),
	})
	if err != nil {
		return cache.Entry{}, fmt.Errorf("storing the provenance: %w", err)
	}
	entry := cache.Entry{
		Key: a.Key, Block: a.Kind.Block, Type: a.Kind.Type, Artifacts: made,
		Ingredients: doc, Provenance: prov, Class: class, Created: finished.UTC(),
	}
	entry, err = a.Store.Publish(ctx, entry)
	if err != nil {
		return cache.Entry{}, fmt.Errorf("publishing the entry: %w", err)
	}
	return entry, nil
}
