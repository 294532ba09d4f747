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
		case f.Type == spec.PartsType:
			out = partEdges(out, field.Interface().(addr.Parts), name)
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

// partEdges lists the references of parts: norm for the whole, or norm.attention.
func partEdges(out []Edge, p addr.Parts, name string) []Edge {
	if !p.Whole.IsZero() {
		return append(out, Edge{Path: name, Target: p.Whole})
	}
	for _, part := range p.Names() {
		out = append(out, Edge{Path: name + "." + part, Target: p.Each[part]})
	}
	return out
}
