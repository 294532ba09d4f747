// Package hcl turns a folder of files into a study: variables, functions,
// expansion of matrix and for_each, references, and typed decoding. It is the
// only package that knows hashicorp/hcl and go-cty; nothing of them leaves it.
//
// Mistakes of the study's author are diagnostics, collected; nothing panics on
// any input. The order of files and blocks never matters.
package hcl

import (
	"reflect"
	"time"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
)

// Kind tells the language about one type of stage.
type Kind struct {
	Block, Type string
	New         func() any // a pointer to a spec struct (see package spec), pre-filled with defaults
}

// Options says what to load and with which variables.
type Options struct {
	Dir     string   // the study's folder
	Kinds   []Kind   // what stages there are
	Environ []string // "NAME=value", as os.Environ gives it
	Vars    []Var    // --var and --var-file, in the order given
}

// Var is one --var (Name, Value) or one --var-file (File).
type Var struct {
	Name, Value string
	File        string
}

// Study is a loaded, expanded and decoded folder.
type Study struct {
	Name        string // of the study block, or the folder's base name
	Description string
	Seed        int64
	Numerics    string // "record" (default) or "strict"
	Dir         string

	Instances []*Instance       // sorted by block, type, name, then in order of expansion
	Sources   map[string][]byte // file name, as ranges have it, to content: for snippets
}

// Instance is one expanded stage with its decoded spec.
type Instance struct {
	Address     addr.Instance
	Label       string // from the block, or the address's short form
	Description string
	Spec        any            // what Kind.New made, decoded, resolved; never changed afterwards
	Factors     []*addr.Factor // of a matrix cell, sorted by name
	Runtime     *Runtime       // never nil; cells of a matrix share theirs
	Range       diag.Range     // of the block's header

	locate func(diag.Path) diag.Range
}

// Edge is one reference: the attribute path that holds it and its target.
type Edge struct {
	Path   string
	Target addr.Instance
}

// Runtime is how and where to run an instance. Nothing of it reaches a key.
type Runtime struct {
	Timeout   time.Duration
	Retries   int
	Executor  string // a label of the user's configuration; "" is this machine
	Resources Resources

	executorAt diag.Range // where Executor stands
}

// Refs lists the spec's references, in the order of its fields.
func (i *Instance) Refs() []Edge { return edges(nil, reflect.ValueOf(i.Spec).Elem(), "") }

// At returns the range of an attribute or block inside the instance's stage,
// or of the nearest enclosing thing that stands in the file.
func (i *Instance) At(p diag.Path) diag.Range {
	if i.locate == nil {
		return i.Range
	}
	return i.locate(p)
}
