// Package selector finds the instances that a user names on the command line. One
// grammar serves every command:
//
//	train.lm.main["norm=derf.paper,seed=1"]   an address
//	train.lm.*, train                         addresses that match a pattern
//	main, derf.paper, derf.alpha:0.1, alpha:0.1
//	                                          the name of a stage, with its type or key
//	Derf                                      a label
//	norm=derf.*,seed=1                        levels, by text, address, label or value
//	main[seed=1]                              levels of one stage
//
// The first of these readings that selects anything wins. The package knows names
// only, and reads no store.
package selector

import (
	"fmt"
	"strconv"
	"strings"

	"ablate/hcl/addr"
	"ablate/pipeline/process"
)

// Candidate is an instance that can be named.
type Candidate struct {
	Address addr.Instance
	Label   string         // for people
	Factors []*addr.Factor // of a matrix cell
}

// Index finds candidates.
type Index struct {
	noun string // what the candidates are, for messages
	all  []Candidate
}

// New returns an index. The noun, such as "instance" or "analysis", names the
// candidates in messages.
func New(noun string, all []Candidate) *Index { return &Index{noun: noun, all: all} }

// Select returns the candidates that a text names, at least one.
func (x *Index) Select(text string) ([]addr.Instance, error) {
	if text == "" {
		return nil, fmt.Errorf("an empty text names no %s: use an address, a name, a label, or levels such as norm=derf.*,seed=42", x.noun)
	}
	found, err := x.find(text)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("the study has no %s %s%s", x.noun, quote(text), x.suggestion(text))
	}
	out := make([]addr.Instance, len(found))
	for i, c := range found {
		out[i] = c.Address
	}
	return out, nil
}

// AmbiguousError says that a text names several candidates where one is needed.
type AmbiguousError struct {
	Text, Noun string
	Found      []addr.Instance
}

// Error lists the first few.
func (e *AmbiguousError) Error() string {
	const shown = 3
	var b strings.Builder
	fmt.Fprintf(&b, "%s names %d %s: choose one, for example\n", quote(e.Text), len(e.Found), plural(e.Noun))
	for _, a := range e.Found[:min(shown, len(e.Found))] {
		b.WriteString("\n    " + process.ShellQuote(a.String()))
	}
	return b.String()
}

// One returns the only candidate that a text names.
func (x *Index) One(text string) (addr.Instance, error) {
	found, err := x.Select(text)
	switch {
	case err != nil:
		return addr.Instance{}, err
	case len(found) > 1:
		return addr.Instance{}, &AmbiguousError{text, x.noun, found}
	}
	return found[0], nil
}

// find tries the readings of a text in turn.
func (x *Index) find(text string) ([]Candidate, error) {
	if found := filter(x.all, func(c Candidate) bool { return c.Address.String() == text }); len(found) > 0 {
		return found, nil
	}
	if found := filter(x.all, func(c Candidate) bool { return c.Label == text }); strings.ContainsAny(text, "=[") && len(found) > 0 {
		return found, nil
	}
	head, key, keyed := strings.Cut(text, "[")
	if strings.Contains(head, "=") { // a bracket is that of a level: norm=norm.derf.alpha["0.1"]
		return x.byLevels(x.all, text)
	}
	if !keyed {
		return x.byName(text), nil
	}
	key, closed := strings.CutSuffix(key, "]")
	if !closed {
		return nil, fmt.Errorf("%s lacks its closing bracket", quote(text))
	}
	if unquoted, err := strconv.Unquote(key); err == nil { // a shell may have removed the quotes
		key = unquoted
	}
	stage := x.byName(head)
	if len(stage) == 0 {
		return nil, nil
	}
	if found := filter(stage, func(c Candidate) bool { return c.Address.Key == key }); len(found) > 0 || !strings.Contains(key, "=") {
		return found, nil
	}
	return x.byLevels(stage, key)
}

// byName selects by a pattern of addresses, by the name of a stage or by a label.
func (x *Index) byName(text string) []Candidate {
	readings := []func(Candidate) bool{
		func(c Candidate) bool { return c.Address.Stage.Matches(text) },
		func(c Candidate) bool { return c.Address.Stage.Name == text },
		func(c Candidate) bool { return addr.Glob(text, short(c.Address)) },
		func(c Candidate) bool { return addr.Glob(text, c.Address.Stage.Type+"."+c.Address.Stage.Name) },
		func(c Candidate) bool { return nameAndKey(c.Address) == text },
		func(c Candidate) bool { return c.Label == text },
		func(c Candidate) bool { return addr.Glob(text, c.Address.Stage.Name) },
		func(c Candidate) bool { return strings.EqualFold(c.Label, text) },
	}
	for _, reading := range readings {
		if found := filter(x.all, reading); len(found) > 0 {
			return found
		}
	}
	return nil
}

func filter(all []Candidate, keep func(Candidate) bool) []Candidate {
	var out []Candidate
	for _, c := range all {
		if keep(c) {
			out = append(out, c)
		}
	}
	return out
}

// short is the form of an address that levels have: derf.paper, derf.alpha:0.1.
func short(a addr.Instance) string {
	return addr.Level{Kind: "ref", Ref: a}.String()
}

// nameAndKey is the form of an address without the type of the stage: paper,
// alpha:0.1.
func nameAndKey(a addr.Instance) string {
	if a.Key == "" {
		return a.Stage.Name
	}
	return a.Stage.Name + ":" + a.Key
}

func quote(text string) string {
	if strings.Contains(text, `"`) {
		return text
	}
	return `"` + text + `"`
}

func plural(noun string) string {
	if s, ok := strings.CutSuffix(noun, "is"); ok {
		return s + "es"
	}
	return noun + "s"
}
