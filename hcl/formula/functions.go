package formula

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Group is a set of functions that a place offers.
type Group int

// The groups of functions.
const (
	Elementwise Group = 1 << iota // on each element by itself
	Across                        // along the width
	Whole                         // over everything that a site sees
	Pooled                        // over all micro-batches of a step
	Matrices                      // of whole matrices
	Clock                         // of a schedule, in code that gives the same bits on every machine
)

// reach is what an operation does to the shape of its operands.
type reach int

const (
	broadcast     reach = iota // the operands' common shape
	alongWidth                 // one value for each row
	alongRows                  // one value for each column
	overall                    // one number
	sameShape                  // the shape of the first operand
	turned                     // rows and columns exchanged
	matrixProduct              // rows of the first, columns of the second
)

// function is an operation or a function of the language of formulas.
type function struct {
	args        int
	group       Group
	reach       reach
	flat        bool // no gradient passes
	commutative bool
	symbol      string                    // of an operator
	exact       func(x []float64) float64 // computes constants; nil where machines may differ
	compare     func(a, b float64) bool   // makes a truth value of two numbers
	truths      bool                      // of truth values
	constants   int                       // how many of the last arguments must be constants
}

// everywhere marks operators and functions that all places have.
const everywhere = Elementwise | Clock

// functions has all operations by the name that nodes have. Its names, the number of
// arguments, and which of them are exact or commutative are part of keys.
var functions = map[string]function{
	"neg":   {args: 1, group: everywhere, symbol: "-", exact: func(x []float64) float64 { return -x[0] }},
	"add":   {args: 2, group: everywhere, symbol: "+", commutative: true, exact: func(x []float64) float64 { return x[0] + x[1] }},
	"sub":   {args: 2, group: everywhere, symbol: "-", exact: func(x []float64) float64 { return x[0] - x[1] }},
	"mul":   {args: 2, group: everywhere, symbol: "*", commutative: true, exact: func(x []float64) float64 { return float64(x[0] * x[1]) }},
	"div":   {args: 2, group: everywhere, symbol: "/", exact: func(x []float64) float64 { return x[0] / x[1] }},
	"lt":    {args: 2, group: everywhere, symbol: "<", flat: true, compare: func(a, b float64) bool { return a < b }},
	"le":    {args: 2, group: everywhere, symbol: "<=", flat: true, compare: func(a, b float64) bool { return a <= b }},
	"gt":    {args: 2, group: everywhere, symbol: ">", flat: true, compare: func(a, b float64) bool { return a > b }},
	"ge":    {args: 2, group: everywhere, symbol: ">=", flat: true, compare: func(a, b float64) bool { return a >= b }},
	"eq":    {args: 2, group: everywhere, symbol: "==", flat: true, commutative: true, compare: func(a, b float64) bool { return a == b }},
	"ne":    {args: 2, group: everywhere, symbol: "!=", flat: true, commutative: true, compare: func(a, b float64) bool { return a != b }},
	"and":   {args: 2, group: everywhere, symbol: "&&", flat: true, commutative: true, truths: true},
	"or":    {args: 2, group: everywhere, symbol: "||", flat: true, commutative: true, truths: true},
	"not":   {args: 1, group: everywhere, symbol: "!", flat: true, truths: true},
	"where": {args: 3, group: everywhere, symbol: "? :"},

	"abs":  {args: 1, group: everywhere, exact: func(x []float64) float64 { return math.Abs(x[0]) }},
	"sqrt": {args: 1, group: everywhere, exact: func(x []float64) float64 { return math.Sqrt(x[0]) }},
	"min":  {args: 2, group: everywhere, exact: func(x []float64) float64 { return min(x[0], x[1]) }},
	"max":  {args: 2, group: everywhere, exact: func(x []float64) float64 { return max(x[0], x[1]) }},
	"cos":  {args: 1, group: everywhere},
	"pow":  {args: 2, group: everywhere},

	"exp":           {args: 1, group: Elementwise},
	"log":           {args: 1, group: Elementwise},
	"log1p":         {args: 1, group: Elementwise},
	"square":        {args: 1, group: Elementwise},
	"tanh":          {args: 1, group: Elementwise},
	"erf":           {args: 1, group: Elementwise},
	"sigmoid":       {args: 1, group: Elementwise},
	"silu":          {args: 1, group: Elementwise},
	"gelu":          {args: 1, group: Elementwise},
	"relu":          {args: 1, group: Elementwise},
	"softplus":      {args: 1, group: Elementwise},
	"sin":           {args: 1, group: Elementwise},
	"asinh":         {args: 1, group: Elementwise},
	"sign":          {args: 1, group: Elementwise, flat: true},
	"clip":          {args: 3, group: Elementwise},
	"stop_gradient": {args: 1, group: Elementwise, flat: true},

	"mean":     {args: 1, group: Across, reach: alongWidth},
	"sum":      {args: 1, group: Across, reach: alongWidth},
	"largest":  {args: 1, group: Across, reach: alongWidth},
	"variance": {args: 1, group: Across, reach: alongWidth},
	"std":      {args: 1, group: Across, reach: alongWidth},
	"rms":      {args: 1, group: Across, reach: alongWidth},
	"first":    {args: 2, group: Across, reach: sameShape, constants: 1},

	"mean_all":   {args: 1, group: Whole, reach: overall},
	"std_all":    {args: 1, group: Whole, reach: overall},
	"rms_all":    {args: 1, group: Whole, reach: overall},
	"pooled_std": {args: 1, group: Pooled, reach: overall},

	"newton_schulz": {args: 2, group: Matrices, reach: sameShape, constants: 1},
	"polar_express": {args: 2, group: Matrices, reach: sameShape, constants: 1},
	"matmul":        {args: 2, group: Matrices, reach: matrixProduct},
	"transpose":     {args: 1, group: Matrices, reach: turned},
	"norm_all":      {args: 1, group: Matrices, reach: overall},
	"mean_rows":     {args: 1, group: Matrices, reach: alongRows},
	"mean_columns":  {args: 1, group: Matrices, reach: alongWidth},
}

// isFunction reports whether a study can call an operation by its name.
func isFunction(op string) bool {
	fn, ok := functions[op]
	return ok && fn.symbol == ""
}

// Functions lists the functions of the groups, without operators.
func Functions(groups Group) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		if isFunction(name) && functions[name].group&groups != 0 {
			out = append(out, name)
		}
	}
	return out
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Exact computes an operation on constants where every machine gives the same bits,
// as it is computed when a formula is read. ok is false where machines may differ.
func Exact(op string, x []float64) (v float64, isTruth, ok bool) {
	fn := functions[op]
	switch {
	case fn.compare != nil:
		return truth(fn.compare(x[0], x[1])), true, true
	case op == "and":
		return truth(x[0] == 1 && x[1] == 1), true, true
	case op == "or":
		return truth(x[0] == 1 || x[1] == 1), true, true
	case op == "not":
		return truth(x[0] == 0), true, true
	case fn.exact != nil:
		return fn.exact(x), false, true
	}
	return 0, false, false
}

func truth(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
