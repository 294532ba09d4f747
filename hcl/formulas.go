package hcl

import (
	"reflect"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/diag"
	"ablate/hcl/formula"
)

// formula decodes an attribute that is kept as mathematics.
func (d *decoder) formula(attr *hclv2.Attribute, field reflect.Value, path diag.Path) {
	t := translator{d: d, trees: make(map[*hclv2.Attribute]*formula.Part), state: make(map[*hclv2.Attribute]visit)}
	part := t.expression(attr.Expr, d.names)
	if part == nil {
		d.invalid = true
		return
	}
	f, places := part.Formula()
	for i, place := range places {
		d.ranges[path.String()+"."+formula.NodePath(i)] = *place.(*diag.Range)
	}
	field.Set(reflect.ValueOf(f))
}

// translator makes the parts of one formula. Its methods return nil where something
// is wrong, which has been reported.
type translator struct {
	d       *decoder
	builder formula.Builder
	trees   map[*hclv2.Attribute]*formula.Part // of intermediates
	state   map[*hclv2.Attribute]visit
	trail   []string
}

var operators = map[*hclsyntax.Operation]string{
	hclsyntax.OpAdd: "add", hclsyntax.OpSubtract: "sub", hclsyntax.OpMultiply: "mul", hclsyntax.OpDivide: "div", hclsyntax.OpNegate: "neg",
	hclsyntax.OpLessThan: "lt", hclsyntax.OpLessThanOrEqual: "le", hclsyntax.OpGreaterThan: "gt", hclsyntax.OpGreaterThanOrEqual: "ge",
	hclsyntax.OpEqual: "eq", hclsyntax.OpNotEqual: "ne",
	hclsyntax.OpLogicalAnd: "and", hclsyntax.OpLogicalOr: "or", hclsyntax.OpLogicalNot: "not",
}

func (t *translator) fail(at hclv2.Range, summary, detail string, args ...any) *formula.Part {
	t.d.fail(rangeOf(at), summary, detail, args...)
	return nil
}

// expression translates an attribute's expression. In JSON it is a string.
func (t *translator) expression(expr hclv2.Expression, names *formulaNames) *formula.Part {
	if _, native := expr.(hclsyntax.Expression); !native {
		parsed, diags := formulaFromJSON(expr)
		if diags.HasErrors() {
			t.d.l.upstream(diags)
			return nil
		}
		expr = parsed
	}
	return t.part(expr, names)
}

// formulaFromJSON parses the string of a JSON attribute as an expression. A number
// is a formula by itself.
func formulaFromJSON(expr hclv2.Expression) (hclsyntax.Expression, hclv2.Diagnostics) {
	at := expr.Range()
	v, diags := expr.Value(nil) // without a context a string is returned verbatim
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.String {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at}, diags
	}
	return parseExpression(v.AsString(), at.Filename, afterQuote(at), hclsyntax.LexExpression, hclsyntax.ParseExpression)
}

// bare removes the parentheses and the meter around an expression.
func bare(expr hclv2.Expression) hclv2.Expression {
	for {
		switch e := expr.(type) {
		case *hclsyntax.ParenthesesExpr:
			expr = e.Expression
		case interface{ UnwrapExpression() hclv2.Expression }:
			expr = e.UnwrapExpression()
		default:
			return expr
		}
	}
}

// part translates an expression with the names that can be read where it stands.
func (t *translator) part(expr hclv2.Expression, names *formulaNames) *formula.Part {
	at := expr.Range()
	switch e := bare(expr).(type) {
	case *hclsyntax.BinaryOpExpr:
		op, ok := operators[e.Op]
		if !ok {
			return t.fail(at, "Not a formula", "A formula has no operator %%. It has +, -, *, /, comparisons, &&, ||, !, c ? a : b and functions.")
		}
		if isTemplate(e.LHS) || isTemplate(e.RHS) {
			return t.fail(at, "Not a formula", "A formula computes with numbers and has no text to compare. Let a number or a bool decide here, or give each text a block with a formula of its own.")
		}
		return t.call(op, at, names, e.LHS, e.RHS)
	case *hclsyntax.UnaryOpExpr:
		return t.call(operators[e.Op], at, names, e.Val)
	case *hclsyntax.ConditionalExpr:
		return t.call("where", at, names, e.Condition, e.TrueResult, e.FalseResult)
	case *hclsyntax.FunctionCallExpr:
		if e.ExpandFinal {
			return t.fail(at, "Not a formula", "A formula has no lists, so ... cannot expand one. Write the arguments one by one.")
		}
		return t.call(functionName(e.Name), at, names, e.Args...)
	case *hclsyntax.LiteralValueExpr:
		return t.value(e.Val, at)
	case *hclsyntax.ScopeTraversalExpr:
		return t.name(e, at, names)
	case *hclsyntax.IndexExpr, *hclsyntax.RelativeTraversalExpr:
		return t.element(e.(hclsyntax.Expression), at)
	case *hclsyntax.TemplateExpr, *hclsyntax.TemplateWrapExpr:
		return t.fail(at, "Not a formula", "A formula has no text. Remove the quotes.")
	}
	return t.fail(at, "Not a formula", "A formula consists of numbers, names, +, -, *, /, comparisons, &&, ||, !, c ? a : b and functions.")
}

// isTemplate reports whether an operand is text in quotes.
func isTemplate(e hclsyntax.Expression) bool {
	switch bare(e).(type) {
	case *hclsyntax.TemplateExpr, *hclsyntax.TemplateWrapExpr:
		return true
	}
	return false
}

// functionName keeps the names of operators from being called.
func functionName(name string) string {
	if slices.Contains([]string{"number", "truth", "name", "where"}, name) {
		return name + "()"
	}
	for _, op := range operators {
		if op == name {
			return name + "()"
		}
	}
	return name
}

// call translates the operands of an operation. All of them are, so that all
// mistakes are reported.
func (t *translator) call(op string, at hclv2.Range, names *formulaNames, operands ...hclsyntax.Expression) *formula.Part {
	args, invalid := make([]*formula.Part, len(operands)), false
	for i, e := range operands {
		args[i] = t.part(e, names)
		invalid = invalid || args[i] == nil
	}
	if invalid {
		return nil
	}
	p, mistake := t.builder.Call(op, args, rangeOf(at))
	if mistake != nil {
		return t.fail(at, mistake.Summary, "%s", mistake.Detail)
	}
	return p
}

// values are the roots of names that are evaluated when the study is loaded.
var values = []string{"var", "local", "each", "matrix"}

// name translates a name: a value of the study, an intermediate, or a name that has
// its value when the formula is computed.
func (t *translator) name(e *hclsyntax.ScopeTraversalExpr, at hclv2.Range, names *formulaNames) *formula.Part {
	root := e.Traversal.RootName()
	if slices.Contains(values, root) {
		return t.evaluated(e, at)
	}
	parts := []string{root}
	for _, step := range e.Traversal[1:] {
		attr, ok := step.(hclv2.TraverseAttr)
		if !ok {
			return t.fail(at, "Not a formula", "%s has no elements in a formula: it cannot be indexed.", root)
		}
		parts = append(parts, attr.Name)
	}
	if len(parts) > 1 && root != "next" {
		return t.fail(at, "Not a formula", "%s cannot be read in a formula, which reads its own names and values of var, local, each and matrix.", strings.Join(parts, "."))
	}
	if attr, in := names.let(root); attr != nil && len(parts) == 1 {
		return t.let(root, attr, in, at)
	}
	if root == "pi" && len(parts) == 1 {
		return t.builder.Number(pi, rangeOf(at))
	}
	return t.builder.Name(strings.Join(parts, "."), rangeOf(at))
}

// pi is the constant π as float64.
const pi = 3.141592653589793

// let inlines an intermediate.
func (t *translator) let(name string, attr *hclv2.Attribute, in *formulaNames, at hclv2.Range) *formula.Part {
	in.used[name] = true
	switch t.state[attr] {
	case visiting:
		t.d.l.failCycle(rangeOf(at), append(t.trail, name))
		t.d.invalid = true
		return nil
	case visited:
		return t.trees[attr]
	}
	if len(t.trail) >= maxChain {
		t.d.l.failChain(rangeOf(at))
		t.d.invalid = true
		return nil
	}
	t.state[attr] = visiting
	t.trail = append(t.trail, name)
	p := t.expression(attr.Expr, in)
	t.trail = t.trail[:len(t.trail)-1]
	t.state[attr], t.trees[attr] = visited, p
	return p
}

// element is an element of a value: var.rates[0]. Names of formulas have none.
func (t *translator) element(e hclsyntax.Expression, at hclv2.Range) *formula.Part {
	for _, v := range e.Variables() {
		if !slices.Contains(values, v.RootName()) {
			return t.fail(at, "Not a formula", "%s has no elements in a formula: it cannot be indexed.", v.RootName())
		}
	}
	return t.evaluated(e, at)
}

// evaluated is the value of an expression of the study.
func (t *translator) evaluated(e hclsyntax.Expression, at hclv2.Range) *formula.Part {
	v, ok := t.d.l.eval(e, t.d.sc)
	if !ok {
		t.d.invalid = true
		return nil
	}
	return t.value(v, at)
}

func (t *translator) value(v cty.Value, at hclv2.Range) *formula.Part {
	switch {
	case !v.IsNull() && v.Type() == cty.Bool:
		return t.builder.Truth(v.True(), rangeOf(at))
	case v.IsNull() || v.Type() != cty.Number:
		return t.fail(at, "Wrong type", "A formula takes a number here, not %s.", article(describe(v)))
	}
	x, ok := t.d.float(v, "The number", rangeOf(at))
	if !ok {
		return nil
	}
	return t.builder.Number(x, rangeOf(at))
}
