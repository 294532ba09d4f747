// Package hcl loads a study: it reads a folder of HCL files and returns its
// stages as instances with typed specs.
//
// Load works in this order:
//
//  1. read and parse the files, and collect their blocks (load.go, files.go);
//  2. give each variable its value (variables.go);
//  3. evaluate the study block and the locals (settings.go, locals.go);
//  4. expand each stage, its references first: for_each (foreach.go) or matrix
//     (matrix.go, factor.go, rules.go, include.go, cell.go);
//  5. decode the body of each instance into the Go struct of its kind
//     (decode.go, assign.go).
//
// A reference to a stage evaluates to its address (values.go). It is an edge of
// the graph and never a value that becomes known later.
//
// Mistakes in a study are diagnostics. All of them are collected, each with its
// place in the source. The order of files and blocks does not matter, and no
// input makes the package panic. Files, nesting, evaluation and the number of
// instances are bounded (limits.go), so that no study exhausts the machine.
//
// The package also reads the files beside a study: the lock (lock.go) and the
// configuration of user and team (config.go). No other package imports
// hashicorp/hcl or go-cty, and none of their types appears in its API.
package hcl
