package hcl

import (
	"errors"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// Functions that the library has under the same name, but that differ from those of
// Terraform.

// coalesceFunc returns the first argument that is neither null nor an empty text.
var coalesceFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "vals", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true},
	Type:     func(args []cty.Value) (cty.Type, error) { return stdlib.CoalesceFunc.ReturnTypeForValues(args) },
	Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
		for i, arg := range args {
			v, err := convert.Convert(arg, want)
			if err != nil {
				return cty.NilVal, function.NewArgError(i, err)
			}
			if !v.IsNull() && !v.RawEquals(cty.StringVal("")) {
				return v, nil
			}
		}
		return cty.NilVal, errors.New("all arguments are null or empty")
	},
})

// indexFunc returns the place of a value in a list.
var indexFunc = function.New(&function.Spec{
	Params: []function.Parameter{listParam, soughtParam},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "a list is required")
		}
		if i, ok := find(args[0], args[1]); ok {
			return i, nil
		}
		return cty.NilVal, errors.New("the list does not contain the value")
	},
})

// containsFunc reports whether a list or set contains a value, which may be null.
var containsFunc = function.New(&function.Spec{
	Params: []function.Parameter{listParam, soughtParam},
	Type:   function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() && !t.IsSetType() {
			return cty.NilVal, function.NewArgErrorf(0, "a list or a set is required")
		}
		_, ok := find(args[0], args[1])
		return cty.BoolVal(ok), nil
	},
})

var (
	listParam = function.Parameter{Name: "list", Type: cty.DynamicPseudoType}
	// The word null has a dynamic type: without AllowDynamicType, the library does not
	// call the function and returns an unknown value.
	soughtParam = function.Parameter{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}
)

// find returns the key of the first element that equals a value.
func find(list, value cty.Value) (key cty.Value, ok bool) {
	list, value = bareRefs(list), bareRefs(value)
	for it := list.ElementIterator(); it.Next(); {
		if k, v := it.Element(); v.RawEquals(value) || v.IsNull() && value.IsNull() {
			return k, true
		}
	}
	return cty.NilVal, false
}

// lengthFunc counts the elements of a collection, or the characters of a text.
var lengthFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v := args[0]
		switch _, isRef := asRef(v); {
		case v.Type() == cty.String:
			return stdlib.Strlen(v)
		case v.Type().IsObjectType() && !isRef:
			return cty.NumberIntVal(int64(v.LengthInt())), nil
		}
		return stdlib.Length(v)
	},
})

// replaceFunc replaces a text, or what a regular expression between slashes matches.
var replaceFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "str", Type: cty.String}, {Name: "substr", Type: cty.String}, {Name: "replace", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if pattern, ok := betweenSlashes(args[1].AsString()); ok {
			return stdlib.RegexReplace(args[0], cty.StringVal(pattern), args[2])
		}
		return stdlib.Replace(args[0], args[1], args[2])
	},
})

// betweenSlashes returns the regular expression that a text between slashes is.
func betweenSlashes(text string) (pattern string, ok bool) {
	pattern, opened := strings.CutPrefix(text, "/")
	pattern, closed := strings.CutSuffix(pattern, "/")
	return pattern, opened && closed
}
