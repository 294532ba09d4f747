package ml

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/cache"
)

// Fingerprint is the hash of what a program computes: operations, attributes,
// constants and shapes, and inputs by their role. It does not change with the
// names of Go variables, comments, the order of statements or dead code. The
// graph is built over the pure-Go backend's shapes but neither compiled nor
// run, with every fused operation hidden, so that all backends agree on it.
func Fingerprint(p Program) (cache.Digest, error) {
	return FingerprintOver(gobackend.GetBackend(), p)
}

// FingerprintOver is Fingerprint with the shapes and capabilities of any
// backend, which must not change it. Tests hold backends against each other by
// it.
func FingerprintOver(over compute.Backend, p Program) (cache.Digest, error) {
	var root cache.Digest
	g, err := build(recordingBackend{over, &root}, p)
	if err != nil {
		return cache.Digest{}, err
	}
	g.Finalize()
	return root, nil
}

// build makes the graph of a program. Graph-building code panics on mistakes;
// here, and only here, that becomes an error.
func build(b compute.Backend, p Program) (g *graph.Graph, err error) {
	defer func() {
		r := recover()
		switch cause, isErr := r.(error); {
		case r == nil:
		case isErr:
			g, err = nil, fmt.Errorf("building %s: %s", p.Name, firstLine(cause.Error()))
		default:
			g, err = nil, fmt.Errorf("building %s: %v", p.Name, r)
		}
	}()
	g = graph.NewGraph(b, p.Name)
	in := make([]*graph.Node, len(p.Inputs))
	for i, input := range p.Inputs {
		in[i] = graph.Parameter(g, input.Name, shapes.Make(input.DType, input.Shape...))
	}
	out := p.Build(in)
	if len(out) == 0 {
		return nil, errors.New("building " + p.Name + ": it has no outputs")
	}
	if err := g.Compile(out...); err != nil {
		return nil, fmt.Errorf("compiling %s: %w", p.Name, err)
	}
	return g, nil
}

func firstLine(s string) string {
	for i, c := range s {
		if c == '\n' {
			return s[:i]
		}
	}
	return s
}
