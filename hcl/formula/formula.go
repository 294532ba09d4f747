// Package formula holds mathematics as data: what the language read from an
// expression, with values in place of variables and intermediates inlined.
//
// A Formula is a directed acyclic graph in a canonical form: two ways to write the
// same operations on the same operands give the same Formula. The form is part of
// keys and must not change: constants are folded, operands of commutative
// operations are sorted, equal parts are one node, and nothing else is rewritten.
//
// The package imports the standard library and hcl/diag only.
package formula

import "strconv"

// Node is one operation.
type Node struct {
	Op     string  `json:"op"`               // an operation of the table in functions.go, or a leaf
	Name   string  `json:"name,omitempty"`   // of a name
	Number float64 `json:"number,omitempty"` // of a number; of a truth value, 1 for true
	Args   []int   `json:"args,omitempty"`   // indices of operands, which come before
}

// The leaves.
const (
	opNumber = "number"
	opTruth  = "truth"
	opName   = "name"
)

// Formula is an expression whose last node is its value. It is empty where the study
// sets none.
type Formula struct {
	Nodes []Node `json:"nodes,omitempty"`
}

// Let marks a block of intermediates. They are inlined when the study is loaded, so
// that a spec holds nothing of them.
type Let struct{}

// maxNodes is how many operations and operands a formula may have after equal parts
// have been merged: far more than one needs, and few enough to be traced at every
// site of a model.
const maxNodes = 1000

// IsZero reports whether there is no formula.
func (f Formula) IsZero() bool { return len(f.Nodes) == 0 }

// NodePath is the last element of the path of a node's diagnostics, below the path
// of its attribute.
func NodePath(node int) string { return "#" + strconv.Itoa(node) }

// Reads reports whether the formula reads a name.
func (f Formula) Reads(name string) bool {
	for _, n := range f.Nodes {
		if n.Op == opName && n.Name == name {
			return true
		}
	}
	return false
}

// Calls reports whether the formula calls a function.
func (f Formula) Calls(function string) bool {
	for _, n := range f.Nodes {
		if n.Op == function {
			return true
		}
	}
	return false
}

// Reduces reports whether the formula calls a function that does not go element by
// element.
func (f Formula) Reduces() bool {
	for _, n := range f.Nodes {
		if functions[n.Op].reach != broadcast || n.Op == "first" {
			return true
		}
	}
	return false
}

// Slopes lists the names through which the value of the formula has a gradient.
func (f Formula) Slopes() map[string]bool {
	out := make(map[string]bool)
	if f.IsZero() {
		return out
	}
	reached := make([]bool, len(f.Nodes))
	reached[len(f.Nodes)-1] = true
	for i := len(f.Nodes) - 1; i >= 0; i-- {
		n := f.Nodes[i]
		if !reached[i] {
			continue
		}
		if n.Op == opName {
			out[n.Name] = true
		}
		if functions[n.Op].flat {
			continue
		}
		for j, a := range n.Args {
			if !(n.Op == "where" && j == 0) {
				reached[a] = true
			}
		}
	}
	return out
}
