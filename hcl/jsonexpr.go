package hcl

import (
	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// native returns the expression as a tree of the native syntax, which the meter
// can be inserted into. An expression of the JSON syntax is a value whose
// strings are templates.
func (l *loader) native(expr hclv2.Expression) (hclsyntax.Expression, hclv2.Diagnostics) {
	if e, ok := expr.(hclsyntax.Expression); ok {
		return e, nil // the meter was inserted when the file was parsed
	}
	e, diags := fromJSON(expr)
	if diags.HasErrors() {
		return nil, diags
	}
	return l.meter.insert(e), diags
}

func fromJSON(expr hclv2.Expression) (hclsyntax.Expression, hclv2.Diagnostics) {
	at := expr.Range()
	if pairs, diags := hclv2.ExprMap(expr); !diags.HasErrors() {
		return objectFromJSON(pairs, at)
	}
	if items, diags := hclv2.ExprList(expr); !diags.HasErrors() {
		list := &hclsyntax.TupleConsExpr{SrcRange: at, OpenRange: at}
		for _, item := range items {
			e, diags := fromJSON(item)
			if diags.HasErrors() {
				return nil, diags
			}
			list.Exprs = append(list.Exprs, e)
		}
		return list, nil
	}
	v, diags := expr.Value(nil) // without a context a string is returned verbatim
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.String {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at}, diags
	}
	return parseTemplate(v.AsString(), at)
}

func objectFromJSON(pairs []hclv2.KeyValuePair, at hclv2.Range) (hclsyntax.Expression, hclv2.Diagnostics) {
	object := &hclsyntax.ObjectConsExpr{SrcRange: at, OpenRange: at}
	seen := make(map[string]bool, len(pairs))
	for _, pair := range pairs {
		if name, diags := pair.Key.Value(nil); !diags.HasErrors() {
			if seen[name.AsString()] {
				return nil, duplicateKey(name.AsString(), pair.Key.Range())
			}
			seen[name.AsString()] = true
		}
		key, diags := fromJSON(pair.Key)
		if diags.HasErrors() {
			return nil, diags
		}
		value, diags := fromJSON(pair.Value)
		if diags.HasErrors() {
			return nil, diags
		}
		object.Items = append(object.Items, hclsyntax.ObjectConsItem{
			KeyExpr: &hclsyntax.ObjectConsKeyExpr{Wrapped: key, ForceNonLiteral: true}, ValueExpr: value,
		})
	}
	return object, nil
}

// parseTemplate parses the text of a JSON string.
func parseTemplate(text string, at hclv2.Range) (hclsyntax.Expression, hclv2.Diagnostics) {
	return parseExpression(text, at.Filename, afterQuote(at), hclsyntax.LexTemplate, hclsyntax.ParseTemplate)
}

// afterQuote is where the text of a JSON string begins. Its columns are right as long as
// the string has no escapes.
func afterQuote(at hclv2.Range) hclv2.Pos {
	start := at.Start
	start.Column++
	start.Byte++
	return start
}
