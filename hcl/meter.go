package hcl

import (
	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// wrapped is an expression that is evaluated in another way. It embeds the syntax
// node, since the interface of nodes is closed. The node is in parentheses, so that
// walking the tree still meets it: references are found by the type of a node.
type wrapped struct{ hclsyntax.Expression }

func wrap(e hclsyntax.Expression) wrapped {
	return wrapped{&hclsyntax.ParenthesesExpr{Expression: e, SrcRange: e.Range()}}
}

// UnwrapExpression returns the expression for static analysis, which reads the
// type of a variable without evaluating it.
func (w wrapped) UnwrapExpression() hclv2.Expression {
	return w.Expression.(*hclsyntax.ParenthesesExpr).Expression
}

// metered is an expression whose value is counted each time it is evaluated.
type metered struct {
	wrapped
	meter *meter
}

// Value evaluates the expression and counts the result.
func (e metered) Value(ctx *hclv2.EvalContext) (cty.Value, hclv2.Diagnostics) {
	v, diags := e.Expression.Value(ctx)
	e.meter.charge(v, e.Range())
	return v, diags
}

// weighed is metered, for values of any size. uniform says that HCL converts the value
// to a list or a map, or to the type of another value, and bare that references have
// one form, so that HCL can compare or convert them.
type weighed struct {
	wrapped
	meter         *meter
	bare, uniform bool
}

// Value evaluates the expression and counts all elements of the result.
func (e weighed) Value(ctx *hclv2.EvalContext) (cty.Value, hclv2.Diagnostics) {
	v, diags := e.Expression.Value(ctx)
	e.meter.weigh(v, e.Range())
	if e.bare {
		v = bareRefs(v)
	}
	if e.uniform {
		v = e.meter.unify(v, e.Range())
	}
	return v, diags
}

// chosen is a condition with its two results. HCL converts them to one type: where
// references that give access to specs have none, it gets those that do not.
type chosen struct{ wrapped }

// Value evaluates the results, and then the condition.
func (e chosen) Value(ctx *hclv2.EvalContext) (cty.Value, hclv2.Diagnostics) {
	c := *e.UnwrapExpression().(*hclsyntax.ConditionalExpr)
	a, b := evaluate(c.TrueResult, ctx), evaluate(c.FalseResult, ctx)
	if holdsRefs(a.value.Type()) || holdsRefs(b.value.Type()) {
		if t, _ := convert.UnifyUnsafe([]cty.Type{a.value.Type(), b.value.Type()}); t == cty.NilType {
			a.value, b.value = bareRefs(a.value), bareRefs(b.value)
		}
	}
	c.TrueResult, c.FalseResult = a, b
	return c.Value(ctx)
}

// evaluated is an expression with its value.
type evaluated struct {
	hclsyntax.Expression
	value cty.Value
	diags hclv2.Diagnostics
}

func evaluate(e hclsyntax.Expression, ctx *hclv2.EvalContext) evaluated {
	v, diags := e.Value(ctx)
	return evaluated{e, v, diags}
}

// Value returns the value.
func (e evaluated) Value(*hclv2.EvalContext) (cty.Value, hclv2.Diagnostics) { return e.value, e.diags }

// count counts one value: one step, and the length of a text.
func (m *meter) count(e hclsyntax.Expression) hclsyntax.Expression {
	if e == nil {
		return nil
	}
	return metered{wrap(m.insert(e)), m}
}

// countAll counts all elements of a value: functions read them.
func (m *meter) countAll(e hclsyntax.Expression) hclsyntax.Expression {
	return weighed{wrapped: wrap(m.insert(e)), meter: m}
}

// countCompared is countAll for an operand: == compares whole values.
func (m *meter) countCompared(e hclsyntax.Expression) hclsyntax.Expression {
	return weighed{wrapped: wrap(m.insert(e)), meter: m, bare: true}
}

// countArgument is countAll for an argument that HCL converts.
func (m *meter) countArgument(e hclsyntax.Expression) hclsyntax.Expression {
	return weighed{wrapped: wrap(m.insert(e)), meter: m, bare: true, uniform: true}
}

// countResult is countAll for a result of a condition.
func (m *meter) countResult(e hclsyntax.Expression) hclsyntax.Expression {
	return weighed{wrapped: wrap(m.insert(e)), meter: m, uniform: true}
}

// body inserts the meter into all expressions of a parsed file.
func (m *meter) body(b *hclsyntax.Body) {
	for _, attr := range b.Attributes {
		attr.Expr = m.insert(attr.Expr)
	}
	for _, block := range b.Blocks {
		m.body(block.Body)
	}
}

// insert makes the parts of an expression count whose number or size is not
// bounded by the length of the source: what loops and splats evaluate for each
// element, what templates join, what operators and functions are given, and
// numbers that may be converted to text. The recursion is bounded, since the
// nesting of an expression is.
func (m *meter) insert(e hclsyntax.Expression) hclsyntax.Expression {
	switch e := e.(type) {
	case *hclsyntax.ForExpr:
		e.CollExpr = m.insert(e.CollExpr)
		e.KeyExpr, e.ValExpr, e.CondExpr = m.count(e.KeyExpr), m.count(e.ValExpr), m.count(e.CondExpr)
	case *hclsyntax.SplatExpr:
		e.Source, e.Each = m.insert(e.Source), m.count(e.Each)
	case *hclsyntax.TemplateExpr:
		for i, part := range e.Parts {
			if !isText(part) {
				e.Parts[i] = m.count(part)
			}
		}
	case *hclsyntax.TemplateJoinExpr:
		e.Tuple = m.insert(e.Tuple)
	case *hclsyntax.TemplateWrapExpr:
		e.Wrapped = m.insert(e.Wrapped)
	case *hclsyntax.BinaryOpExpr:
		e.LHS, e.RHS = m.countCompared(e.LHS), m.countCompared(e.RHS)
	case *hclsyntax.UnaryOpExpr:
		e.Val = m.countAll(e.Val)
	case *hclsyntax.ConditionalExpr:
		e.Condition, e.TrueResult, e.FalseResult = m.insert(e.Condition), m.countResult(e.TrueResult), m.countResult(e.FalseResult)
		return chosen{wrap(e)}
	case *hclsyntax.FunctionCallExpr:
		count := m.countAll
		if convertsArguments(e.Name) {
			count = m.countArgument
		}
		for i := range e.Args {
			e.Args[i] = count(e.Args[i])
		}
	case *hclsyntax.TupleConsExpr:
		for i := range e.Exprs {
			e.Exprs[i] = m.insert(e.Exprs[i])
		}
	case *hclsyntax.ObjectConsExpr:
		for i := range e.Items {
			e.Items[i].KeyExpr, e.Items[i].ValueExpr = m.insert(e.Items[i].KeyExpr), m.insert(e.Items[i].ValueExpr)
		}
	case *hclsyntax.ObjectConsKeyExpr:
		if e.ForceNonLiteral {
			e.Wrapped = m.count(e.Wrapped)
		}
	case *hclsyntax.IndexExpr:
		e.Collection, e.Key = m.insert(e.Collection), m.count(e.Key)
	case *hclsyntax.RelativeTraversalExpr:
		e.Source = m.insert(e.Source)
	case *hclsyntax.ParenthesesExpr:
		e.Expression = m.insert(e.Expression)
	}
	return e
}

// isText reports whether a part of a template is literal text, which HCL
// recognizes by the type of the node.
func isText(e hclsyntax.Expression) bool {
	literal, ok := e.(*hclsyntax.LiteralValueExpr)
	return ok && literal.Val.Type() == cty.String
}
