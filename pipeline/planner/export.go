package planner

import (
	"context"
	"fmt"
	"io"

	"ablate/cache"
	"ablate/pipeline"
)

// Export writes the result of a cached step.
func (p *Planner) Export(ctx context.Context, plan *Plan, s *Task, format string, create func(name string) (io.WriteCloser, error)) error {
	e, ok := s.node.Stage.(pipeline.Exporter)
	if !ok {
		return fmt.Errorf("%s has nothing to export", s.Address)
	}
	if err := s.Cached(); err != nil {
		return err
	}
	in, _, _ := p.inputs(plan, s)
	return e.Export(ctx, format, pipeline.Export{
		Address: s.Address, Inputs: in, Entry: s.Entry, Create: create,
		Read: func(d cache.Digest) ([]byte, error) { return cache.ReadAll(ctx, p.Store, d) },
	})
}
