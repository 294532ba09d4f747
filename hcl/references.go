package hcl

import (
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/spec"
)

// bodySchema converts a spec's schema to the library's. Required attributes are
// checked by the decoder, since a factor may set them.
func bodySchema(s *spec.Struct) *hclv2.BodySchema {
	out := &hclv2.BodySchema{}
	for _, f := range s.Fields {
		switch f.Form {
		case spec.Attribute:
			out.Attributes = append(out.Attributes, hclv2.AttributeSchema{Name: f.Name})
		case spec.Block:
			header := hclv2.BlockHeaderSchema{Type: f.Name}
			if f.Labelled {
				header.LabelNames = []string{"name"}
			}
			out.Blocks = append(out.Blocks, header)
		case spec.Union:
			out.Blocks = append(out.Blocks, hclv2.BlockHeaderSchema{Type: f.Name, LabelNames: []string{"type"}})
		}
	}
	return out
}

func attributeNames(s *hclv2.BodySchema) []string {
	var names []string
	for _, a := range s.Attributes {
		names = append(names, a.Name)
	}
	return names
}

func blockNames(s *hclv2.BodySchema) []string {
	var names []string
	for _, b := range s.Blocks {
		names = append(names, b.Type)
	}
	return names
}

// bodyVariables lists the references in a body, including its nested blocks.
func bodyVariables(body hclv2.Body, schema *hclv2.BodySchema) []hclv2.Traversal {
	if native, ok := body.(*hclsyntax.Body); ok {
		return nativeVariables(native)
	}
	content, _, _ := body.PartialContent(schema) // errors are reported by the decoder
	var out []hclv2.Traversal
	for _, name := range sortedKeys(content.Attributes) {
		out = append(out, expressionVariables(content.Attributes[name].Expr)...)
	}
	for _, b := range content.Blocks {
		out = append(out, blockVariables(b)...)
	}
	return out
}

func blockVariables(b *hclv2.Block) []hclv2.Traversal {
	if native, ok := b.Body.(*hclsyntax.Body); ok {
		return nativeVariables(native)
	}
	attrs, _ := b.Body.JustAttributes() // errors are reported by the decoder
	var out []hclv2.Traversal
	for _, name := range sortedKeys(attrs) {
		out = append(out, expressionVariables(attrs[name].Expr)...)
	}
	return out
}

// expressionVariables lists the references in an expression of either syntax. A string
// of the JSON syntax may be a formula, which is no template: what it reads of the
// matrix counts.
func expressionVariables(expr hclv2.Expression) []hclv2.Traversal {
	out := expr.Variables()
	if _, native := expr.(hclsyntax.Expression); !native {
		out = append(out, jsonFormulaVariables(expr)...)
	}
	return out
}

func jsonFormulaVariables(expr hclv2.Expression) []hclv2.Traversal {
	var out []hclv2.Traversal
	if pairs, diags := hclv2.ExprMap(expr); !diags.HasErrors() {
		for _, pair := range pairs {
			out = append(out, jsonFormulaVariables(pair.Value)...)
		}
		return out
	}
	if items, diags := hclv2.ExprList(expr); !diags.HasErrors() {
		for _, item := range items {
			out = append(out, jsonFormulaVariables(item)...)
		}
		return out
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.String || !strings.Contains(v.AsString(), "matrix") {
		return nil
	}
	e, diags := formulaFromJSON(expr)
	if diags.HasErrors() {
		return nil
	}
	return slices.DeleteFunc(e.Variables(), func(t hclv2.Traversal) bool { return t.RootName() != "matrix" })
}

func nativeVariables(body *hclsyntax.Body) []hclv2.Traversal {
	var out []hclv2.Traversal
	for _, name := range sortedKeys(body.Attributes) {
		out = append(out, body.Attributes[name].Expr.Variables()...)
	}
	for _, b := range body.Blocks {
		out = append(out, nativeVariables(b.Body)...)
	}
	return out
}
