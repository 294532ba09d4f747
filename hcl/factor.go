package hcl

import (
	"fmt"
	"reflect"
	"slices"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/spec"
)

// factor is one axis of a matrix. Its slices run parallel.
type factor struct {
	name   string
	bound  bool       // sets the attribute of its name
	field  spec.Field // that attribute
	at     *diag.Range
	levels []cty.Value
	names  []addr.Level
	exprs  []hclv2.Expression // of the levels that the study writes out one by one
	values []reflect.Value    // the attribute at each level, decoded on first use

	// Of each level, made on first use.
	shown   []*addr.Factor
	parts   []string                // of a cell's key
	entries []map[string]diag.Range // the places of the entries of a level that is an object
}

// readFactors reports whether all factors could be read. If the levels of one
// are invalid elsewhere, that is reported there.
func (x *crossing) readFactors(matrix *hclv2.Block) bool {
	before, known := len(x.l.diags), true
	attrs, diags := matrix.Body.JustAttributes()
	x.l.upstream(diags)
	if len(attrs) == 0 && !diags.HasErrors() {
		x.l.fail(rangeOf(matrix.DefRange), "Empty matrix", "A matrix needs at least one factor, for example seed = [1, 2, 3].")
	}
	schema := spec.Of(reflect.TypeOf(x.s.kind.New()))
	for _, name := range sortedKeys(attrs) {
		attr := attrs[name]
		if !hclsyntax.ValidIdentifier(name) { // in JSON
			x.l.fail(rangeOf(attr.NameRange), "Invalid name", "%q is not a valid name for a factor. %s", name, identifierRule)
			continue
		}
		val, ok := x.l.eval(attr.Expr, x.sc)
		if !ok {
			known = false
			continue
		}
		field, bound := schema.Field(name)
		if bound && field.Form != spec.Attribute {
			x.l.fail(rangeOf(attr.NameRange), "Block as a factor", "%s is a block, which a factor cannot set. Rename the factor and read it inside the block as matrix.name.", name)
			continue
		}
		if bound && field.Type == spec.FormulaType {
			x.l.fail(rangeOf(attr.NameRange), "Formula as a factor", "%s is a formula, which a factor cannot set. Rename the factor and read it inside the formula as matrix.name.", name)
			continue
		}
		f := factor{name: name, at: rangeOf(attr.Range), bound: bound, field: field}
		if x.readLevels(&f, val, attr.Expr) {
			x.factors = append(x.factors, f)
		}
	}
	return known && !x.l.diags[before:].HasErrors()
}

func (x *crossing) readLevels(f *factor, val cty.Value, expr hclv2.Expression) bool {
	at := rangeOf(expr.Range())
	items, ok := x.levelValues(f, val, at)
	if !ok {
		return false
	}
	if exprs, diags := hclv2.ExprList(expr); !diags.HasErrors() && len(exprs) == len(items) {
		f.exprs = exprs
	}
	if len(items) == 0 {
		x.l.fail(at, "Empty factor", "Factor %s has no levels, so there would be no trials. Add at least one.", f.name)
		return false
	}
	seen := make(map[string]bool, len(items))
	for i, item := range items {
		if f.exprs != nil {
			at = rangeOf(f.exprs[i].Range())
		}
		level, ok := asLevel(item)
		if part, of := severalIn(item); !ok && part != "" {
			x.l.fail(at, "Several instances", "A level of factor %s is an object whose entry %s refers to all instances of %s. Name one of them: %s.", f.name, part, of.Stage, of)
			return false
		}
		if !ok {
			hint := ""
			if item.IsNull() {
				hint = fmt.Sprintf(" Name the level, for example \"none\", and write matrix.%[1]s == \"none\" ? null : matrix.%[1]s where the factor is read: null leaves an attribute or parameter out.", f.name)
			}
			x.l.fail(at, "Wrong type", "A level of factor %s must be a reference, a number, a string or a bool, not %s.%s", f.name, article(describe(item)), hint)
			return false
		}
		if why := rounded(item); why != "" {
			x.l.fail(at, "Number out of range", "Factor %s: the level %s", f.name, why)
			return false
		}
		text := level.String()
		if seen[text] {
			x.l.fail(at, "Duplicate level", "Factor %s has the level %s twice. Remove one of the two.", f.name, level)
			return false
		}
		seen[text] = true
		f.levels, f.names = append(f.levels, item), append(f.names, level)
	}
	return true
}

// severalIn finds an entry of an object that refers to all instances of a stage, and the
// first of these; "" for none.
func severalIn(item cty.Value) (part string, of addr.Instance) {
	if describe(item) != "object" {
		return "", of
	}
	for it := item.ElementIterator(); it.Next(); {
		k, entry := it.Element()
		_, single := asRef(entry)
		if refs, ok := asRefs(entry); ok && !single {
			return k.AsString(), refs[0]
		}
	}
	return "", of
}

// levelValues lists the levels that a factor's value stands for.
func (x *crossing) levelValues(f *factor, val cty.Value, at *diag.Range) ([]cty.Value, bool) {
	if refs, ok := asRefs(val); ok {
		return x.members(refs), true
	}
	if describe(val) != "list" {
		x.l.fail(at, "Wrong type", "The levels of factor %s must be a list, or a stage whose instances are the levels, not %s.", f.name, article(describe(val)))
		return nil, false
	}
	var items []cty.Value
	parts := partNames(spec.Of(reflect.TypeOf(x.s.kind.New())))
	for _, item := range val.AsValueSlice() {
		if _, ok := asParts(item); ok && namesPart(item, parts) {
			items = append(items, x.partsLevel(item))
		} else if refs, ok := asRefs(item); ok {
			items = append(items, x.members(refs)...)
		} else {
			items = append(items, item)
		}
	}
	return items, true
}

// members are the levels that references stand for. Those of a local give no access to
// specs, which conditions read, and their stages may not be expanded yet.
func (x *crossing) members(refs []addr.Instance) []cty.Value {
	out := make([]cty.Value, len(refs))
	for i, a := range x.l.asListed(refs) {
		s := x.l.stages[a.Stage]
		x.l.expand(s, x.sc.trail)
		out[i] = s.value(a.Key, true)
	}
	return out
}

// asListed puts the instances of one stage into the order of its for_each, in which the
// first level is the baseline: an object sorts them by the text of their keys.
func (l *loader) asListed(refs []addr.Instance) []addr.Instance {
	if len(refs) == 1 {
		return refs
	}
	s := l.stages[refs[0].Stage]
	given := make(map[addr.Instance]bool, len(refs))
	for _, a := range refs {
		given[a] = true
	}
	var out []addr.Instance
	for _, m := range s.members {
		if a := (addr.Instance{Stage: s.addr, Key: m.key}); given[a] {
			out = append(out, a)
		}
	}
	if len(out) != len(refs) { // also of other stages, or one twice
		return refs
	}
	return out
}

// partsLevel is members for an object with a reference for each part.
func (x *crossing) partsLevel(item cty.Value) cty.Value {
	m := item.AsValueMap()
	for part, v := range m {
		if a, ok := asRef(v); ok {
			m[part] = x.members([]addr.Instance{a})[0]
		}
	}
	return cty.ObjectVal(m)
}

// add returns the index of a level, appending it if it is new.
func (f *factor) add(level addr.Level, val cty.Value) int {
	if i := slices.Index(f.names, level); i >= 0 {
		return i
	}
	f.levels, f.names = append(f.levels, val), append(f.names, level)
	return len(f.levels) - 1
}

// factorsOf lists a cell's factors, for display. All levels must be known.
func (x *crossing) factorsOf(c cell) []*addr.Factor {
	out := make([]*addr.Factor, len(c))
	for i := range x.factors {
		out[i] = x.show(&x.factors[i])[c[i]]
	}
	return out
}

// keyOf is the key of a cell in its address.
func (x *crossing) keyOf(c cell) string {
	parts := make([]string, len(c))
	for i := range x.factors {
		f := &x.factors[i]
		if f.parts == nil {
			for _, shown := range x.show(f) {
				f.parts = append(f.parts, shown.KeyPart())
			}
		}
		parts[i] = f.parts[c[i]]
	}
	return addr.JoinKey(parts...)
}

// entryRanges returns the places of the entries of a level that the study writes out
// as an object.
func (f *factor) entryRanges(level int) map[string]diag.Range {
	if !f.bound || level >= len(f.exprs) {
		return nil
	}
	if f.entries == nil {
		f.entries = make([]map[string]diag.Range, len(f.exprs))
		for i, expr := range f.exprs {
			d := &decoder{ranges: make(map[string]diag.Range)}
			d.entryRanges(expr, diag.Path{f.name})
			f.entries[i] = d.ranges
		}
	}
	return f.entries[level]
}

// show returns the factor at each level, with its display text.
func (x *crossing) show(f *factor) []*addr.Factor {
	if f.shown == nil {
		for _, level := range f.names {
			f.shown = append(f.shown, &addr.Factor{Name: f.name, Level: level, Label: x.labelOf(level)})
		}
	}
	return f.shown
}

func (x *crossing) labelOf(level addr.Level) string {
	if p, ok := level.Parts(); ok {
		return x.labelOfParts(p)
	}
	if level.Kind != "ref" {
		return level.Text
	}
	if inst := x.l.stages[level.Ref.Stage].instance(level.Ref); inst != nil {
		return inst.Label
	}
	return level.String()
}
