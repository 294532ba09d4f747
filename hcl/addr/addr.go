// Package addr holds the names that people use for parts of a study: stages,
// their instances, and the levels that tell instances apart. Values are
// immutable and comparable. The package uses the standard library only.
package addr

import (
	"fmt"
	"strings"
)

// Stage names one block: norm.derf.paper.
type Stage struct {
	Block, Type, Name string
}

// String returns block.type.name.
func (s Stage) String() string { return s.Block + "." + s.Type + "." + s.Name }

// IsZero reports whether the address names nothing.
func (s Stage) IsZero() bool { return s == Stage{} }

// Instance names one member of a stage. Key is empty for a stage that has just
// one; a for_each key ("0.1") or the levels of a matrix cell
// ("norm=derf.paper,seed=42", factors sorted by name) otherwise.
type Instance struct {
	Stage Stage
	Key   string
}

// String returns norm.derf.paper or train.lm.main["norm=derf.paper,seed=42"].
func (i Instance) String() string {
	if i.Key == "" {
		return i.Stage.String()
	}
	return fmt.Sprintf("%s[%q]", i.Stage, i.Key)
}

// IsZero reports whether the address names nothing.
func (i Instance) IsZero() bool { return i.Stage.IsZero() }

// MarshalText writes the address as String does; the zero address is empty.
func (i Instance) MarshalText() ([]byte, error) {
	if i.IsZero() {
		return nil, nil
	}
	return []byte(i.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (i *Instance) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*i = Instance{}
		return nil
	}
	v, err := Parse(string(b))
	if err != nil {
		return err
	}
	*i = v
	return nil
}

// Level is one value on a factor: a reference to an instance, or a scalar.
// Scalars are held by their canonical text (shortest exact number, true/false,
// or the string itself) and their kind, so that levels are comparable.
type Level struct {
	Ref  Instance // zero for a scalar
	Kind string   // "ref", "number", "string" or "bool"
	Text string   // canonical text of a scalar
}

// String is the level's short form inside an address: derf.paper,
// derf.alpha:0.1, 42. The block of a reference is implied by its factor.
func (l Level) String() string {
	if l.Kind == "string" {
		return QuoteLevel(l.Text)
	}
	if l.Kind != "ref" {
		return l.Text
	}
	s := l.Ref.Stage.Type + "." + l.Ref.Stage.Name
	if l.Ref.Key != "" {
		s += ":" + l.Ref.Key
	}
	return QuoteLevel(s)
}

// Factor is a factor's name with one of its levels. All cells of that level may
// share one.
type Factor struct {
	Name  string
	Level Level
	Label string // display text of the level
}

// FactorNamed finds a factor; nil where there is none of that name.
func FactorNamed(factors []*Factor, name string) *Factor {
	for _, f := range factors {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Key renders the factors of one matrix cell, sorted by name, for Instance.Key.
func Key(factors []*Factor) string {
	var b strings.Builder
	for i, f := range factors {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(f.Name + "=" + f.Level.String())
	}
	return b.String()
}
