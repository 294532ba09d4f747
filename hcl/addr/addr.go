// Package addr has the addresses of a study: of stages (norm.derf.paper), of their
// instances (train.lm.main["norm=derf.paper,seed=42"]), and the levels of factors
// that instances are named by.
//
// Addresses are values: immutable, comparable, and usable as keys of maps. What
// String writes, Parse reads. The package imports the standard library only.
package addr

import (
	"fmt"
	"strings"
)

// Stage is the address of a block: norm.derf.paper.
type Stage struct {
	Block, Type, Name string
}

// String returns block.type.name.
func (s Stage) String() string { return s.Block + "." + s.Type + "." + s.Name }

// IsZero reports whether the address is empty.
func (s Stage) IsZero() bool { return s == Stage{} }

// Instance is the address of one instance of a stage. Key is the key of a for_each
// ("0.1"), or the levels of a matrix cell ("norm=derf.paper,seed=42", factors
// sorted by name). It is empty if the stage has only one instance.
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

// IsZero reports whether the address is empty.
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

// Level is one value of a factor: a reference to an instance, references to an
// instance for each part of something (see Parts), or a scalar. All but a reference
// are stored as their kind and their canonical text (the shortest exact number, true
// or false, or the string itself), so that levels are comparable.
type Level struct {
	Ref  Instance // zero for all but a reference
	Kind string   // "ref", "parts", "number", "string" or "bool"
	Text string   // canonical text of all but a reference
}

// String returns the level's short form, which addresses contain: derf.paper,
// derf.alpha:0.1, attention:derf.paper+ffn:rmsnorm.base, 42. It omits the block of a reference, which the factor implies.
func (l Level) String() string {
	switch l.Kind {
	case "ref":
		return QuoteLevel(short(l.Ref))
	case "string":
		return QuoteLevel(l.Text)
	}
	if p, ok := l.Parts(); ok {
		return QuoteLevel(p.text(short))
	}
	return l.Text
}

// Factor is a factor at one of its levels. The cells at that level may share it.
type Factor struct {
	Name  string
	Level Level
	Label string // display text of the level
}

// FactorNamed returns the factor of a name; nil if there is none.
func FactorNamed(factors []*Factor, name string) *Factor {
	for _, f := range factors {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Key returns the Instance.Key of a matrix cell. The factors are sorted by name.
func Key(factors []*Factor) string {
	parts := make([]string, len(factors))
	for i, f := range factors {
		parts[i] = f.KeyPart()
	}
	return JoinKey(parts...)
}

// KeyPart returns what the factor adds to the key of a cell.
func (f *Factor) KeyPart() string { return f.Name + "=" + f.Level.String() }

// JoinKey returns the key of a cell from the parts of its factors, sorted by name.
func JoinKey(parts ...string) string { return strings.Join(parts, ",") }
