package study

import (
	"reflect"

	"ablate/hcl/addr"
	"ablate/hcl/spec"
)

// edges lists the references in a spec, in the order of its fields.
func edges(out []Edge, v reflect.Value, path string) []Edge {
	for _, f := range spec.Of(v.Type()).Fields {
		field, name := v.Field(f.Index), f.Name
		if path != "" {
			name = path + "." + f.Name
		}
		switch {
		case f.Type == spec.RefType:
			if a := field.Interface().(addr.Instance); !a.IsZero() {
				out = append(out, Edge{Path: name, Target: a})
			}
		case f.Type == spec.RefsType:
			for _, a := range field.Interface().([]addr.Instance) {
				out = append(out, Edge{Path: name, Target: a})
			}
		case f.Form != spec.Attribute && f.Pointer:
			if !field.IsNil() {
				out = edges(out, field.Elem(), name)
			}
		case f.Form != spec.Attribute && field.Kind() == reflect.Struct:
			out = edges(out, field, name)
		}
	}
	return out
}
