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
	VarParam: &function.Parameter{Name: "vals", Type: cty.DynamicPseudoType, AllowNull: true},
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
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType, AllowNull: true}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "a list is required")
		}
		for it := args[0].ElementIterator(); it.Next(); {
			if i, v := it.Element(); v.RawEquals(args[1]) {
				return i, nil
			}
		}
		return cty.NilVal, errors.New("the list does not contain the value")
	},
})

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
