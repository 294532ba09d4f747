// Package study is a loaded study as plain data: instances with their specs, how and
// where they run, and what the lock pins. It knows nothing of HCL's syntax.
package study

import (
	"reflect"
	"time"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
)

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

	Locate func(diag.Path) diag.Range
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

	ExecutorAt diag.Range // where Executor stands
}

// Refs lists the spec's references, in the order of its fields.
func (i *Instance) Refs() []Edge { return edges(nil, reflect.ValueOf(i.Spec).Elem(), "") }

// At returns the range of an attribute or block inside the instance's stage,
// or of the nearest enclosing thing that stands in the file.
func (i *Instance) At(p diag.Path) diag.Range {
	if i.Locate == nil {
		return i.Range
	}
	return i.Locate(p)
}
