package analysis

import (
	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/answer"
)

// Declared is a contrast that the study asks for by name: the mean of some
// cells minus the mean of others, each cell counting the same.
type Declared struct {
	Name    string                `hcl:"name" doc:"Its name in tables and for other programs."`
	Of      map[string]addr.Level `hcl:"of" doc:"By factor, the level of the cells that are compared; factors left out are averaged over."`
	Against map[string]addr.Level `hcl:"against" doc:"By factor, the level of the cells that they are compared with."`
	Minus   *Difference           `hcl:"minus,block" doc:"A second difference that is taken off the first: an interaction."`
}

// Difference is the mean of some cells minus the mean of others.
type Difference struct {
	Of      map[string]addr.Level `hcl:"of" doc:"By factor, the level of the cells that are compared."`
	Against map[string]addr.Level `hcl:"against" doc:"By factor, the level of the cells that they are compared with."`
}

// sides lists the groups of cells of a declared contrast with their signs.
func (c Declared) sides() []design.Side {
	out := []design.Side{{Levels: c.Of, Sign: 1}, {Levels: c.Against, Sign: -1}}
	if c.Minus != nil {
		out = append(out, design.Side{Levels: c.Minus.Of, Sign: -1}, design.Side{Levels: c.Minus.Against, Sign: 1})
	}
	return out
}

// digest identifies what is declared: the contrast and what it is taken of.
func (c Declared) digest(f *Factorial) string {
	var sides []cache.Value
	for _, s := range c.sides() {
		levels := make(map[string]cache.Value, len(s.Levels))
		for name, l := range s.Levels {
			levels[name] = cache.String(l.String())
		}
		sides = append(sides, cache.Map(levels))
	}
	return cache.Map(map[string]cache.Value{
		"name": cache.String(c.Name), "sides": cache.List(sides...), "response": cache.String(f.Response),
		"at": cache.String(f.At.String()), "replicate": cache.String(f.Replicate), "confidence": cache.Float(f.Confidence),
	}).Key("ablate contrast v1").String()
}

// Declared implements pipeline.Freezer.
func (f *Factorial) Declared() map[string]string {
	if !f.Freeze {
		return nil
	}
	out := make(map[string]string, len(f.Contrasts))
	for _, c := range f.Contrasts {
		out[c.Name] = c.digest(f)
	}
	return out
}

// validateDeclared refuses contrasts that no one could tell apart, or that
// compare the same with itself.
func (f *Factorial) validateDeclared() diag.List {
	var list diag.List
	wrong := func(detail string, args ...any) {
		list = append(list, diag.Errorf(diag.Path{"contrast"}, "Unusable contrast", detail, args...)...)
	}
	seen := make(map[string]bool)
	for _, c := range f.Contrasts {
		if c.Name == "" {
			wrong("A contrast needs a name.")
		}
		if seen[c.Name] {
			wrong("Two contrasts are called %q.", c.Name)
		}
		seen[c.Name] = true
		if sameSetting(c.Of, c.Against) || c.Minus != nil && sameSetting(c.Minus.Of, c.Minus.Against) {
			wrong("%q compares cells with themselves: of and against are the same.", c.Name)
		}
	}
	if f.Freeze && len(f.Contrasts) == 0 {
		list = append(list, diag.Errorf(diag.Path{"freeze"}, "Nothing to freeze",
			"freeze keeps the declared contrasts as they are before the first trial. Declare one: contrast { name = …, of = { … }, against = { … } }.")...)
	}
	return list
}

func sameSetting(a, b map[string]addr.Level) bool {
	if len(a) != len(b) {
		return false
	}
	for name, l := range a {
		if other, ok := b[name]; !ok || !design.Same(l, other) {
			return false
		}
	}
	return true
}

// standing compares the declarations with the frozen ones.
func (f *Factorial) standing(frozen map[string]string) *answer.Standing {
	s := &answer.Standing{}
	declared := f.Declared()
	for _, c := range f.Contrasts {
		if frozen[c.Name] != declared[c.Name] {
			s.Changed = append(s.Changed, c.Name)
		}
	}
	for _, name := range sortedKeys(frozen) {
		if _, ok := declared[name]; !ok {
			s.Gone = append(s.Gone, name)
		}
	}
	return s
}
