package hcl

import (
	"reflect"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/spec"
)

// assign sets a field to a value that is not null. name is the field's name in
// messages.
func (d *decoder) assign(val cty.Value, to reflect.Value, f spec.Field, name string, at *diag.Range) {
	switch to.Type() {
	case spec.RefType:
		d.assignRef(val, to, f, at)
		return
	case spec.RefsType:
		d.assignRefs(val, to, f, name, at)
		return
	case spec.PartsType:
		d.assignParts(val, to, f, name, at)
		return
	case spec.LevelType:
		l, ok := asLevel(val)
		if refs, several := asRefs(val); !ok && several {
			d.fail(at, "Several instances", "%s: %s", name, many(refs[0].Stage, len(refs)))
			return
		}
		if !ok {
			d.wrong(val, to.Type(), name, at)
			return
		}
		if why := rounded(val); why != "" {
			d.fail(at, "Number out of range", "%s: the number %s", name, why)
			return
		}
		to.Set(reflect.ValueOf(l))
		return
	}
	switch to.Kind() {
	case reflect.Pointer:
		p := reflect.New(to.Type().Elem())
		d.assign(val, p.Elem(), f, name, at)
		to.Set(p)
	case reflect.Slice:
		d.assignList(val, to, f, name, at)
	case reflect.Map:
		d.assignMap(val, to, f, name, at)
	case reflect.Struct:
		d.assignObject(val, to, name, at)
	default:
		d.assignScalar(val, to, name, at)
	}
}

func (d *decoder) wrong(val cty.Value, t reflect.Type, name string, at *diag.Range) {
	hint := ""
	_, isRef := asRef(val)
	switch {
	case isRef && t.Kind() == reflect.String && val.Type().IsObjectType():
		hint = " Read an attribute of the stage instead, for example its name: matrix.x.name."
	case t == spec.LevelType:
		hint = " Levels are numbers, strings, bools and stages."
		if describe(val) == "object" && val.LengthInt() > 0 {
			hint += " Read one value of the object: it has " + strings.Join(sortedKeys(val.AsValueMap()), ", ") + "."
		}
	case describe(val) != "string":
	case t == spec.RefType:
		hint = " Write the address of a stage, without quotes."
	case isNumber(val.AsString()) && (t.Kind() == reflect.Int || t.Kind() == reflect.Int64 || t.Kind() == reflect.Float64 || spec.TakesNumber(t)),
		slices.Contains([]string{"true", "false"}, val.AsString()) && t.Kind() == reflect.Bool:
		hint = " Remove the quotes."
	}
	d.fail(at, "Wrong type", "%s must be %s, not %s.%s", name, article(spec.TypeName(t)), article(describe(val)), hint)
}

func (d *decoder) assignScalar(val cty.Value, to reflect.Value, name string, at *diag.Range) {
	t := val.Type()
	switch {
	case to.Kind() == reflect.Bool && t == cty.Bool:
		to.SetBool(val.True())
	case to.Kind() == reflect.String && t == cty.String:
		to.SetString(val.AsString())
	case to.Kind() == reflect.Float64 && t == cty.Number:
		if x, ok := d.float(val, name, at); ok {
			to.SetFloat(x)
		}
	case (to.Kind() == reflect.Int || to.Kind() == reflect.Int64) && t == cty.Number:
		if i, ok := d.integer(val, name, at); ok {
			to.SetInt(i)
		}
	default:
		d.wrong(val, to.Type(), name, at)
	}
}

func (d *decoder) assignRef(val cty.Value, to reflect.Value, f spec.Field, at *diag.Range) {
	refs, ok := asRefs(val)
	if !ok {
		d.wrong(val, to.Type(), f.Name, at)
		return
	}
	if !d.checkBlocks(refs[0], f, at) {
		return
	}
	if len(refs) > 1 {
		d.fail(at, "Several instances", "%s", many(refs[0].Stage, len(refs)))
		return
	}
	if s := d.l.stages[refs[0].Stage]; s.kind.Matrix && len(s.instances) > 1 {
		d.fail(at, "Several instances", "%s", many(s.addr, len(s.instances)))
		return
	}
	to.Set(reflect.ValueOf(refs[0]))
}

func (d *decoder) assignRefs(val cty.Value, to reflect.Value, f spec.Field, name string, at *diag.Range) {
	var all []addr.Instance
	items := []cty.Value{val}
	if describe(val) == "list" {
		items = val.AsValueSlice()
	}
	for i, item := range items {
		at := d.place(element(name, i), at)
		refs, ok := asRefs(item)
		if !ok {
			d.fail(at, "Wrong type", "%s must be a list of references to stages, not %s.", f.Name, article(describe(item)))
			return
		}
		if !d.checkBlocks(refs[0], f, at) {
			return
		}
		all = append(all, d.references(refs)...)
	}
	if len(items) > 1 { // one stage has each instance once
		if a, twice := duplicate(all); twice {
			d.fail(at, "Duplicate reference", "%s contains %s twice. Remove one of the two.", f.Name, a)
			return
		}
	}
	to.Set(reflect.ValueOf(all))
}

// duplicate returns the first instance that a list has twice.
func duplicate(all []addr.Instance) (a addr.Instance, twice bool) {
	seen := make(map[addr.Instance]bool, len(all))
	for _, a := range all {
		if seen[a] {
			return a, true
		}
		seen[a] = true
	}
	return addr.Instance{}, false
}

func (d *decoder) assignList(val cty.Value, to reflect.Value, f spec.Field, name string, at *diag.Range) {
	if describe(val) != "list" {
		d.wrong(val, to.Type(), name, at)
		return
	}
	items := val.AsValueSlice()
	out := reflect.MakeSlice(to.Type(), len(items), len(items))
	for i, item := range items {
		part := element(name, i)
		at := d.place(part, at)
		if item.IsNull() {
			d.fail(at, "Missing value", "%s is null. Remove the element, or give it a value.", part)
			return
		}
		d.assignElement(item, out.Index(i), f, part, at)
	}
	to.Set(out)
}

// assignElement assigns an element of a list or map. Where text is expected, such
// as in the arguments of a program, a number or a bool becomes the text that an
// address shows for it.
func (d *decoder) assignElement(val cty.Value, to reflect.Value, f spec.Field, name string, at *diag.Range) {
	if to.Kind() == reflect.String && (val.Type() == cty.Number || val.Type() == cty.Bool) {
		level, _ := asLevel(val)
		if why := rounded(val); why != "" {
			d.fail(at, "Number out of range", "%s: the number %s", name, why)
			return
		}
		to.SetString(level.Text)
		return
	}
	d.assign(val, to, f, name, at)
}

func (d *decoder) assignMap(val cty.Value, to reflect.Value, f spec.Field, name string, at *diag.Range) {
	if describe(val) != "object" {
		d.wrong(val, to.Type(), name, at)
		return
	}
	out := reflect.MakeMap(to.Type())
	for it := val.ElementIterator(); it.Next(); {
		k, item := it.Element()
		if item.IsNull() {
			continue
		}
		elem := reflect.New(to.Type().Elem()).Elem()
		d.assignElement(item, elem, f, name+"."+k.AsString(), d.entry(name, k.AsString(), at))
		out.SetMapIndex(reflect.ValueOf(k.AsString()), elem)
	}
	to.Set(out)
}

// assignObject fills a struct from an object, or from a number if the type
// accepts one. Omitted attributes keep their defaults.
func (d *decoder) assignObject(val cty.Value, to reflect.Value, name string, at *diag.Range) {
	if val.Type() == cty.Number && spec.TakesNumber(to.Type()) {
		if x, ok := d.float(val, name, at); ok {
			to.Addr().Interface().(spec.NumberSetter).SetNumber(x)
		}
		return
	}
	_, isRef := asRef(val)
	if describe(val) != "object" || isRef {
		d.wrong(val, to.Type(), name, at)
		return
	}
	s := spec.Of(to.Type())
	given := make(map[string]bool)
	for it := val.ElementIterator(); it.Next(); {
		k, item := it.Element()
		at := d.entry(name, k.AsString(), at)
		field, ok := s.Field(k.AsString())
		if !ok {
			d.fail(at, "Unknown attribute", "%s does not have an attribute %q.%s", name, k.AsString(), suggest(k.AsString(), s.Names()))
			continue
		}
		given[field.Name] = true
		if !item.IsNull() {
			d.assign(item, to.Field(field.Index), field, name+"."+field.Name, at)
		}
	}
	var missing []string
	for _, f := range s.Fields {
		if f.Required && !given[f.Name] {
			missing = append(missing, f.Name)
		}
	}
	if len(missing) > 0 {
		d.fail(at, "Missing attribute", "%s also requires %s.", name, strings.Join(missing, " and "))
	}
}
