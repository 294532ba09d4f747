package hcl

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
	"ablate/hcl/spec"
)

// refType is the type of references. A reference evaluates to an address: it makes
// an edge of the graph and is never a value that becomes known later.
var refType = cty.CapsuleWithOps("reference", reflect.TypeFor[addr.Instance](), &cty.CapsuleOps{
	Equals:    func(a, b any) cty.Value { return cty.BoolVal(*a.(*addr.Instance) == *b.(*addr.Instance)) },
	RawEquals: func(a, b any) bool { return *a.(*addr.Instance) == *b.(*addr.Instance) },
	GoString:  func(v any) string { return v.(*addr.Instance).String() },
	TypeGoString: func(reflect.Type) string {
		return "reference"
	},
})

func refValue(a addr.Instance) cty.Value { return cty.CapsuleVal(refType, &a) }

// identity is the hidden attribute that makes an object a reference. In a train
// stage, references are objects, so that conditions can read their specs.
const identity = "__ref"

// objectForm is a reference with access to its stage's spec, for matrix.norm.alpha.
func objectForm(a addr.Instance, specs map[string]cty.Value) cty.Value {
	m := map[string]cty.Value{
		"type": cty.StringVal(a.Stage.Type), "name": cty.StringVal(a.Stage.Name), "key": cty.StringVal(a.Key),
	}
	for name, v := range specs {
		m[name] = v
	}
	m[identity] = refValue(a)
	return cty.ObjectVal(m)
}

// bareRefs replaces the references of a value that give access to specs by those that
// do not, so that references to one instance are equal, and all have one type. Lists,
// sets and maps have elements of one type, for which they were replaced already.
func bareRefs(v cty.Value) cty.Value {
	if a, ok := asRef(v); ok {
		return refValue(a)
	}
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() || !holdsRefs(v.Type()) {
		return v
	}
	if v.Type().IsObjectType() {
		m := v.AsValueMap()
		for name, element := range m {
			m[name] = bareRefs(element)
		}
		return cty.ObjectVal(m)
	}
	list := v.AsValueSlice()
	for i, element := range list {
		list[i] = bareRefs(element)
	}
	return cty.TupleVal(list)
}

// holdsRefs reports whether values of a type hold references that give access to specs.
func holdsRefs(t cty.Type) bool {
	switch {
	case t.IsTupleType():
		return slices.ContainsFunc(t.TupleElementTypes(), holdsRefs)
	case !t.IsObjectType():
		return false
	case t.HasAttribute(identity):
		return true
	}
	for _, of := range t.AttributeTypes() {
		if holdsRefs(of) {
			return true
		}
	}
	return false
}

// asRef reads a reference in either form.
func asRef(v cty.Value) (addr.Instance, bool) {
	if v.IsNull() {
		return addr.Instance{}, false
	}
	t := v.Type()
	if t.IsObjectType() && t.HasAttribute(identity) {
		return asRef(v.GetAttr(identity))
	}
	if t.Equals(refType) {
		return *v.EncapsulatedValue().(*addr.Instance), true
	}
	return addr.Instance{}, false
}

// asRefs reads a reference, or all instances of a stage with for_each.
func asRefs(v cty.Value) ([]addr.Instance, bool) {
	if a, ok := asRef(v); ok {
		return []addr.Instance{a}, true
	}
	if v.IsNull() || !v.Type().IsObjectType() || v.LengthInt() == 0 {
		return nil, false
	}
	var out []addr.Instance
	for it := v.ElementIterator(); it.Next(); {
		_, member := it.Element()
		a, ok := asRef(member)
		if !ok {
			return nil, false
		}
		out = append(out, a)
	}
	return out, true
}

// asParts reads an object with a reference for each part; attributes that are null
// count as absent. ok is false for the instances of a stage with for_each, which are
// an object of references by key, too.
func asParts(v cty.Value) (parts addr.Parts, ok bool) {
	if _, single := asRef(v); single || v.IsNull() || !v.Type().IsObjectType() {
		return addr.Parts{}, false
	}
	parts.Each = make(map[string]addr.Instance)
	members := true
	for it := v.ElementIterator(); it.Next(); {
		k, item := it.Element()
		if item.IsNull() {
			continue
		}
		a, ok := asRef(item)
		if !ok {
			return addr.Parts{}, false
		}
		parts.Each[k.AsString()] = a
		members = members && a.Key == k.AsString()
	}
	return parts, !members
}

// asLevel reads a level of a factor: a reference, references for parts, or a scalar.
func asLevel(v cty.Value) (addr.Level, bool) {
	if a, ok := asRef(v); ok {
		return addr.Level{Kind: "ref", Ref: a}, true
	}
	if p, ok := asParts(v); ok {
		return p.Level(), true
	}
	if v.IsNull() {
		return addr.Level{}, false
	}
	switch v.Type() {
	case cty.Number:
		return addr.Level{Kind: "number", Text: numberText(v)}, true
	case cty.String:
		return addr.Level{Kind: "string", Text: v.AsString()}, true
	case cty.Bool:
		return addr.Level{Kind: "bool", Text: strconv.FormatBool(v.True())}, true
	}
	return addr.Level{}, false
}

// specValues converts a spec for expressions: its attributes and blocks by name.
func specValues(v reflect.Value) map[string]cty.Value {
	m := make(map[string]cty.Value)
	for _, f := range spec.Of(v.Type()).Fields {
		if val := goValue(v.Field(f.Index)); val != cty.NilVal {
			m[f.Name] = val
		}
	}
	return m
}

// decimal is a number of a spec as the study wrote it. HCL computes with decimals, so
// the nearest float64 of 0.01 would be greater than 0.01.
func decimal(v float64) cty.Value {
	if n, err := cty.ParseNumberVal(strconv.FormatFloat(v, 'g', -1, 64)); err == nil {
		return n
	}
	return cty.NumberFloatVal(v) // an infinity
}

// goValue converts a field of a spec; NilVal if expressions have no access to it.
func goValue(v reflect.Value) cty.Value {
	switch v.Kind() {
	case reflect.Bool:
		return cty.BoolVal(v.Bool())
	case reflect.Int, reflect.Int64:
		return cty.NumberIntVal(v.Int())
	case reflect.Float64:
		return decimal(v.Float())
	case reflect.String:
		return cty.StringVal(v.String())
	case reflect.Pointer:
		if v.IsNil() {
			return cty.NullVal(cty.DynamicPseudoType)
		}
		return goValue(v.Elem())
	case reflect.Slice:
		var out []cty.Value
		for i := range v.Len() {
			if e := goValue(v.Index(i)); e != cty.NilVal {
				out = append(out, e)
			}
		}
		return cty.TupleVal(out)
	case reflect.Struct:
		if v.Type() == spec.RefType {
			return refValue(v.Interface().(addr.Instance))
		}
		if v.Type() == spec.LevelType || v.Type() == spec.PartsType || v.Type() == spec.FormulaType {
			return cty.NilVal
		}
		return cty.ObjectVal(specValues(v))
	}
	return cty.NilVal
}

// describe names a value's type in messages.
func describe(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	if _, ok := asRef(v); ok {
		return "reference"
	}
	switch t := v.Type(); {
	case t == cty.Number:
		return "number"
	case t == cty.String:
		return "string"
	case t == cty.Bool:
		return "bool"
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		return "list"
	default:
		return "object"
	}
}

// article puts a or an before a noun.
func article(noun string) string {
	switch {
	case noun == "null":
		return noun
	case noun != "" && slices.Contains([]byte("aeiou"), noun[0]):
		return "an " + noun
	}
	return "a " + noun
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// show renders a value in a message.
func show(v cty.Value) string {
	if l, ok := asLevel(v); ok {
		if l.Kind == "string" {
			return strconv.Quote(l.Text)
		}
		return l.String()
	}
	return article(describe(v))
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
