package formula

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"ablate/hcl/diag"
)

// Problems warns where the value is not a finite number, or the gradient to a name is
// not, or no gradient passes at all. The values of names are those at the start of
// training, which the sentence "basis" describes. No gradient passes to the names in
// fixed.
func (e *Evaluation) Problems(path diag.Path, basis string, fixed ...string) diag.List {
	if list := e.Infinite(path, basis); len(list) > 0 {
		return list
	}
	result := e.Result()
	weights := Sample(result.Rows, max(result.Columns, 2))
	gradients := e.Gradients(NewGrid(result.Rows, result.Columns, weights.At))
	largest, slopes := 0.0, e.Formula.Slopes()
	for i, n := range e.Formula.Nodes {
		if n.Op != opName || !slopes[n.Name] || slices.Contains(fixed, n.Name) {
			continue
		}
		for _, g := range gradients[i].Values {
			if !finite(g) {
				return e.steep(path, gradients, basis, fixed)
			}
			largest = max(largest, math.Abs(g))
		}
	}
	if largest == 0 && len(slopes) > 0 {
		return diag.Warningf(path, "No gradient at the start", "The gradient of %s is 0, so that nothing would be learnt. %s Start a parameter elsewhere, or change the formula.",
			e.Formula.quote(len(e.Formula.Nodes)-1), basis)
	}
	return nil
}

// Infinite warns where the value is not a finite number.
func (e *Evaluation) Infinite(path diag.Path, basis string) diag.List {
	row, column, ok := e.Result().firstInfinite()
	if !ok {
		return nil
	}
	i := e.culprit(len(e.Values)-1, row, column)
	return diag.Warningf(below(path, i), "Not finite at the start", "%s is %v%s. %s "+
		"A loss that is not a number ends a trial at its first step.", e.Formula.quote(i), e.Values[i].At(row, column), e.operands(i, row, column), basis)
}

func below(path diag.Path, node int) diag.Path {
	return append(path[:len(path):len(path)], NodePath(node))
}

// culprit is the operation that first made an element of a node infinite.
func (e *Evaluation) culprit(i, row, column int) int {
	n := e.Formula.Nodes[i]
	args := n.Args
	if n.Op == "where" {
		args = args[2-int(e.Values[args[0]].At(row, column)):][:1]
	}
	for _, a := range args {
		if !finite(e.Values[a].At(row, column)) {
			return e.culprit(a, row, column)
		}
		if r, c, ok := e.Values[a].firstInfinite(); ok && functions[n.Op].reach != broadcast {
			return e.culprit(a, r, c)
		}
	}
	return i
}

// operands writes the operands of an element of a node: " where x is -1.5".
func (e *Evaluation) operands(i, row, column int) string {
	var parts []string
	n := e.Formula.Nodes[i]
	for _, a := range n.Args {
		v := e.Values[a]
		if e.Formula.Nodes[a].Op == opNumber || functions[n.Op].reach != broadcast && len(v.Values) > 1 {
			continue
		}
		if text := fmt.Sprintf("%s is %.3g", e.Formula.quote(a), v.At(row, column)); !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " where " + strings.Join(parts, " and ")
}

// steep warns of the operation that makes a gradient infinite.
func (e *Evaluation) steep(path diag.Path, gradients []Grid, basis string, fixed []string) diag.List {
	i, row, column := e.firstSteep(gradients, fixed)
	detail := fmt.Sprintf("The value is finite, and the gradient through %s is not%s. %s", e.Formula.quote(i), e.operands(i, row, column), basis)
	if e.Formula.Calls("where") {
		detail += " The branch that is not taken has a gradient, too: it is multiplied by 0, and 0 times infinity is not a number. " +
			"Bound what the function takes, as in sqrt(max(x, 1e-6))."
	}
	return diag.Warningf(below(path, i), "Gradient not finite at the start", "%s", detail)
}

// firstSteep is the first operation from the result that passes an infinite gradient on
// to a name, and the element where it does.
func (e *Evaluation) firstSteep(gradients []Grid, fixed []string) (node, row, column int) {
	leads := make([]bool, len(e.Values)) // whether a name is below
	for i, n := range e.Formula.Nodes {
		leads[i] = n.Op == opName && !slices.Contains(fixed, n.Name) || slices.ContainsFunc(n.Args, func(a int) bool { return leads[a] })
	}
	for i := len(e.Values) - 1; i >= 0; i-- {
		n := e.Formula.Nodes[i]
		if _, _, infinite := gradients[i].firstInfinite(); infinite || len(n.Args) == 0 || functions[n.Op].flat {
			continue
		}
		own := make([]Grid, len(e.Values))
		own[i] = gradients[i]
		for _, a := range n.Args {
			own[a] = Grid{e.Values[a].Rows, e.Values[a].Columns, make([]float64, len(e.Values[a].Values))}
		}
		e.back(i, n, own)
		for _, a := range n.Args {
			if row, column, infinite := own[a].firstInfinite(); infinite && leads[a] {
				return i, row, column
			}
		}
	}
	return len(e.Values) - 1, 0, 0
}
