package analysis

import (
	"slices"
	"strings"
	"unicode"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/answer"
)

// Declared is a contrast that the study defines: the mean of some cells minus the
// mean of others, with equal weights, or minus a constant.
type Declared struct {
	Name     string                `hcl:"name" doc:"Its name, in tables and for other programs."`
	Of       map[string]addr.Level `hcl:"of" doc:"By factor, the level of the cells to compare. Factors that are left out are averaged over."`
	Against  map[string]addr.Level `hcl:"against,optional" doc:"By factor, the level of the cells to compare them with."`
	Constant *float64              `hcl:"constant,optional" doc:"A constant to compare them with instead, such as a published loss. Its own uncertainty is not known, so the interval does not include it."`
	Minus    *Difference           `hcl:"minus,block" doc:"A second difference, which is subtracted from the first: an interaction."`
}

// Difference is the mean of some cells minus the mean of others.
type Difference struct {
	Of      map[string]addr.Level `hcl:"of" doc:"By factor, the level of the cells to compare."`
	Against map[string]addr.Level `hcl:"against" doc:"By factor, the level of the cells to compare them with."`
}

// sides lists the groups of cells of a declared contrast with their signs.
func (c Declared) sides() []design.Side {
	out := []design.Side{{Levels: c.Of, Sign: 1}}
	if c.Constant == nil {
		out = append(out, design.Side{Levels: c.Against, Sign: -1})
	}
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
	if c.Constant != nil {
		sides = append(sides, cache.Map(map[string]cache.Value{"constant": cache.Float(*c.Constant)}))
	}
	fields := map[string]cache.Value{
		"name": cache.String(c.Name), "sides": cache.List(sides...), "response": cache.String(f.measures()),
		"at": cache.String(f.At.String()), "replicate": cache.String(f.Replicate), "confidence": cache.Float(f.Confidence),
	}
	f.addScale(fields)
	f.addChoices(fields)
	return cache.Map(fields).Key("ablate contrast v1").String()
}

// addScale adds the scale of the response unless it is the default, so that digests of most
// declarations are as they were when scales did not count.
func (f *Factorial) addScale(fields map[string]cache.Value) {
	if f.Scale != "" {
		fields["scale"] = cache.String(f.Scale)
	}
}

// addChoices adds what else decides the number or the interval of a contrast, unless it is the
// default.
func (f *Factorial) addChoices(fields map[string]cache.Value) {
	if f.Error != string(estimate.OwnError) {
		fields["error"] = cache.String(f.Error)
	}
	if f.Families != "" {
		fields["families"] = cache.String(f.Families)
	}
	if f.Better != "lower" && (f.At.Text == "best" || len(f.Tune) > 0) {
		fields["better"] = cache.String(f.Better)
	}
	if len(f.Tune) > 0 {
		fields["tune"] = cache.List(texted(f.Tune)...)
	}
	if len(f.Only) > 0 {
		kept := make([]cache.Value, len(f.Only))
		for i, o := range f.Only {
			kept[i] = cache.List(cache.String(o.Factor), cache.List(texted(o.Levels)...))
		}
		fields["only"] = cache.List(kept...)
	}
}

// texted is words in an order of their own.
func texted(words []string) []cache.Value {
	var out []cache.Value
	for _, w := range slices.Sorted(slices.Values(words)) {
		out = append(out, cache.String(w))
	}
	return out
}

// frozenMargin is the name under which the lock holds the margin.
const frozenMargin = "margin of equivalence"

// marginDigest identifies the margin: what is tested, and how.
func (f *Factorial) marginDigest() string {
	fields := map[string]cache.Value{
		"margin": cache.Float(*f.Margin), "alpha": cache.Float(f.Alpha), "direction": cache.String(f.Direction), "better": cache.String(f.Better),
		"response": cache.String(f.measures()), "at": cache.String(f.At.String()), "replicate": cache.String(f.Replicate),
	}
	f.addScale(fields)
	return cache.Map(fields).Key("ablate margin v1").String()
}

// Declared implements pipeline.Freezer.
func (f *Factorial) Declared() map[string]string {
	if !f.Freeze {
		return nil
	}
	out := make(map[string]string, len(f.Contrasts)+1)
	for _, c := range f.Contrasts {
		out[c.Name] = c.digest(f)
	}
	if f.Margin != nil {
		out[frozenMargin] = f.marginDigest()
	}
	return out
}

// validateDeclared refuses contrasts that cannot be told apart, and contrasts of
// cells with themselves.
func (f *Factorial) validateDeclared() diag.List {
	var list diag.List
	wrong := func(detail string, args ...any) {
		list = append(list, diag.Errorf(diag.Path{"contrast"}, "Unusable contrast", detail, args...)...)
	}
	seen := map[string]bool{frozenMargin: true}
	for _, c := range f.Contrasts {
		switch {
		case c.Name == "":
			wrong("A contrast needs a name.")
		case c.Name == frozenMargin:
			wrong("The name %q is reserved for margin. Choose another.", c.Name)
		case strings.ContainsFunc(c.Name, unicode.IsControl):
			wrong("The name of a contrast is one line of text, but %q contains a control character. Remove it.", c.Name)
		case seen[c.Name]:
			wrong("Two contrasts have the name %q. Rename one.", c.Name)
		}
		seen[c.Name] = true
		switch {
		case c.Constant == nil && c.Against == nil:
			wrong("%q compares with nothing. Add against, the cells to compare with, or constant.", c.Name)
			continue
		case c.Constant != nil && (c.Against != nil || c.Minus != nil):
			wrong("%q has a constant beside against or minus. A constant takes the place of both: remove it, or them.", c.Name)
			continue
		case c.Constant != nil:
			continue
		}
		switch m := c.Minus; {
		case sameSetting(c.Of, c.Against) || m != nil && sameSetting(m.Of, m.Against):
			wrong("%q compares cells with themselves: of and against are the same.", c.Name)
		case m != nil && sameSetting(c.Of, m.Of) && sameSetting(c.Against, m.Against):
			wrong("%q subtracts a difference from itself, which is 0: of and against are the same in minus. Change a level there.", c.Name)
		}
	}
	if f.Freeze && len(f.Contrasts) == 0 && f.Margin == nil {
		list = append(list, diag.Errorf(diag.Path{"freeze"}, "Nothing to freeze",
			"freeze stores declared contrasts and the margin before the first trial runs. Declare one of them: margin, or a block contrast with name, of and against.")...)
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
	if f.Margin != nil && frozen != nil {
		s.Margin = "planned"
		if frozen[frozenMargin] != declared[frozenMargin] {
			s.Margin = "exploratory: changed after the freeze"
		}
	}
	for _, name := range sortedKeys(frozen) {
		if _, ok := declared[name]; !ok {
			s.Gone = append(s.Gone, name)
		}
	}
	return s
}
