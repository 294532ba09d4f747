package action

import (
	"fmt"
	"reflect"
	"slices"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/formula"
	"ablate/hcl/spec"
	"ablate/pipeline"
)

// encoder turns specs of one kind into values for keys.
//
// A scalar equal to its default is left out, so that a new option does not change
// the keys of existing results. The presence of an optional block, the arm of a
// union and the length of a list are always encoded: "ema_blend {}" is not "no
// ema_blend". References are left out: the content they stand for enters the key
// instead. Fields tagged `key:"code"` are left out too: a fingerprint witnesses them,
// and notes hold them.
type encoder struct {
	pristine reflect.Value // the struct with its frozen defaults
	defaults cache.Value   // the same, with every field encoded
}

func newEncoder(pristine pipeline.Stage) *encoder {
	v := reflect.ValueOf(pristine).Elem()
	return &encoder{pristine: v, defaults: encodeStruct(v, reflect.Value{}, everyField)}
}

// encode returns the fields that enter the key themselves.
func (e *encoder) encode(s pipeline.Stage) cache.Value {
	return encodeStruct(reflect.ValueOf(s).Elem(), e.pristine, func(f *spec.Field) bool { return !f.Witnessed })
}

// witnessed returns the fields that enter the key through a fingerprint.
func (e *encoder) witnessed(s pipeline.Stage) cache.Value {
	return encodeStruct(reflect.ValueOf(s).Elem(), e.pristine, func(f *spec.Field) bool { return f.Witnessed })
}

// all returns both.
func (e *encoder) all(s pipeline.Stage) cache.Value {
	return encodeStruct(reflect.ValueOf(s).Elem(), e.pristine, everyField)
}

func everyField(*spec.Field) bool { return true }

// encodeStruct encodes the accepted keyed fields of a struct that differ from the
// base; all accepted ones where the base is invalid.
func encodeStruct(v, base reflect.Value, accept func(*spec.Field) bool) cache.Value {
	schema := spec.Of(v.Type())
	var buffer [32]cache.Field // most specs encode few fields: no allocation
	fields := buffer[:0]
	for i := range schema.Fields {
		f := &schema.Fields[i]
		if !f.Keyed || isReference(f.Type) || f.Form == spec.Label || !accept(f) {
			continue
		}
		var fieldBase reflect.Value
		if base.IsValid() {
			fieldBase = base.Field(f.Index)
		}
		if f.Labelled {
			if enc := encodeLabelled(v.Field(f.Index)); len(enc.Keys()) > 0 || !fieldBase.IsValid() {
				fields = append(fields, cache.Field{Name: f.Name, Value: enc})
			}
			continue
		}
		if enc := encodeField(v.Field(f.Index), fieldBase); !enc.IsZero() {
			fields = append(fields, cache.Field{Name: f.Name, Value: enc})
		}
	}
	return cache.Struct(slices.Clone(fields)...)
}

// encodeLabelled encodes repeated blocks by their labels, so that explanations name
// the block that changed.
func encodeLabelled(v reflect.Value) cache.Value {
	m := make(map[string]cache.Value, v.Len())
	for i := range v.Len() {
		m[spec.LabelOf(v.Index(i)).String()] = encodeField(v.Index(i), spec.New(v.Type().Elem()).Elem())
	}
	return cache.Map(m)
}

func isReference(t reflect.Type) bool {
	return t == spec.RefType || t == spec.RefsType || t == spec.PartsType
}

// encodeField encodes one field, or returns zero where it equals its base.
func encodeField(v, base reflect.Value) cache.Value {
	switch v.Kind() {
	case reflect.Pointer:
		return encodePointer(v, base)
	case reflect.Slice:
		subs := make([]cache.Value, v.Len())
		for i := range subs {
			subs[i] = encodeField(v.Index(i), elementBase(v.Index(i), base))
		}
		return cache.List(subs...)
	case reflect.Map:
		return encodeMap(v)
	case reflect.Struct:
		if f, ok := v.Interface().(formula.Formula); ok {
			if f.IsZero() {
				return cache.Value{}
			}
			return cache.String(f.String())
		}
		if v.Type() == spec.LevelType {
			if base.IsValid() && v.Equal(base) {
				return cache.Value{}
			}
			return encodeLevel(v.Interface().(addr.Level))
		}
		return encodeStruct(v, base, everyField)
	}
	if base.IsValid() && v.Equal(base) {
		return cache.Value{}
	}
	return encodeScalar(v)
}

// encodePointer encodes absence and presence first; a present block is encoded
// without the fields that equal its own defaults.
func encodePointer(v, base reflect.Value) cache.Value {
	elide := base.IsValid()
	switch {
	case v.IsNil() && elide && !base.IsNil():
		return cache.List() // switched off, though on by default; no block encodes as a list
	case v.IsNil():
		return cache.Value{}
	case !elide || v.Elem().Kind() != reflect.Struct:
		return encodeField(v.Elem(), reflect.Value{})
	case base.IsNil():
		return encodeField(v.Elem(), spec.New(v.Type().Elem()).Elem())
	}
	return encodeField(v.Elem(), base.Elem())
}

// elementBase returns what an element of a list is compared with: the defaults of
// a repeated block, an invalid value for scalars.
func elementBase(elem, listBase reflect.Value) reflect.Value {
	if !listBase.IsValid() || elem.Kind() != reflect.Struct || elem.Type() == spec.LevelType {
		return reflect.Value{}
	}
	return spec.New(elem.Type()).Elem()
}

func encodeMap(v reflect.Value) cache.Value {
	m := make(map[string]cache.Value, v.Len())
	iter := v.MapRange()
	for iter.Next() {
		m[iter.Key().String()] = encodeField(iter.Value(), reflect.Value{})
	}
	return cache.Map(m)
}

func encodeLevel(l addr.Level) cache.Value {
	return cache.Map(map[string]cache.Value{"kind": cache.String(l.Kind), "level": cache.String(l.String())})
}

func encodeScalar(v reflect.Value) cache.Value {
	switch v.Kind() {
	case reflect.Bool:
		return cache.Bool(v.Bool())
	case reflect.Int, reflect.Int64:
		return cache.Int(v.Int())
	case reflect.Float64:
		return cache.Float(v.Float())
	case reflect.String:
		return cache.String(v.String())
	}
	panic(fmt.Sprintf("action: a spec cannot hold a %s", v.Type()))
}
