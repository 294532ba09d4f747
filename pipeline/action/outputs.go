package action

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"ablate/cache"
	"ablate/pipeline"
)

// outputs collects the artifacts that a stage creates. Not safe for concurrent use.
type outputs struct {
	ctx      context.Context
	store    cache.Store
	promised []pipeline.Output
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
	i := slices.IndexFunc(o.promised, func(p pipeline.Output) bool { return p.Name == name })
	if i < 0 {
		panic("action: the stage creates " + name + ", which it did not promise")
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
	i := slices.IndexFunc(w.to.promised, func(p pipeline.Output) bool { return p.Name == w.name })
	w.to.made = append(w.to.made, cache.Artifact{
		Name: w.name, MediaType: w.to.promised[i].MediaType, Digest: digest, Size: size, Retention: w.to.promised[i].Retention,
	})
	return nil
}

// finish returns the artifacts sorted by name. It fails where one that was promised
// is missing.
func (o *outputs) finish() ([]cache.Artifact, error) {
	slices.SortFunc(o.made, func(a, b cache.Artifact) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range o.promised {
		if !p.Optional && !slices.ContainsFunc(o.made, func(a cache.Artifact) bool { return a.Name == p.Name }) {
			return nil, fmt.Errorf("the stage ended without making its output %q", p.Name)
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
