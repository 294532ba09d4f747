package ml

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Exec is a compiled program. It is used by one goroutine at a time.
type Exec struct {
	program Program
	backend compute.Backend
	graph   *graph.Graph
}

// Compile builds and compiles a program for a backend.
func Compile(b compute.Backend, p Program) (*Exec, error) {
	in := b
	if placer, ok := b.(InPlacer); ok && p.InPlace > 0 {
		in = placer.InPlace(p.InPlace)
	}
	g, err := build(in, p)
	if err != nil {
		return nil, &DeviceError{err}
	}
	return &Exec{program: p, backend: b, graph: g}, nil
}

// Run executes the program on buffers of its backend, in the order of its
// inputs. Donated buffers are gone afterwards, and their memory may serve the
// outputs; donate may be nil for none.
func (e *Exec) Run(in []compute.Buffer, donate []bool) ([]compute.Buffer, error) {
	if len(in) != len(e.program.Inputs) {
		panic(fmt.Sprintf("ml: %s takes %d inputs, not %d", e.program.Name, len(e.program.Inputs), len(in)))
	}
	if donate == nil {
		donate = make([]bool, len(in))
	}
	out, err := e.graph.Executable().Execute(in, donate, 0)
	if err != nil {
		return nil, &DeviceError{fmt.Errorf("running %s: %w", e.program.Name, err)}
	}
	return out, nil
}

// Executable is the program as the backend has it.
func (e *Exec) Executable() compute.Executable { return e.graph.Executable() }

// Finalize frees the program.
func (e *Exec) Finalize() { e.graph.Finalize() }

// NewBuffer copies values to a backend. The element type decides the dtype.
func NewBuffer[T float32 | int32 | uint32](b compute.Backend, shape []int, values []T) (compute.Buffer, error) {
	buf, err := b.BufferFromFlatData(0, values, shapes.Make(dtypes.FromGenericsType[T](), shape...))
	if err != nil {
		return nil, &DeviceError{fmt.Errorf("copying %v values to the backend: %w", shape, err)}
	}
	return buf, nil
}

// Float32s copies a buffer's values back.
func Float32s(buf compute.Buffer) ([]float32, error) {
	shape, err := buf.Shape()
	if err != nil {
		return nil, &DeviceError{fmt.Errorf("reading a buffer: %w", err)}
	}
	out := make([]float32, shape.Size())
	if err := buf.ToFlatData(out); err != nil {
		return nil, &DeviceError{fmt.Errorf("reading a buffer of shape %s: %w", shape, err)}
	}
	return out, nil
}

// Inputs lists the program's inputs, in order.
func (e *Exec) Inputs() []Input { return e.program.Inputs }
