package ml

import (
	"fmt"
	"reflect"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"

	"ablate/cache"
)

// Rehearsal is a machine that computes nothing. Programs are built on it, so that
// their inputs and outputs have names and shapes, and are neither compiled nor
// run. Every execution is shown to Answer, which makes up the outputs.
type Rehearsal struct {
	Answer func(program string, in []RehearsalInput, out []shapes.Shape) []RehearsalOutput
}

// RehearsalInput is an argument of an execution: values that came from the host,
// or the output of an earlier execution.
type RehearsalInput struct {
	Name   string // of the program's parameter
	Shape  shapes.Shape
	Flat   any    // a copy of the host's values; nil for an output
	Output string // of an output: its name, as Answer gave it
}

// RehearsalOutput is what Answer makes up for one output.
type RehearsalOutput struct {
	Name   string
	Values []float32
}

// Backend returns the rehearsal as a backend.
func (r *Rehearsal) Backend() compute.Backend { return rehearsalBackend{gobackend.GetBackend(), r} }

type rehearsalBackend struct {
	compute.Backend
	rehearsal *Rehearsal
}

// Capabilities implements compute.Backend.
func (b rehearsalBackend) Capabilities() compute.Capabilities {
	return recordingBackend{b.Backend, nil}.Capabilities()
}

// Builder implements compute.Backend.
func (b rehearsalBackend) Builder(name string) compute.Builder {
	e := &rehearsalExecutable{program: name, rehearsal: b.rehearsal}
	inner := recordingBackend{b.Backend, new(cache.Digest)}.Builder(name).(*recordingBuilder)
	inner.parameter = func(name string) { e.inputs = append(e.inputs, name) }
	inner.returned = func(vs []compute.Value) error {
		for _, v := range vs {
			s, err := inner.Builder.OpShape(v)
			if err != nil {
				return err
			}
			e.outputs = append(e.outputs, s)
		}
		return nil
	}
	return &rehearsalBuilder{inner, e}
}

// BufferFromFlatData implements compute.Backend.
func (b rehearsalBackend) BufferFromFlatData(_ compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	v := reflect.ValueOf(flat)
	if v.Len() != shape.Size() {
		return nil, fmt.Errorf("%d values for the shape %s", v.Len(), shape)
	}
	copied := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	reflect.Copy(copied, v)
	return &rehearsalBuffer{shape: shape, flat: copied.Interface()}, nil
}

type rehearsalBuilder struct {
	*recordingBuilder
	executable *rehearsalExecutable
}

// Compile implements compute.Builder.
func (b *rehearsalBuilder) Compile() (compute.Executable, error) { return b.executable, nil }

type rehearsalExecutable struct {
	compute.Executable
	rehearsal *Rehearsal
	program   string
	inputs    []string
	outputs   []shapes.Shape
}

// Finalize implements compute.Executable.
func (*rehearsalExecutable) Finalize() {}

// Execute implements compute.Executable. As a real backend may, it takes donated
// buffers away.
func (e *rehearsalExecutable) Execute(in []compute.Buffer, donate []bool, _ compute.DeviceNum) ([]compute.Buffer, error) {
	if len(in) != len(e.inputs) {
		return nil, fmt.Errorf("%s got %d arguments for %d parameters", e.program, len(in), len(e.inputs))
	}
	args := make([]RehearsalInput, len(in))
	for i, b := range in {
		x := b.(*rehearsalBuffer)
		if x.gone {
			return nil, fmt.Errorf("%s got a buffer that is gone as %s", e.program, e.inputs[i])
		}
		args[i] = RehearsalInput{Name: e.inputs[i], Shape: x.shape, Flat: x.flat, Output: x.output}
		x.gone = donate != nil && donate[i]
	}
	answers := e.rehearsal.Answer(e.program, args, e.outputs)
	out := make([]compute.Buffer, len(e.outputs))
	for i, o := range answers {
		out[i] = &rehearsalBuffer{shape: e.outputs[i], output: o.Name, values: o.Values}
	}
	return out, nil
}

// rehearsalBuffer holds the host's values, or what Answer made up.
type rehearsalBuffer struct {
	compute.Buffer
	shape  shapes.Shape
	flat   any
	output string
	values []float32
	gone   bool
}

// Finalize implements compute.Buffer.
func (b *rehearsalBuffer) Finalize() error { b.gone = true; return nil }

// Shape implements compute.Buffer.
func (b *rehearsalBuffer) Shape() (shapes.Shape, error) { return b.shape, nil }

// ToFlatData implements compute.Buffer.
func (b *rehearsalBuffer) ToFlatData(flat any) error {
	to, ok := flat.([]float32)
	from := b.values
	if b.flat != nil {
		from, ok = b.flat.([]float32)
	}
	if !ok || b.gone || len(from) != len(to) {
		return fmt.Errorf("a buffer of %d numbers cannot be read into %d", len(from), len(to))
	}
	copy(to, from)
	return nil
}
