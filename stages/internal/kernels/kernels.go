// Package kernels makes GoMLX's pure-Go backend fast at what training spends its
// time on: matrix products, element-wise arithmetic, norms and softmaxes,
// reductions, transposes and embeddings. Shapes and types that the kernels do not
// support are left to the backend.
//
// A graph is rewritten before it is compiled (package fuse), and groups of its
// nodes are translated (package lower) to what runs on slices (package simd).
// Package hook connects all of it to the backend, and refuses a version of GoMLX
// that it was not written for.
//
// Results do not depend on the number of cores. Arithmetic and transposes have the
// bits that the backend gives, except for the sign of zeros in gradients of slices.
// Matrix products and sums add in an order of their own, and vectorized functions are
// within three units in the last place; that is part of the numerics class. A term that a
// causal mask makes zero is not added: what is not finite reaches the positions that
// see it, and not those before it.
package kernels

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"ablate/stages/internal/kernels/fuse"
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/lower"
	"ablate/stages/internal/kernels/simd"
)

// version changes when results may.
const version = "7"

// Class returns the kernels' part of the numerics class. For programs with products of
// bfloat16 factors, processors that multiply such numbers are a class of their own.
func Class(half bool) string {
	switch {
	case install() != nil:
		return "none"
	case half && simd.Half() != nil:
		return version + "-fma-" + simd.Half().Name
	case simd.HasTiles:
		return version + "-fma"
	}
	return version
}

// Install returns the backend with the kernels. It returns an error if they were
// not written for this version of GoMLX; the backend then works without them, but
// is many times slower.
func Install(b compute.Backend) (compute.Backend, error) {
	if err := install(); err != nil {
		return nil, err
	}
	return backend{b}, nil
}

// install puts the kernels into the backend's tables, which all backends of the
// process share.
var install = sync.OnceValue(func() error {
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		return fmt.Errorf("checking the backend: %w", err)
	}
	defer b.Finalize()
	if err := hook.Check(b); err != nil {
		return err
	}
	override()
	return nil
})

// override replaces executors of the backend.
func override() {
	for op, wrap := range overrides {
		hook.Executors[op] = wrap(hook.Executors[op])
	}
	hook.Executors[hook.OpProduct] = product
	hook.Executors[hook.OpRound] = round
	hook.MultiExecutors[hook.OpFusion] = fusion
}

// overrides make the executor of an operation, given the backend's executor for
// what the kernels do not support.
var overrides = map[compute.OpType]func(hook.Executor) hook.Executor{
	compute.OpTypeTranspose:  transpose,
	compute.OpTypeReduceSum:  reduction(false),
	compute.OpTypeReduceMax:  reduction(true),
	compute.OpTypeGather:     gather,
	compute.OpTypeScatterSum: scatter,
}

// backend rewrites graphs when they are compiled. Fingerprints are taken of graphs
// as they were built.
type backend struct{ compute.Backend }

// Builder implements compute.Backend.
func (b backend) Builder(name string) compute.Builder { return builder{b.Backend.Builder(name)} }

type builder struct{ compute.Builder }

// Compile implements compute.Builder.
func (b builder) Compile() (compute.Executable, error) {
	if g, ok := fuse.NewGraph(hook.Main(b.Builder)); ok {
		rewrite(g)
		g.Schedule()
	}
	return b.Builder.Compile()
}

// rewrite replaces what the kernels compute.
func rewrite(g *fuse.Graph) {
	if simd.HasTiles {
		g.WidenHalf(simd.Half() != nil)
	}
	g.FoldConstants()
	g.AssembleConcats()
	triangles := g.Triangles()
	lower.Products(g, triangles)
	lower.Fusions(fuse.NewPartition(g), triangles)
	lower.Chains(g, runtime.GOMAXPROCS(0))
}
