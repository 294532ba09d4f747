//go:build xla && cgo && linux

package backend

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
	"github.com/gomlx/go-xla/stablehlo"
)

// xlaBackend is go-xla's backend with programs that update their state in place.
// go-xla donates buffers, but its programs do not say which output takes the memory
// of which input. XLA then allocates the new state beside the old one.
type xlaBackend struct {
	*xla.Backend
	inPlace int
	tuning  *tuning // nil if kernels are not chosen by timing, or choices not kept
}

// InPlace returns a backend of go-xla with programs that update their state in place.
func InPlace(b *xla.Backend) compute.Backend { return xlaBackend{Backend: b} }

// InPlace implements ml.InPlacer.
func (b xlaBackend) InPlace(n int) compute.Backend { return xlaBackend{b.Backend, n, b.tuning} }

// Builder implements compute.Backend.
func (b xlaBackend) Builder(name string) compute.Builder {
	inner, ok := b.Backend.Builder(name).(*xla.Builder)
	if !ok {
		return nil
	}
	return &inPlaceBuilder{inner, b.inPlace, b.tuning}
}

// inPlaceBuilder aliases the first n inputs to the outputs in the same places.
type inPlaceBuilder struct {
	*xla.Builder
	n      int
	tuning *tuning
}

// Alias marks the inputs that outputs take over, as JAX marks donated arguments.
// Compile calls it.
func (b *inPlaceBuilder) Alias() error {
	if b.n == 0 {
		return nil
	}
	main, err := mainFunction(b.Builder)
	if err != nil {
		return err
	}
	for i, in := range main.Inputs[:b.n] {
		if in.Attributes == nil {
			in.Attributes = make(map[string]any)
		}
		in.Attributes["tf.aliasing_output"] = int32(i)
	}
	return nil
}

// Compile implements compute.Builder.
func (b *inPlaceBuilder) Compile() (compute.Executable, error) {
	if err := b.Alias(); err != nil {
		return nil, err
	}
	if b.tuning == nil {
		return b.Builder.Compile()
	}
	var out compute.Executable
	err := b.tuning.compile(func() (err error) {
		out, err = b.Builder.Compile()
		return err
	})
	return out, err
}

// MemoryOf returns the memory that a program takes on its device, in bytes, as its
// compiler counts it: inputs, outputs and temporary values, each byte once. 0 means
// unknown.
func MemoryOf(e compute.Executable) int64 {
	compiled, ok := e.(*xla.Executable)
	if !ok {
		return 0
	}
	f := reflect.ValueOf(compiled).Elem().FieldByName("exec") // go-xla does not export it
	if !f.IsValid() || f.Type() != reflect.TypeFor[*pjrt.LoadedExecutable]() || f.IsNil() {
		return 0
	}
	m := (*(**pjrt.LoadedExecutable)(unsafe.Pointer(f.UnsafeAddr()))).OnDeviceMemoryUsageStats
	return m.Inputs + m.Outputs - m.Aliases + m.Temporary + m.GeneratedCode
}

// mainFunction reads the StableHLO function of a builder, which go-xla does not
// export.
func mainFunction(b *xla.Builder) (*stablehlo.Function, error) {
	unknown := errors.New("this version of go-xla cannot update a program's state in place")
	outer := reflect.ValueOf(b).Elem().FieldByName("mainFn")
	if outer.Kind() != reflect.Pointer || outer.IsNil() {
		return nil, unknown
	}
	f := outer.Elem().FieldByName("fn")
	if !f.IsValid() || f.Type() != reflect.TypeFor[*stablehlo.Function]() {
		return nil, unknown
	}
	return *(**stablehlo.Function)(unsafe.Pointer(f.UnsafeAddr())), nil
}
