// Package hcl turns a folder of files into a study: variables, functions,
// expansion of matrix and for_each, references, and typed decoding. It is the
// only package that knows hashicorp/hcl and go-cty; nothing of them leaves it.
//
// Mistakes of the study's author are diagnostics, collected; nothing panics on
// any input. The order of files and blocks never matters.
package hcl

import (
	"ablate/hcl/study"
)

// Options says what to load and with which variables.
type Options struct {
	Dir     string       // the study's folder
	Kinds   []study.Kind // what stages there are
	Environ []string     // "NAME=value", as os.Environ gives it
	Vars    []Var        // --var and --var-file, in the order given
}

// Var is one --var (Name, Value) or one --var-file (File).
type Var struct {
	Name, Value string
	File        string
}
