// Package diag says what is wrong with a study, where, and what to do about it.
//
// A mistake in a user's file is a Diagnostic; diagnostics are collected in a
// List and never stop at the first. A part of the program that has no access to
// source text reports a Path inside a block; the language layer turns it into a
// Range. The package uses the standard library only.
package diag

import (
	"errors"
	"fmt"
	"strings"
)

// Severity tells errors, which stop the command, from warnings, which do not.
type Severity int

// The two severities.
const (
	Error Severity = iota
	Warning
)

// String returns "Error" or "Warning", as diagnostics are headed.
func (s Severity) String() string {
	if s == Warning {
		return "Warning"
	}
	return "Error"
}

// Pos is a place in a source file. Line and Column count from 1 (columns in
// grapheme clusters, as HCL counts them); Byte counts from 0.
type Pos struct {
	Line, Column, Byte int
}

// Range is a stretch of a source file, End exclusive.
type Range struct {
	Filename   string
	Start, End Pos
}

// String returns "file:line" or "file:line,column" the way editors follow it.
func (r Range) String() string {
	if r.Start.Line == 0 {
		return r.Filename
	}
	return fmt.Sprintf("%s:%d,%d", r.Filename, r.Start.Line, r.Start.Column)
}

// Path names an attribute or block inside a stage from the outside in:
// {"schedule", "warmup"}. The empty path is the block itself.
type Path []string

// String joins the path with dots.
func (p Path) String() string { return strings.Join(p, ".") }

// Diagnostic is one finding. Summary is fixed and terse and holds no names of
// the user's; Detail says in whole sentences what is wrong and what to do.
type Diagnostic struct {
	Severity Severity
	Summary  string
	Detail   string
	Path     Path   // inside the block, when the reporter knows no source
	Range    *Range // where in the source, when known
	Address  string // the instance concerned, when there is one
}

// List is a collection of diagnostics in the order of discovery.
type List []Diagnostic

// Errorf is a list of one error at a path.
func Errorf(path Path, summary, detail string, args ...any) List {
	return List{{Severity: Error, Summary: summary, Detail: fmt.Sprintf(detail, args...), Path: path}}
}

// Warningf is a list of one warning at a path.
func Warningf(path Path, summary, detail string, args ...any) List {
	return List{{Severity: Warning, Summary: summary, Detail: fmt.Sprintf(detail, args...), Path: path}}
}

// HasErrors reports whether any diagnostic is an error.
func (l List) HasErrors() bool {
	for _, d := range l {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Err returns the list as an error when it holds an error, else nil.
// From gets it back out of whatever the error was wrapped in.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return listError{l}
}

// From returns the list inside err, if there is one.
func From(err error) (List, bool) {
	var le listError
	if errors.As(err, &le) {
		return le.list, true
	}
	return nil, false
}

type listError struct{ list List }

func (e listError) Error() string {
	var b strings.Builder
	for _, d := range e.list {
		if d.Severity != Error {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(strings.TrimSuffix(d.Summary, "."))
		if d.Detail != "" {
			b.WriteString(": " + d.Detail)
		}
	}
	return b.String()
}
