// Package study has a loaded study as plain data: its instances with their specs,
// how and where they run, and what the lock pins. It does not depend on HCL syntax,
// so that the rest of the program does not either.
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

	Instances []*Instance       // sorted by block, type and name, then in order of expansion
	Sources   map[string][]byte // content of the files by name, for snippets
}

// Instance is one expanded stage with its decoded spec.
type Instance struct {
	Address     addr.Instance
	Label       string // of the block, or the short form of the address
	Description string
	Spec        any            // made by Kind.New, decoded and resolved; never changed afterwards
	Factors     []*addr.Factor // of a matrix cell, sorted by name
	Runtime     *Runtime       // never nil; shared by the cells of a matrix
	Range       diag.Range     // of the block's header

	Locate func(diag.Path) diag.Range // may be nil
}

// Edge is one reference: the path of its attribute, and its target.
type Edge struct {
	Path   string
	Target addr.Instance
}

// Runtime says how and where to run an instance. It is never part of a key.
type Runtime struct {
	Timeout   time.Duration
	Retries   int
	Executor  string // label of an executor in the configuration; "" is this machine
	Resources Resources

	ExecutorAt diag.Range // of the attribute executor
}

// Refs lists the spec's references, in the order of its fields.
func (i *Instance) Refs() []Edge { return i.AppendRefs(nil) }

// AppendRefs appends the spec's references to a list.
func (i *Instance) AppendRefs(list []Edge) []Edge {
	return edges(list, reflect.ValueOf(i.Spec).Elem(), "")
}

// At returns the range of an attribute or block of the stage. If it is not in the
// file, At returns the range of the innermost block around it.
func (i *Instance) At(p diag.Path) diag.Range {
	if i.Locate == nil {
		return i.Range
	}
	return i.Locate(p)
}
