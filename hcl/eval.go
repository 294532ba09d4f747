package hcl

import (
	"errors"
	"fmt"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/diag"
)

// scope is what an expression can refer to besides variables, locals and stages.
type scope struct {
	each     map[string]cty.Value // key and value of an element of for_each
	matrix   map[string]cty.Value // levels of a cell
	specs    bool                 // references also give access to the spec of their stage
	noStages string               // why stages cannot be referred to here; empty if they can
	trail    []string             // what is being evaluated, to find cycles
}

// eval evaluates an expression. ok is false when anything in it is invalid; that
// has been reported.
func (l *loader) eval(expr hclv2.Expression, sc scope) (cty.Value, bool) {
	e, diags := l.native(expr)
	if diags.HasErrors() {
		l.upstream(diags)
		return cty.NilVal, false
	}
	vars, ok := l.names(e, sc)
	if !ok {
		return cty.NilVal, false
	}
	return l.evaluate(e, vars)
}

// evalConstant evaluates an expression that refers to nothing and calls nothing.
func (l *loader) evalConstant(expr hclv2.Expression) (cty.Value, hclv2.Diagnostics) {
	e, diags := l.native(expr)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	return l.value(e, nil)
}

func (l *loader) evaluate(e hclsyntax.Expression, vars map[string]cty.Value) (cty.Value, bool) {
	ctx := &hclv2.EvalContext{Variables: vars, Functions: l.functions()}
	val, diags := l.value(e, ctx)
	for _, d := range diags {
		l.explain(d, e, ctx)
	}
	l.upstream(diags)
	return val, !diags.HasErrors()
}

// value evaluates an expression within the limits. A panic of the library, or an
// unknown value, becomes a diagnostic: the study is the user's, and its place helps
// to find the cause.
func (l *loader) value(e hclsyntax.Expression, ctx *hclv2.EvalContext) (val cty.Value, diags hclv2.Diagnostics) {
	at := e.Range()
	l.at.Store(&at)
	l.meter.start()
	defer func() {
		r := recover()
		switch x := l.meter.exceeded; {
		case x != nil:
			diags = hclv2.Diagnostics{{Severity: hclv2.DiagError, Summary: "Expression too large", Detail: x.detail, Subject: &x.at}}
		case r != nil:
			diags = evaluationFailed(&at, r)
		}
	}()
	val, diags = e.Value(ctx)
	if !diags.HasErrors() {
		l.meter.weigh(val, at)
		if !val.IsWhollyKnown() {
			return cty.NilVal, evaluationFailed(&at, "its value is unknown")
		}
	}
	return val, diags
}

func evaluationFailed(at *hclv2.Range, why any) hclv2.Diagnostics {
	return hclv2.Diagnostics{{Severity: hclv2.DiagError, Summary: "Evaluation failed", Subject: at,
		Detail: fmt.Sprintf("Cannot evaluate this expression: %v. This is a bug in ablate; please report it.", why)}}
}

// truth reads the value of a condition.
func truth(v cty.Value) (bool, error) {
	if v.IsNull() || v.Type() != cty.Bool {
		return false, errors.New("it is " + article(describe(v)))
	}
	return v.True(), nil
}

func (l *loader) failCycle(at *diag.Range, trail []string) {
	l.fail(at, "Cycle", "These refer to each other in a circle: %s. Remove one of the references.", circle(trail))
}

// failChain reports a chain of references that is too long, once: each of its
// members would report another part of the same chain.
func (l *loader) failChain(at *diag.Range) {
	if !l.chained {
		l.fail(at, "Chain of references too long", "More than %d locals or stages refer to one another in a row. Shorten the chain.", maxChain)
	}
	l.chained = true
}
