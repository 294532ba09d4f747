package hcl

import (
	"maps"
	"slices"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// readFields reads the attributes of a block, which are constants, into variables
// by name. All of them are optional.
func readFields(b *hclv2.Block, into map[string]any) hclv2.Diagnostics {
	return readAttributes(b, into, false)
}

// readRequired is readFields for attributes that are all required.
func readRequired(b *hclv2.Block, into map[string]any) hclv2.Diagnostics {
	return readAttributes(b, into, true)
}

func readAttributes(b *hclv2.Block, into map[string]any, required bool) hclv2.Diagnostics {
	schema := &hclv2.BodySchema{}
	names := slices.Sorted(maps.Keys(into))
	for _, name := range names {
		schema.Attributes = append(schema.Attributes, hclv2.AttributeSchema{Name: name, Required: required})
	}
	content, diags := b.Body.Content(schema)
	diags = renameUnknown(diags, schema)
	var l loader
	for _, name := range names {
		attr := content.Attributes[name]
		if attr == nil {
			continue
		}
		v, more := l.evalConstant(attr.Expr)
		diags = append(diags, more...)
		if more.HasErrors() {
			continue
		}
		if err := gocty.FromCtyValue(collection(v), into[name]); err != nil {
			diags = append(diags, problem(attr.Range, "Wrong type", "%s: %v.", name, err)...)
		}
	}
	return diags
}

// collection converts a tuple of strings to a list and an object of strings to a
// map, which gocty decodes into Go slices and maps.
func collection(v cty.Value) cty.Value {
	want := v.Type()
	switch {
	case want.IsTupleType():
		want = cty.List(cty.String)
	case want.IsObjectType():
		want = cty.Map(cty.String)
	}
	if out, err := convert.Convert(v, want); err == nil {
		return out
	}
	return v
}
