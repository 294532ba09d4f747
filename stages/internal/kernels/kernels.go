// Package kernels gives GoMLX's pure-Go backend faster ways to do what training
// spends its time on: matrix products, element-wise arithmetic with broadcasting,
// transposes, sums and maxima along axes, rows of tables, exponentials. Shapes and dtypes that it does not
// know go to the backend's own code.
//
// The backend has a table of executors by operation, with a priority for "user
// overrides", but exports no way into it; so the table is reached by its linker
// symbol, and the few structs that executors see are declared here again.
// Before anything is replaced, Install compares these declarations with the
// backend's own by reflection, and leaves the backend alone when they differ: a
// new version of the library can make training slower, never wrong.
//
// Graphs are rewritten for them before they are compiled: matrix products read
// their factors and write their results as they lie; element-wise operations and
// sums along rows that feed each other are computed together, a block of rows at
// a time; what depends on no input is computed once.
//
// Results do not depend on the number of cores. Arithmetic and transposes have the
// bits that the backend's own code gives. Matrix products and sums along rows add
// in an order of their own, and exponentials are within two units in the last
// place; that is part of the numerics class.
package kernels

import (
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// version changes when results may.
const version = "4"

// Class is the kernels' part of the numerics class.
func Class() string {
	if hasTiles {
		return version + "-fma"
	}
	return version
}

// borrowed are operations of the enumeration that the backend has no executor
// for, and that stand for ours.
var borrowed = []compute.OpType{opProduct, opGroup, opPieces}

var (
	install   sync.Once
	installed bool
)

// Install puts the kernels into the backend's table, once in a process, if its
// structs are as declared here, and returns the backend with graphs rewritten
// for them.
func Install(backend compute.Backend) compute.Backend {
	install.Do(func() {
		if installed = fits(backend, borrowed...) == nil; installed {
			replaceExecutors()
		}
	})
	if !installed {
		return backend
	}
	return optimizing{backend}
}

func replaceExecutors() {
	for op, wrap := range table {
		nodeExecutors[op] = wrap(nodeExecutors[op])
	}
	nodeExecutors[opProduct] = execProduct
	multiExecutors[opGroup] = execProgram
}

// table makes the executor of an operation, given the one to fall back on.
var table = map[compute.OpType]func(executor) executor{
	compute.OpTypeTranspose:  transposing,
	compute.OpTypeReduceSum:  reducing(false),
	compute.OpTypeReduceMax:  reducing(true),
	compute.OpTypeGather:     gathering,
	compute.OpTypeScatterSum: scattering,
}

// floats returns a buffer's numbers, if they are float32.
func floats(b *buffer) ([]float32, bool) {
	if b == nil || b.RawShape.DType != dtypes.Float32 {
		return nil, false
	}
	x, ok := b.Flat.([]float32)
	return x, ok
}
