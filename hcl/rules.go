package hcl

import (
	"reflect"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"

	"ablate/hcl/spec"
)

// rule is an exclude or override block.
type rule struct {
	when    hclv2.Expression
	content *hclv2.BodyContent // of an override: attributes and blocks of the spec
	matched bool
}

// empty reports whether a rule consists of its condition alone.
func (r *rule) empty() bool { return len(r.content.Attributes) == 1 && len(r.content.Blocks) == 0 }

// readRules opens the rules of one kind.
func (x *crossing) readRules(kind string) []*rule {
	schema := &hclv2.BodySchema{}
	if kind == "override" {
		schema = bodySchema(spec.Of(reflect.TypeOf(x.s.kind.New())))
	}
	schema.Attributes = append([]hclv2.AttributeSchema{{Name: "when"}}, schema.Attributes...)
	var out []*rule
	for _, b := range x.s.blocks(kind) {
		content, diags := b.Body.Content(schema)
		x.l.upstream(renameUnknown(diags, schema))
		when := content.Attributes["when"]
		if when == nil {
			x.l.fail(rangeOf(b.DefRange), "Missing condition", "%s requires when = …, a condition on the levels, for example matrix.seed == 42.", kind)
			continue
		}
		for _, f := range x.factors {
			if a := content.Attributes[f.name]; a != nil && f.bound {
				x.l.fail(rangeOf(a.NameRange), "Factor overridden", "%s is a factor. An override cannot set it, since the trial's address would be wrong.", f.name)
			}
		}
		r := &rule{when: when.Expr, content: content}
		if kind == "override" && !diags.HasErrors() && r.empty() {
			x.l.warn(rangeOf(b.DefRange), "Rule without effect", "This override sets nothing. Add the attributes that differ in its cells, or remove it.")
		}
		out = append(out, r)
	}
	return out
}

// checkUse refuses factors that change nothing: their levels would be counted as
// replicates although they are the same trial.
func (x *crossing) checkUse() {
	decoded, counted := x.reads()
	for _, f := range x.factors {
		if readsFactor(decoded, f.name) {
			x.read = append(x.read, f.name)
		}
		if f.bound || readsFactor(counted, f.name) {
			continue
		}
		hint := suggest(f.name, spec.Of(reflect.TypeOf(x.s.kind.New())).Names())
		if !strings.HasPrefix(hint, " Did you mean") {
			hint = " Read it where it changes the trial. To vary a setting of another stage, such as the learning rate of an optimizer, give that stage for_each, and name the stage in the matrix."
		}
		x.l.fail(f.at, "Factor without effect",
			"%s is not an attribute of %s %q, and nothing that affects the result reads matrix.%s, so all its levels would be the same trial.%s",
			f.name, x.s.addr.Block, x.s.addr.Type, f.name, hint)
	}
}

func readsFactor(in []hclv2.Traversal, name string) bool {
	return slices.ContainsFunc(in, func(t hclv2.Traversal) bool {
		read, ok := attrStep(t, 1)
		return ok && read == name && t.RootName() == "matrix"
	})
}

// reads lists the references of what is decoded in a cell, and those that can make the
// results of two cells differ. Labels and runtime are only in the first list, and the
// conditions of overrides only in the second. The other rules just choose cells.
func (x *crossing) reads() (decoded, counted []hclv2.Traversal) {
	add := func(vars []hclv2.Traversal, counts bool) {
		decoded = append(decoded, vars...)
		if counts {
			counted = append(counted, vars...)
		}
	}
	for _, name := range sortedKeys(x.s.content.Attributes) {
		add(expressionVariables(x.s.content.Attributes[name].Expr), !slices.Contains(metaAttributes, name))
	}
	for _, b := range x.s.content.Blocks {
		if !slices.Contains(matrixBlocks, b.Type) {
			add(blockVariables(b), !slices.Contains(metaBlocks, b.Type))
		}
	}
	for _, r := range x.overrides {
		for _, name := range sortedKeys(r.content.Attributes) {
			if name != "when" {
				add(expressionVariables(r.content.Attributes[name].Expr), true)
			}
		}
		for _, b := range r.content.Blocks {
			add(blockVariables(b), true)
		}
		if !r.empty() {
			counted = append(counted, expressionVariables(r.when)...)
		}
	}
	return decoded, counted
}

// exclude removes the cells in which a rule's condition holds.
func (x *crossing) exclude(rules []*rule, cells []cell) []cell {
	for _, r := range rules {
		var keep []cell
		for _, c := range cells {
			applies, ok := x.holds(r, c)
			if !ok {
				return nil
			}
			if !applies {
				keep = append(keep, c)
			}
		}
		cells = keep
		x.warnUnmatched(r)
	}
	return cells
}

func (x *crossing) warnUnmatched(r *rule) {
	if !r.matched {
		x.l.warn(rangeOf(r.when.Range()), "Rule without effect", "This condition is false in every cell of the matrix. Remove the rule, or correct the levels in its condition; levels that are stages are written without quotes.")
	}
}
