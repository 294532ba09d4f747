// Package diag describes mistakes in a user's files.
//
// A Diagnostic says what is wrong, where, and what to do. Diagnostics are collected
// in a List, so that a user sees all mistakes at once. Code without access to the
// source reports a Path inside a block; the caller that has the source turns it
// into a Range. Failures of the machine are ordinary errors and do not belong here.
//
// The package imports the standard library only.
package diag

import (
	"errors"
	"fmt"
	"strings"
)

// Severity is the severity of a diagnostic. An error stops the command; a warning
// does not.
type Severity int

// The two severities.
const (
	Error Severity = iota
	Warning
)

// String returns "Error" or "Warning".
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

// Range is a part of a source file. End is exclusive.
type Range struct {
	Filename   string
	Start, End Pos
}

// String returns "file:line,column", or the file if the position is not known.
func (r Range) String() string {
	if r.Start.Line == 0 {
		return r.Filename
	}
	return fmt.Sprintf("%s:%d,%d", r.Filename, r.Start.Line, r.Start.Column)
}

// Path is the place of an attribute or block inside a stage, outermost name first:
// {"schedule", "warmup"}. The empty path is the stage itself.
type Path []string

// String joins the path with dots.
func (p Path) String() string { return strings.Join(p, ".") }

// Diagnostic is one error or warning. Summary is short, always the same for a kind
// of mistake, and contains no names of the user. Detail says in full sentences what
// is wrong and what to do.
type Diagnostic struct {
	Severity Severity
	Summary  string
	Detail   string
	Path     Path   // inside the block, if Range is not known
	Range    *Range // nil if not known
	Address  string // of the instance, if the mistake concerns one
	Others   int    // further instances of the stage that it concerns
}

// List is a list of diagnostics in the order in which they were found.
type List []Diagnostic

// Errorf returns a list of one error at a path.
func Errorf(path Path, summary, detail string, args ...any) List {
	return List{{Severity: Error, Summary: summary, Detail: fmt.Sprintf(detail, args...), Path: path}}
}

// Warningf returns a list of one warning at a path.
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

// Err returns the list as an error, or nil if it contains no errors. From returns
// the list again, also from an error that wraps it.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return listError{l}
}

// From returns the list that err wraps, if any.
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
