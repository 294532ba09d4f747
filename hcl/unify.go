package hcl

import (
	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// maxUnified is the number of elements up to which HCL may look for their common
// type. It compares all pairs.
const maxUnified = 10_000

// unify converts a long tuple to a list and a large object to a map. HCL would do
// so, too, but in time quadratic in the number of elements.
func (m *meter) unify(v cty.Value, at hclv2.Range) cty.Value {
	if elements(v) <= maxUnified {
		return v
	}
	t := v.Type()
	if !t.IsTupleType() && !t.IsObjectType() {
		return v
	}
	if !hasOneType(v) {
		m.exceed(at, "A list or map of more than %d elements must have elements of one type here.", maxUnified)
	}
	if t.IsTupleType() {
		return cty.ListVal(v.AsValueSlice())
	}
	return cty.MapVal(v.AsValueMap())
}

func hasOneType(v cty.Value) bool {
	var first cty.Type
	for it := v.ElementIterator(); it.Next(); {
		_, element := it.Element()
		switch {
		case first == cty.NilType:
			first = element.Type()
		case !element.Type().Equals(first):
			return false
		}
	}
	return true
}

// convertsArguments reports whether a function converts tuples to lists or
// objects to maps.
func convertsArguments(name string) bool {
	switch name {
	case "tolist", "toset", "tomap", "setproduct":
		return true
	}
	f, ok := standardFunctions()[name]
	if !ok {
		return false
	}
	for _, p := range f.Params() {
		if p.Type.IsCollectionType() {
			return true
		}
	}
	return f.VarParam() != nil && f.VarParam().Type.IsCollectionType()
}
