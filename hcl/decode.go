package hcl

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/spec"
)

// decoder decodes a body into one spec.
type decoder struct {
	l       *loader
	sc      scope
	ranges  map[string]diag.Range // the place of each attribute and block, by path
	merge   bool                  // over an earlier body: nothing is required
	names   *formulaNames         // that formulas can read in the body that is being decoded
	invalid bool                  // an error was found and reported
}

// body decodes content into a struct. bound has the attributes that factors set,
// which the body must not set.
func (d *decoder) body(content *hclv2.BodyContent, target reflect.Value, path diag.Path, bound map[string]bool) {
	merge := d.merge
	d.merge = d.preset(content, target, path) || merge
	d.names = d.openNames(content, target)
	defer func() {
		d.closeNames(d.names)
		d.merge, d.names = merge, d.names.outer
	}()
	for _, f := range spec.Of(target.Type()).Fields {
		at := append(path[:len(path):len(path)], f.Name)
		field := target.Field(f.Index)
		switch f.Form {
		case spec.Attribute:
			if !f.Preset {
				d.attribute(content, f, field, at, bound[f.Name])
			}
		case spec.Block:
			d.blocks(content, f, field, at)
		case spec.Union:
			d.union(content, f, field, at)
		}
	}
}

// preset fills the target with the preset that the body names, if any. The other
// attributes of the body are then decoded over it.
func (d *decoder) preset(content *hclv2.BodyContent, target reflect.Value, path diag.Path) bool {
	fields := spec.Of(target.Type()).Fields
	i := slices.IndexFunc(fields, func(f spec.Field) bool { return f.Preset })
	if i < 0 || content.Attributes[fields[i].Name] == nil {
		return false
	}
	f, field := fields[i], target.Field(fields[i].Index)
	d.attribute(content, f, field, append(path[:len(path):len(path)], f.Name), false)
	name := field.String()
	p := target.Addr().Interface().(spec.Presetter)
	if name != "" && !p.SetPreset(name) {
		d.fail(rangeOf(content.Attributes[f.Name].Expr.Range()), "Unknown "+f.Name, "%q is not a valid %s.%s",
			name, f.Name, suggest(name, p.Presets()))
	}
	return true
}

func (d *decoder) attribute(content *hclv2.BodyContent, f spec.Field, field reflect.Value, path diag.Path, bound bool) {
	attr := content.Attributes[f.Name]
	switch {
	case attr == nil && f.Required && !bound && !d.merge:
		d.fail(rangeOf(content.MissingItemRange), "Missing attribute", "%s is required: %s = … (%s).", f.Name, f.Name, spec.TypeName(f.Type))
		return
	case attr == nil:
		return
	case bound:
		d.fail(rangeOf(attr.NameRange), "Factor set twice", "%s is a factor of the matrix, which sets it in every cell. Remove it here or from the matrix.", f.Name)
		return
	}
	d.ranges[path.String()] = *rangeOf(attr.Range)
	if f.Type == spec.FormulaType {
		d.formula(attr, field, path)
		return
	}
	d.entryRanges(attr.Expr, path)
	val, ok := d.l.eval(attr.Expr, d.sc)
	if !ok {
		d.invalid = true
		return
	}
	if val.IsNull() {
		if f.Required {
			d.fail(rangeOf(attr.Expr.Range()), "Missing value", "%s is required and cannot be null.", f.Name)
		}
		return
	}
	d.assign(val, field, f, path.String(), rangeOf(attr.Expr.Range()))
}

// blocks decodes nested blocks. A block merges into the one that the target has
// by default or from an earlier body.
func (d *decoder) blocks(content *hclv2.BodyContent, f spec.Field, field reflect.Value, path diag.Path) {
	found := content.Blocks.OfType(f.Name)
	if f.Type == spec.LetType {
		return
	}
	if f.Labelled {
		d.labelled(found, field, path)
		return
	}
	if len(found) == 0 {
		if f.Required && !d.merge {
			d.fail(rangeOf(content.MissingItemRange), "Missing block", "%s block is required: %s { … }.", capital(article(f.Name)), f.Name)
		}
		return
	}
	if len(found) > 1 && !f.Repeated {
		d.fail(rangeOf(found[1].DefRange), "Duplicate block", "There can be only one %s block here. Merge the two.", f.Name)
		return
	}
	for _, b := range found {
		d.ranges[path.String()] = *rangeOf(b.DefRange)
		switch {
		case f.Repeated:
			elem := spec.New(f.Elem())
			d.nested(b, elem.Elem(), path, true)
			field.Set(reflect.Append(field, elem.Elem()))
		case f.Pointer:
			fresh := field.IsNil()
			if fresh {
				field.Set(spec.New(f.Elem()))
			}
			d.nested(b, field.Elem(), path, fresh)
		default:
			d.nested(b, field, path, false)
		}
	}
}

// labelled decodes repeated blocks with labels, sorted by them. A block merges into
// the one of its label from an earlier body.
func (d *decoder) labelled(found hclv2.Blocks, field reflect.Value, path diag.Path) {
	seen := make(map[string]bool)
	for _, b := range found {
		label := b.Labels[0]
		at := append(path[:len(path):len(path)], label)
		if seen[label] {
			d.fail(rangeOf(b.LabelRanges[0]), "Duplicate block", "There is another %s block %q here. Merge the two, or rename one.", b.Type, label)
			continue
		}
		seen[label] = true
		d.ranges[at.String()] = *rangeOf(b.DefRange)
		i, known := sort.Find(field.Len(), func(i int) int { return strings.Compare(label, spec.LabelOf(field.Index(i)).String()) })
		if !known {
			elem := spec.New(field.Type().Elem()).Elem()
			spec.LabelOf(elem).SetString(label)
			field.Set(reflect.AppendSlice(reflect.Append(field.Slice3(0, i, i), elem), field.Slice(i, field.Len())))
		}
		d.nested(b, field.Index(i), at, !known)
	}
}

// nested decodes a block's body. A fresh target needs all required attributes,
// even if the body around it is merged.
func (d *decoder) nested(b *hclv2.Block, target reflect.Value, path diag.Path, fresh bool) {
	s := spec.Of(target.Type())
	schema := bodySchema(s)
	content, diags := b.Body.Content(schema)
	d.l.upstream(renameUnknown(diags, schema))
	d.invalid = d.invalid || diags.HasErrors()
	merge := d.merge
	d.merge = merge && !fresh
	d.body(content, target, path, nil)
	d.merge = merge
}

// union decodes a block whose label picks an arm.
func (d *decoder) union(content *hclv2.BodyContent, f spec.Field, field reflect.Value, path diag.Path) {
	found := content.Blocks.OfType(f.Name)
	if len(found) == 0 {
		return
	}
	if len(found) > 1 {
		d.fail(rangeOf(found[1].DefRange), "Duplicate block", "There can be only one %s block here. Merge the two.", f.Name)
		return
	}
	b := found[0]
	arms := spec.Of(f.Elem())
	arm, ok := arms.Field(b.Labels[0])
	if !ok {
		d.fail(rangeOf(b.LabelRanges[0]), "Unknown type", "%q is not a type of %s.%s", b.Labels[0], f.Name, suggest(b.Labels[0], arms.Names()))
		return
	}
	d.ranges[path.String()] = *rangeOf(b.DefRange)
	if field.IsNil() {
		field.Set(spec.New(f.Elem()))
	}
	field = field.Elem()
	slot := field.Field(arm.Index)
	fresh := slot.IsNil()
	if fresh { // another arm, or none: start from the arm's defaults
		field.SetZero()
		slot.Set(spec.New(arm.Elem()))
	}
	d.nested(b, slot.Elem(), path, fresh)
}

// fail reports an error and marks the instance as invalid.
func (d *decoder) fail(at *diag.Range, summary, detail string, args ...any) {
	d.invalid = true
	d.l.fail(at, summary, detail, args...)
}

// plain decodes an attribute that the language defines. Its text may be a number, as in
// a list: the label of an instance of for_each is often "${each.value}".
func (d *decoder) plain(attr *hclv2.Attribute, target any) {
	if attr == nil {
		return
	}
	val, ok := d.l.eval(attr.Expr, d.sc)
	if !ok || val.IsNull() {
		d.invalid = d.invalid || !ok
		return
	}
	v := reflect.ValueOf(target).Elem()
	d.assignElement(val, v, spec.Field{Name: attr.Name, Type: v.Type()}, attr.Name, rangeOf(attr.Expr.Range()))
}

// locator returns a function that finds the range of a path, or of the innermost
// block around it.
func locator(ranges map[string]diag.Range, whole diag.Range) func(diag.Path) diag.Range {
	return func(p diag.Path) diag.Range {
		for n := len(p); n > 0; n-- {
			if r, ok := ranges[strings.Join(p[:n], ".")]; ok {
				return r
			}
		}
		return whole
	}
}

// checkBlocks refuses a reference to a stage of the wrong block.
func (d *decoder) checkBlocks(a addr.Instance, f spec.Field, at *diag.Range) bool {
	if len(f.Blocks) == 0 || slices.Contains(f.Blocks, a.Stage.Block) {
		return true
	}
	d.fail(at, "Wrong kind of stage", "%s must refer to %s stage, not to %s.", f.Name, article(strings.Join(f.Blocks, " or ")), a.Stage)
	return false
}

// references replaces the name of a stage with a matrix by its instances. If it comes
// through a local, the stage may not be expanded yet.
func (d *decoder) references(refs []addr.Instance) []addr.Instance {
	var out []addr.Instance
	for _, a := range refs {
		s := d.l.stages[a.Stage]
		if a.Key != "" || s == nil || !s.kind.Matrix {
			out = append(out, a)
			continue
		}
		d.l.expand(s, d.sc.trail)
		out = slices.Grow(out, len(s.instances))
		for _, inst := range s.instances {
			out = append(out, inst.Address)
		}
	}
	return out
}

func many(a addr.Stage, n int) string {
	return fmt.Sprintf("%s has %d instances, but only one can be used here. Choose it by its key: %s[\"…\"].", a, n, a)
}
