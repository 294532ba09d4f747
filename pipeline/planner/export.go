package planner

import (
	"context"
	"fmt"
	"io"

	"ablate/cache"
	"ablate/pipeline"
)

// Export writes the result of a cached task in a format.
func (p *Planner) Export(ctx context.Context, plan *Plan, t *Task, format string, create func(name string) (io.WriteCloser, error)) error {
	e, ok := t.node.Stage.(pipeline.Exporter)
	if !ok {
		return fmt.Errorf("%s has nothing to export", t.Address)
	}
	if err := t.Cached(); err != nil {
		return err
	}
	in, _, _ := p.inputs(plan, t)
	return e.Export(ctx, format, pipeline.Export{
		Address: t.Address, Inputs: in, Entry: t.Entry(), Create: create,
		Read: func(d cache.Digest) ([]byte, error) { return cache.ReadAll(ctx, p.Store, d) },
		Open: func(d cache.Digest) (io.ReadCloser, error) { return p.Store.Open(ctx, d) },
	})
}
