package pipeline

import (
	"context"
	"fmt"
	"io"

	"ablate/cache"
	"ablate/hcl/addr"
)

// Exporter is a stage whose result can be written for other programs.
type Exporter interface {
	// Export writes an entry in a format, as one or several files.
	Export(ctx context.Context, format string, x Export) error
}

// Export is what an Exporter works with.
type Export struct {
	Address addr.Instance
	Inputs  Inputs
	Entry   cache.Entry
	Read    func(d cache.Digest) ([]byte, error)
	Create  func(name string) (io.WriteCloser, error)
}

// Export writes the result of a cached step.
func (p *Planner) Export(ctx context.Context, plan *Plan, s *Step, format string, create func(name string) (io.WriteCloser, error)) error {
	e, ok := s.Node.Stage.(Exporter)
	if !ok {
		return fmt.Errorf("%s has nothing to export", s.Address)
	}
	if err := s.Cached(); err != nil {
		return err
	}
	in, _, _ := p.Inputs(plan, s)
	return e.Export(ctx, format, Export{
		Address: s.Address, Inputs: in, Entry: s.Entry, Create: create,
		Read: func(d cache.Digest) ([]byte, error) { return cache.ReadAll(ctx, p.Store, d) },
	})
}
