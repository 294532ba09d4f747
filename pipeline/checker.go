package pipeline

import "ablate/hcl/diag"

// Checker is a stage whose spec can be checked against what its inputs declare,
// before any of them has run: factors and levels of trials, columns of a table.
type Checker interface {
	// Check is pure. Inputs have an address, a label, factors and a spec, but no
	// artifacts and no key. The specs that the stage refers to itself are valid;
	// those that these refer to need not be.
	Check(in Inputs) diag.List
}
