package ml

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"ablate/cache"
)

//go:generate go run ./internal/genrecord record_gen.go

// recordSchema is the version of the hashes below. It is part of every
// fingerprint.
const recordSchema = "ablate fingerprint 1"

// recorded is a value of the wrapped builder with the hash of how it was
// computed: operation, attributes, and the hashes of its operands.
type recorded struct {
	inner compute.Value
	hash  cache.Digest
}

// recordingBackend wraps a backend so that building a graph hashes it. Nothing
// is compiled or run. Fused operations are hidden: which of them a backend has
// must not change the fingerprint.
type recordingBackend struct {
	compute.Backend
	root *cache.Digest
}

// Capabilities implements compute.Backend.
func (b recordingBackend) Capabilities() compute.Capabilities {
	c := b.Backend.Capabilities().Clone()
	fused := reflect.TypeFor[compute.FusedOps]()
	for op := range c.Operations {
		if _, ok := fused.MethodByName(op.String()); ok {
			delete(c.Operations, op)
		}
	}
	return c
}

// Builder implements compute.Backend.
func (b recordingBackend) Builder(name string) compute.Builder {
	return &recordingBuilder{Builder: b.Backend.Builder(name), root: b.root}
}

type recordingBuilder struct {
	compute.Builder
	root *cache.Digest
	main *recorder

	// What a rehearsal learns of main; nil for a fingerprint.
	parameter func(name string)
	returned  func(outputs []compute.Value) error
}

// Main implements compute.Builder.
func (b *recordingBuilder) Main() compute.Function {
	if b.main == nil {
		b.main = &recorder{inner: b.Builder.Main(), builder: b, root: b.root}
	}
	return b.main
}

// NewFunction implements compute.Builder.
func (b *recordingBuilder) NewFunction(name string) (compute.Function, error) {
	inner, err := b.Builder.NewFunction(name)
	if err != nil {
		return nil, err
	}
	return &recorder{inner: inner, builder: b, level: 1}, nil
}

// OpShape implements compute.Builder.
func (b *recordingBuilder) OpShape(op compute.Value) (shapes.Shape, error) {
	return b.Builder.OpShape(plain(op))
}

// Compile implements compute.Builder: there is nothing to run.
func (b *recordingBuilder) Compile() (compute.Executable, error) { return noExecutable{}, nil }

type noExecutable struct{ compute.Executable }

// Finalize implements compute.Executable.
func (noExecutable) Finalize() {}

// recorder wraps a function under construction. The operations are in
// record_gen.go; compute.Function is never embedded, so that a new operation
// cannot slip through.
type recorder struct {
	inner      compute.Function
	builder    *recordingBuilder
	parent     *recorder
	level      int // 0 for main, nesting depth of closures otherwise
	parameters []cache.Digest
	root       *cache.Digest // main only: where the result goes
	closure    cache.Digest  // set by Return
}

var _ compute.Function = (*recorder)(nil)

// Name implements compute.Function.
func (f *recorder) Name() string { return f.inner.Name() }

// Builder implements compute.Function.
func (f *recorder) Builder() compute.Builder { return f.builder }

// Parent implements compute.Function.
func (f *recorder) Parent() compute.Function {
	if f.parent == nil {
		return nil
	}
	return f.parent
}

// Closure implements compute.Function.
func (f *recorder) Closure() (compute.Function, error) {
	inner, err := f.inner.Closure()
	if err != nil {
		return nil, err
	}
	return &recorder{inner: inner, builder: f.builder, parent: f, level: f.level + 1}, nil
}

// Parameter implements compute.Function. Parameters of main go by their role's
// name, those of closures by place.
func (f *recorder) Parameter(name string, shape shapes.Shape, sharding *compute.ShardingSpec) (compute.Value, error) {
	op := begin("parameter")
	if f.level == 0 {
		op.attribute(name)
	} else {
		op.attribute(f.level)
		op.attribute(len(f.parameters))
	}
	op.attribute(shape)
	if f.level == 0 && f.builder.parameter != nil {
		f.builder.parameter(name)
	}
	v, err := f.inner.Parameter(name, shape, sharding)
	out, err := op.one(v, err)
	if err == nil {
		f.parameters = append(f.parameters, out.(*recorded).hash)
	}
	return out, err
}

// Constant implements compute.Function.
func (f *recorder) Constant(flat any, dims ...int) (compute.Value, error) {
	op := begin("constant")
	op.attribute(flat)
	op.attribute(dims)
	v, err := f.inner.Constant(flat, dims...)
	return op.one(v, err)
}

// Shape implements compute.Function.
func (f *recorder) Shape(v compute.Value) (shapes.Shape, error) { return f.inner.Shape(plain(v)) }

// Return implements compute.Function. Main's return is the root of all.
func (f *recorder) Return(outputs []compute.Value, shardings []*compute.ShardingSpec) error {
	op := begin("return")
	op.attribute(len(f.parameters))
	for _, p := range f.parameters {
		op.add(p[:])
	}
	op.operands(outputs)
	f.closure = op.sum()
	if f.root != nil {
		*f.root = f.closure
		if f.builder.returned != nil {
			if err := f.builder.returned(plainAll(outputs)); err != nil {
				return err
			}
		}
	}
	return f.inner.Return(plainAll(outputs), shardings)
}

func plain(v compute.Value) compute.Value {
	if r, ok := v.(*recorded); ok {
		return r.inner
	}
	return v
}

func plainAll(vs []compute.Value) []compute.Value {
	out := make([]compute.Value, len(vs))
	for i, v := range vs {
		out[i] = plain(v)
	}
	return out
}

func plainFunction(f compute.Function) compute.Function {
	if r, ok := f.(*recorder); ok {
		return r.inner
	}
	return f
}

func refuse(op string) error {
	return fmt.Errorf("%s is not recorded: %w", op, compute.ErrNotImplemented)
}

// operation is the hash of one operation in the making.
type operation struct {
	buf  []byte
	args []cache.Digest // operands, in order
	err  error
}

func begin(name string) *operation {
	op := &operation{buf: make([]byte, 0, 128)}
	op.text(recordSchema)
	op.text(name)
	return op
}

func (o *operation) add(b []byte) { o.buf = append(o.buf, b...) }

func (o *operation) text(s string) {
	o.buf = binary.AppendUvarint(o.buf, uint64(len(s)))
	o.buf = append(o.buf, s...)
}

func (o *operation) operand(v compute.Value) {
	r, ok := v.(*recorded)
	if !ok {
		o.err = fmt.Errorf("ml: an operand of type %T was not recorded", v)
		return
	}
	o.args = append(o.args, r.hash)
}

func (o *operation) operands(vs []compute.Value) {
	o.attribute(len(vs))
	for _, v := range vs {
		o.operand(v)
	}
}

func (o *operation) function(f compute.Function) {
	r, ok := f.(*recorder)
	if !ok {
		o.err = fmt.Errorf("ml: a function of type %T was not recorded", f)
		return
	}
	o.args = append(o.args, r.closure)
}

// commute sorts the operands of an operation that does not mind.
func (o *operation) commute() {
	slices.SortFunc(o.args, func(a, b cache.Digest) int { return slices.Compare(a[:], b[:]) })
}

func (o *operation) sum() cache.Digest {
	for _, a := range o.args {
		o.buf = append(o.buf, a[:]...)
	}
	o.args = nil
	return sha256.Sum256(o.buf)
}

func (o *operation) one(v compute.Value, err error) (compute.Value, error) {
	if err == nil {
		err = o.err
	}
	if err != nil {
		return nil, err
	}
	return &recorded{v, o.sum()}, nil
}

// pass is for operations that change nothing: the value keeps its hash.
func (o *operation) pass(from, v compute.Value, err error) (compute.Value, error) {
	if err == nil {
		err = o.err
	}
	if err != nil {
		return nil, err
	}
	return &recorded{v, from.(*recorded).hash}, nil
}

func (o *operation) many(vs []compute.Value, err error) ([]compute.Value, error) {
	if err == nil {
		err = o.err
	}
	if err != nil {
		return nil, err
	}
	whole := o.sum()
	out := make([]compute.Value, len(vs))
	for i, v := range vs {
		h := sha256.New()
		fmt.Fprintf(h, "output %d of ", i)
		h.Write(whole[:])
		out[i] = &recorded{v, cache.Digest(h.Sum(nil))}
	}
	return out, nil
}

// attribute hashes what is not an operand, by type and length. A type that it
// does not know is an error: nothing may pass unhashed.
func (o *operation) attribute(a any) {
	switch x := a.(type) {
	case nil:
		o.text("nil")
		return
	case []float32: // constants can be large: no reflection
		o.text("[]float32")
		o.buf = binary.AppendUvarint(o.buf, uint64(len(x)))
		for _, f := range x {
			o.buf = binary.LittleEndian.AppendUint32(o.buf, math.Float32bits(f))
		}
		return
	case shapes.Shape:
		o.text("shape")
		o.attribute(x.DType)
		o.attribute(x.Dimensions)
		return
	case dtypes.DType:
		o.text("dtype " + x.String())
		return
	}
	o.reflected(reflect.ValueOf(a))
}

func (o *operation) reflected(v reflect.Value) {
	o.text(v.Kind().String())
	switch v.Kind() {
	case reflect.Bool:
		o.text(fmt.Sprint(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		o.buf = binary.AppendVarint(o.buf, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		o.buf = binary.AppendUvarint(o.buf, v.Uint())
	case reflect.Float32, reflect.Float64:
		o.buf = binary.LittleEndian.AppendUint64(o.buf, math.Float64bits(v.Float()))
	case reflect.String:
		o.text(v.String())
	case reflect.Slice, reflect.Array:
		o.buf = binary.AppendUvarint(o.buf, uint64(v.Len()))
		for i := range v.Len() {
			o.reflected(v.Index(i))
		}
	case reflect.Struct:
		o.text(v.Type().Name())
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				o.err = fmt.Errorf("ml: an attribute of type %s has fields that cannot be hashed", v.Type())
				return
			}
			o.text(v.Type().Field(i).Name)
			o.reflected(v.Field(i))
		}
	default:
		o.err = fmt.Errorf("ml: an attribute of type %s cannot be hashed", v.Type())
	}
}
