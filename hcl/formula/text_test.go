package formula_test

import (
	"testing"

	"ablate/hcl/formula"
)

// The text of a formula tells it from all others, also where it names its parts and
// the study has such a name.
func TestTextIsOfOneFormula(t *testing.T) {
	long := func(first, second int) string { // part1 − s + 2⁹ s, or s − part1 + 2⁹ s, with s = x · x
		nodes := []formula.Node{{Op: "name", Name: "part1"}, {Op: "name", Name: "x"}, {Op: "mul", Args: []int{1, 1}}}
		for i := range 9 {
			nodes = append(nodes, formula.Node{Op: "add", Args: []int{i + 2, i + 2}})
		}
		nodes = append(nodes, formula.Node{Op: "sub", Args: []int{first, second}})
		return formula.Formula{Nodes: append(nodes, formula.Node{Op: "add", Args: []int{len(nodes) - 1, len(nodes) - 2}})}.String()
	}
	if one, other := long(0, 2), long(2, 0); one == other {
		t.Errorf("two formulas are written %s", one)
	}
}
