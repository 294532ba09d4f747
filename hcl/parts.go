package hcl

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/spec"
)

// assignParts sets one reference, or a reference for each part. Parts that are null
// count as absent.
func (d *decoder) assignParts(val cty.Value, to reflect.Value, f spec.Field, name string, at *diag.Range) {
	var p addr.Parts
	_, single := asRef(val)
	_, several := asRefs(val)
	_, parts := asParts(val)
	switch {
	case single, several && !parts && !namesPart(val, f.Parts):
		d.assignRef(val, reflect.ValueOf(&p.Whole).Elem(), f, at)
	case describe(val) == "object":
		p.Each = d.parts(val, f, name, at)
	default:
		d.wrong(val, to.Type(), name, at)
	}
	to.Set(reflect.ValueOf(p))
}

// parts reads the references of an object.
func (d *decoder) parts(val cty.Value, f spec.Field, name string, at *diag.Range) map[string]addr.Instance {
	each := make(map[string]addr.Instance)
	for it := val.ElementIterator(); it.Next(); {
		k, item := it.Element()
		part := k.AsString()
		at := d.entry(name, part, at)
		field := f
		field.Name = name + "." + part
		switch {
		case !slices.Contains(f.Parts, part):
			d.fail(at, "Unknown attribute", "%s does not have an attribute %q.%s", name, part, suggest(part, f.Parts))
		case item.IsNull():
		default:
			var a addr.Instance
			d.assignRef(item, reflect.ValueOf(&a).Elem(), field, at)
			each[part] = a
		}
	}
	if len(each) == 0 && !d.invalid {
		d.fail(at, "Missing value", "%s refers to nothing. Write one reference, or an object with some of %s.", name, strings.Join(f.Parts, ", "))
	}
	return each
}

// namesPart reports whether an attribute of an object is a part.
func namesPart(val cty.Value, parts []string) bool {
	for name := range val.Type().AttributeTypes() {
		if slices.Contains(parts, name) {
			return true
		}
	}
	return false
}

// partNames lists the parts that the attributes of a schema can name.
func partNames(s *spec.Struct) []string {
	var out []string
	for _, f := range s.Fields {
		out = append(out, f.Parts...)
	}
	return out
}

// entry is the place of an object's attribute, or of the whole object if the study
// does not write the object here.
func (d *decoder) entry(object, name string, whole *diag.Range) *diag.Range {
	return d.place(object+"."+name, whole)
}

// place is where a part of an attribute is written, or the whole attribute.
func (d *decoder) place(part string, whole *diag.Range) *diag.Range {
	if r, ok := d.ranges[part]; ok {
		return &r
	}
	return whole
}

// entryRanges remembers the places of the attributes of an object, and of the elements of
// a list, that an expression writes out, at any depth.
func (d *decoder) entryRanges(expr hclv2.Expression, path diag.Path) {
	if items, diags := hclv2.ExprList(expr); !diags.HasErrors() {
		for i, item := range items {
			at := diag.Path{element(path.String(), i)}
			d.ranges[at.String()] = *rangeOf(item.Range())
			d.entryRanges(item, at)
		}
		return
	}
	pairs, diags := hclv2.ExprMap(expr)
	if diags.HasErrors() {
		return
	}
	for _, pair := range pairs {
		key, diags := pair.Key.Value(nil)
		if diags.HasErrors() || key.IsNull() || key.Type() != cty.String {
			continue
		}
		at := append(path[:len(path):len(path)], key.AsString())
		d.ranges[at.String()] = *rangeOf(hclv2.RangeBetween(pair.Key.Range(), pair.Value.Range()))
		d.entryRanges(pair.Value, at)
	}
}

// element names an element of a list.
func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// labelOfParts is the display text of parts: the name of each and its label.
func (x *crossing) labelOfParts(p addr.Parts) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(p.Each)) {
		texts = append(texts, name+" "+x.labelOf(addr.Level{Kind: "ref", Ref: p.Each[name]}))
	}
	return strings.Join(texts, ", ")
}
