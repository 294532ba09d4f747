package study

import (
	"reflect"
	"slices"

	"ablate/hcl/addr"
	"ablate/hcl/spec"
)

// edges appends the references in a spec, in the order of its fields. The spec is
// addressable, so that fields are read without copies of them on the heap.
func edges(out []Edge, v reflect.Value, path string) []Edge {
	fields := spec.Of(v.Type()).Fields
	for i := range fields {
		f := &fields[i]
		if !f.Refers {
			continue
		}
		field, name := v.Field(f.Index), f.Name
		if path != "" {
			name = path + "." + f.Name
		}
		switch at := field.Addr().Interface().(type) {
		case *addr.Instance:
			if !at.IsZero() {
				out = append(out, Edge{Path: name, Target: *at})
			}
		case *addr.Parts:
			out = partEdges(out, at, name)
		case *[]addr.Instance:
			out = slices.Grow(out, len(*at))
			for _, a := range *at {
				out = append(out, Edge{Path: name, Target: a})
			}
		default:
			if block := reflect.Indirect(field); block.IsValid() {
				out = edges(out, block, name)
			}
		}
	}
	return out
}

// partEdges appends the references of parts: norm for the whole, or norm.attention.
func partEdges(out []Edge, p *addr.Parts, name string) []Edge {
	if !p.Whole.IsZero() {
		return append(out, Edge{Path: name, Target: p.Whole})
	}
	for _, part := range p.Names() {
		out = append(out, Edge{Path: name + "." + part, Target: p.Each[part]})
	}
	return out
}
