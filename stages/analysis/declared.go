package analysis

import (
	"fmt"
	"slices"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
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
func (c Declared) sides() []side {
	out := []side{{c.Of, 1}, {c.Against, -1}}
	if c.Minus != nil {
		out = append(out, side{c.Minus.Of, -1}, side{c.Minus.Against, 1})
	}
	return out
}

type side struct {
	levels map[string]addr.Level
	sign   float64
}

// digest identifies what is declared: the contrast and what it is taken of.
func (c Declared) digest(f *Factorial) string {
	var sides []cache.Value
	for _, s := range c.sides() {
		levels := make(map[string]cache.Value, len(s.levels))
		for name, l := range s.levels {
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
		for _, s := range c.sides() {
			if _, ok := s.levels[f.Replicate]; ok {
				wrong("%q fixes %s, which numbers the replicates.", c.Name, f.Replicate)
			}
		}
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
		if other, ok := b[name]; !ok || !sameLevel(l, other) {
			return false
		}
	}
	return true
}

// checkDeclared refuses factors and levels that no trial has.
func (f *Factorial) checkDeclared(d *design) diag.List {
	var list diag.List
	for _, c := range f.Contrasts {
		for _, s := range c.sides() {
			for _, name := range sortedKeys(s.levels) {
				i := slices.IndexFunc(d.factors, func(x factor) bool { return x.name == name })
				switch {
				case i < 0:
					list = append(list, diag.Errorf(diag.Path{"contrast"}, "Unknown factor", "The contrast %q names %q, which the trials lack.", c.Name, name)...)
				case d.factors[i].find(s.levels[name]) < 0:
					list = append(list, diag.Errorf(diag.Path{"contrast"}, "Unknown level", "The contrast %q: no trial has %s = %s. There is %s.",
						c.Name, name, s.levels[name], join(d.factors[i].levels))...)
				}
			}
		}
	}
	return list
}

// find returns the index of a level, or -1.
func (f *factor) find(l addr.Level) int {
	return slices.IndexFunc(f.ids, func(id addr.Level) bool { return sameLevel(id, l) })
}

// declared builds a declared contrast of the design.
func (d *design) declared(c Declared) contrast {
	out := contrast{kind: "declared", name: c.Name}
	for _, s := range c.sides() {
		cells := [][]int{make([]int, len(d.factors))}
		for i, f := range d.factors {
			levels := []int{}
			if l, fixed := s.levels[f.name]; fixed {
				levels = append(levels, f.find(l))
			} else {
				for j := range f.levels {
					levels = append(levels, j)
				}
			}
			var next [][]int
			for _, cell := range cells {
				for _, l := range levels {
					x := slices.Clone(cell)
					x[i] = l
					next = append(next, x)
				}
			}
			cells = next
		}
		for _, cell := range cells {
			d.weigh(&out, cell, s.sign/float64(len(cells)))
		}
	}
	for i, w := range out.weights { // a cell that stands on both sides
		if w == 0 {
			delete(out.weights, i)
		}
	}
	return out
}

// standing says what the lock holds of a result's declared contrasts.
type standing struct {
	Time    string   `json:"time,omitempty"` // of the freeze
	Known   int      `json:"known"`
	Trials  int      `json:"trials"`
	Changed []string `json:"changed,omitempty"` // declared, but not as frozen
	Gone    []string `json:"gone,omitempty"`    // frozen, but not declared any more
}

// standing compares the declarations with the frozen ones.
func (f *Factorial) standing(frozen map[string]string) *standing {
	s := &standing{}
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

// lines says in sentences what was planned and what was not.
func (s *standing) lines() []string {
	if s.Time == "" {
		return []string{"Nothing is frozen yet: ablate run writes the lock before the first trial."}
	}
	line := fmt.Sprintf("Frozen at %s, when %d of %d trials had a result.", s.Time, s.Known, s.Trials)
	if s.Known == s.Trials {
		line = fmt.Sprintf("Frozen at %s, when all results were known.", s.Time)
	} else if s.Known > 0 {
		line += " What was known by then may have chosen them."
	}
	out := []string{line + " All that is not marked planned is exploratory."}
	if len(s.Gone) > 0 {
		out = append(out, "Planned, but not declared any more: "+join(s.Gone)+".")
	}
	return out
}
