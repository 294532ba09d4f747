package hcl

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// guard returns a function that refuses arguments for which it would return too
// much or work too long. cost bounds both from the arguments; it is nil for
// functions whose work is proportional to the size of their arguments, which the
// meter bounds.
func guard(f function.Function, cost func(args []cty.Value) float64) function.Function {
	if cost == nil {
		return f
	}
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) { // called before Impl
			if cost(args) > maxText {
				return cty.NilType, errors.New("the arguments are too large for this function")
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

// costs has the functions whose result can be much larger than their arguments,
// or whose work can.
var costs = map[string]func(args []cty.Value) float64{
	"distinct":   distinctCost,
	"format":     formatCost,
	"formatlist": formatCost,
	"indent":     indentCost,
	"join":       joinCost,
	"jsondecode": decodeCost,
	"replace":    replaceCost,
	"setproduct": productCost,
}

// distinctCost is the number of comparisons: distinct compares all pairs.
func distinctCost(args []cty.Value) float64 {
	n := float64(elements(args[0]))
	return n * n
}

// elements is the number of elements of a collection, and 0 of other values.
func elements(v cty.Value) int {
	if v.IsNull() || !v.IsKnown() || !v.CanIterateElements() {
		return 0
	}
	return v.LengthInt()
}

// productCost counts the elements of a product of lists.
func productCost(args []cty.Value) float64 {
	const overhead = float64(maxText) / maxSteps // of an element, compared to a byte of text
	n := float64(len(args)) * overhead
	for _, arg := range args {
		n *= float64(elements(arg))
	}
	return n
}

var formatWidth = regexp.MustCompile(`%[^a-zA-Z%]*[0-9]+`)

// formatCost adds up the widths and precisions in a format.
func formatCost(args []cty.Value) float64 {
	lists, total := 1, 0.0
	for _, arg := range args {
		lists = max(lists, elements(arg))
		total += float64(len(textOf(arg)))
	}
	for _, verb := range formatWidth.FindAllString(textOf(args[0]), -1) {
		for _, digits := range strings.FieldsFunc(verb, func(r rune) bool { return r < '0' || r > '9' }) {
			n, _ := strconv.ParseFloat(digits, 64) // digits only: at worst infinite
			total += n
		}
	}
	return total * float64(lists)
}

// indentCost counts the spaces that indent inserts.
func indentCost(args []cty.Value) float64 {
	spaces, _ := args[0].AsBigFloat().Float64()
	text := textOf(args[1])
	return float64(len(text)) + spaces*float64(strings.Count(text, "\n"))
}

// joinCost counts the separators of join.
func joinCost(args []cty.Value) float64 {
	n := 0
	for _, list := range args[1:] {
		n += elements(list)
	}
	return float64(n) * float64(len(textOf(args[0])))
}

// replaceCost bounds the result of replace. A regular expression may match at
// every byte, and its replacement may refer to what it matched.
func replaceCost(args []cty.Value) float64 {
	text, old, with := textOf(args[0]), textOf(args[1]), textOf(args[2])
	if _, ok := betweenSlashes(old); ok {
		return float64(len(text)+1) * float64(len(with)+1)
	}
	return float64(len(text)) + float64(strings.Count(text, old))*float64(len(with))
}

// decodeCost refuses JSON that is nested too deeply for its recursive decoder.
func decodeCost(args []cty.Value) float64 {
	if tooDeepAt([]byte(textOf(args[0]))) >= 0 {
		return maxText + 1
	}
	return 0
}

// textOf is the text of a string, and empty for other values.
func textOf(v cty.Value) string {
	if v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
		return ""
	}
	return v.AsString()
}
