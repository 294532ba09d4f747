package pipeline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ablate/cache"
	"ablate/hcl/addr"
)

// ActionRun computes one instance and publishes its entry. The same code runs
// in the coordinator, for light instances, and in a child process.
type ActionRun struct {
	Address addr.Instance
	Kind    Kind
	Stage   Stage
	Inputs  Inputs
	Strict  bool        // the numerics class is part of the key
	Key     cache.Key   // as planned
	Frozen  cache.Value // the ingredients as planned
	Threads int
	Trace   bool
	Host    Host

	Store    cache.Store
	Log      *slog.Logger
	Progress func(Progress)
	Clock    func() time.Time

	mixed string // another numerics class that the result rests on
}

// Do recomputes the key with its own code, runs the stage, and publishes. It
// returns the entry that the store holds afterwards.
func (a *ActionRun) Do(ctx context.Context) (cache.Entry, error) {
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
func (a *ActionRun) check() (Recipe, error) {
	recipe, err := a.Stage.Describe(a.Inputs)
	if err != nil {
		return Recipe{}, err
	}
	ref := NewRef(a.Kind, newEncoder(a.Kind.New()).encode(a.Stage))
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
	return Recipe{}, fmt.Errorf("%s changed between planning and running (%s): plan and run again",
		a.Address, strings.Join(fields, ", "))
}

func ClassOf(s Stage) string {
	if c, ok := s.(Classed); ok {
		return c.NumericsClass()
	}
	return ""
}

// run executes the stage and checks that it made what it promised.
func (a *ActionRun) run(ctx context.Context, recipe Recipe) ([]cache.Artifact, error) {
	out := &outputs{ctx: ctx, store: a.Store, promised: recipe.Outputs}
	defer out.abort()
	class := ClassOf(a.Stage)
	env := &Env{
		Address: a.Address, Key: a.Key, Inputs: a.Inputs, Log: a.Log, Threads: a.Threads, Trace: a.Trace,
		Open:     func(d cache.Digest) (io.ReadCloser, error) { return a.Store.Open(ctx, d) },
		Map:      func(d cache.Digest) (*cache.Mapped, error) { return a.Store.Map(ctx, d) },
		Create:   out.create,
		Progress: a.Progress,
		Warn:     func(text string) { a.Progress(Progress{Warning: text}) },
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

func (a *ActionRun) publish(ctx context.Context, r Recipe, made []cache.Artifact, started time.Time) (cache.Entry, error) {
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

// outputs are the artifacts that a stage creates. Used by one goroutine.
type outputs struct {
	ctx      context.Context
	store    cache.Store
	promised []Output
	made     []cache.Artifact
	open     []*outputWriter
}

type outputWriter struct {
	cache.Writer
	name string
	to   *outputs
	done bool
}

func (o *outputs) create(name string) (io.WriteCloser, error) {
	i := slices.IndexFunc(o.promised, func(p Output) bool { return p.Name == name })
	if i < 0 {
		panic("pipeline: stage creates " + name + ", which it did not promise")
	}
	w, err := o.store.Create(o.ctx, o.promised[i].MediaType)
	if err != nil {
		return nil, err
	}
	ow := &outputWriter{Writer: w, name: name, to: o}
	o.open = append(o.open, ow)
	return ow, nil
}

// Close commits the blob.
func (w *outputWriter) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	digest, size, err := w.Commit()
	if err != nil {
		return fmt.Errorf("storing %s: %w", w.name, err)
	}
	i := slices.IndexFunc(w.to.promised, func(p Output) bool { return p.Name == w.name })
	w.to.made = append(w.to.made, cache.Artifact{
		Name: w.name, MediaType: w.to.promised[i].MediaType, Digest: digest, Size: size,
	})
	return nil
}

// finish returns the artifacts sorted by name; a promised one that is missing
// is a bug of the stage.
func (o *outputs) finish() ([]cache.Artifact, error) {
	slices.SortFunc(o.made, func(a, b cache.Artifact) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range o.promised {
		if !p.Optional && !slices.ContainsFunc(o.made, func(a cache.Artifact) bool { return a.Name == p.Name }) {
			return nil, fmt.Errorf("the stage ended without its output %q", p.Name)
		}
	}
	return o.made, nil
}

func (o *outputs) abort() {
	for _, w := range o.open {
		if !w.done {
			w.Abort()
		}
	}
}
