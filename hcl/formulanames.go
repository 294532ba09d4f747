package hcl

import (
	"reflect"
	"slices"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"ablate/hcl/diag"
	"ablate/hcl/spec"
)

// formulaNames are the names that formulas of a body can read, beside those of the
// bodies around it.
type formulaNames struct {
	outer *formulaNames
	known map[string]bool // of the place, and of blocks whose labels are names
	lets  map[string]*hclv2.Attribute
	used  map[string]bool // intermediates that a formula reads
}

// let returns an intermediate and the names of the body that declares it.
func (n *formulaNames) let(name string) (*hclv2.Attribute, *formulaNames) {
	for ; n != nil; n = n.outer {
		if attr := n.lets[name]; attr != nil {
			return attr, n
		}
	}
	return nil, nil
}

func (n *formulaNames) declared(name string) bool {
	for ; n != nil; n = n.outer {
		if n.known[name] || n.lets[name] != nil {
			return true
		}
	}
	return false
}

// openNames reads the names that a body declares for formulas.
func (d *decoder) openNames(content *hclv2.BodyContent, target reflect.Value) *formulaNames {
	n := &formulaNames{outer: d.names, known: make(map[string]bool), lets: make(map[string]*hclv2.Attribute), used: make(map[string]bool)}
	if namer, ok := target.Addr().Interface().(spec.FormulaNamer); ok {
		for _, name := range namer.FormulaNames() {
			n.known[name] = true
		}
	}
	for _, f := range spec.Of(target.Type()).Fields {
		found, labels := content.Blocks.OfType(f.Name), make(map[string]bool)
		if f.Type == spec.LetType {
			d.openLets(n, found)
		}
		for _, b := range found {
			name := ""
			if f.Named {
				name = b.Labels[0]
			}
			switch {
			case !f.Named || labels[name]: // a duplicate is reported where the block is decoded
			case d.declare(n, name, rangeOf(b.LabelRanges[0])):
				n.known[name], labels[name] = true, true
			}
		}
	}
	return n
}

func (d *decoder) openLets(n *formulaNames, blocks hclv2.Blocks) {
	for _, b := range blocks {
		attrs, diags := b.Body.JustAttributes()
		d.l.upstream(diags)
		d.invalid = d.invalid || diags.HasErrors()
		for _, name := range sortedKeys(attrs) {
			if d.declare(n, name, rangeOf(attrs[name].NameRange)) {
				n.lets[name] = attrs[name]
			}
		}
	}
}

// declare checks a new name for formulas.
func (d *decoder) declare(n *formulaNames, name string, at *diag.Range) bool {
	switch {
	case !hclsyntax.ValidIdentifier(name):
		d.fail(at, "Invalid name", "%q is not a valid name in formulas. %s", name, identifierRule)
	case slices.Contains(values, name) || slices.Contains([]string{"next", "pi", "true", "false", "null"}, name):
		d.fail(at, "Reserved name", "%s has a meaning of its own in formulas. Choose another name.", name)
	case n.declared(name):
		d.fail(at, "Name declared twice", "Formulas can read another %s here. Choose another name.", name)
	default:
		return true
	}
	return false
}

// closeNames warns of intermediates that no formula reads.
func (d *decoder) closeNames(n *formulaNames) {
	if d.invalid {
		return
	}
	for _, name := range sortedKeys(n.lets) {
		if !n.used[name] {
			d.l.warn(rangeOf(n.lets[name].NameRange), "Unused intermediate", "No formula reads %s. Remove it, or use it.", name)
		}
	}
}
