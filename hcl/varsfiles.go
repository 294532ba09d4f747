package hcl

import (
	"errors"
	"os"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"ablate/hcl/diag"
)

// varsFiles lists the variables files that are read without being named on the
// command line. Hidden files are those of editors.
func (l *loader) varsFiles() []string {
	var out []string
	entries, _ := os.ReadDir(l.opts.Dir) // an unreadable folder was reported by readFolder
	for _, e := range entries {
		switch n := e.Name(); {
		case n == "study.hclvars":
			out = slices.Insert(out, 0, n)
		case strings.HasSuffix(n, ".auto.hclvars") && !strings.HasPrefix(n, "."):
			out = append(out, n)
		}
	}
	return out
}

// readVars reads one variables file, whose attributes are values of variables.
func (l *loader) readVars(name string) {
	body := l.parse(name, "Unreadable variables file")
	if body == nil {
		return
	}
	attrs, diags := body.JustAttributes()
	l.upstream(diags)
	for _, key := range sortedKeys(attrs) {
		attr := attrs[key]
		v := l.variables[key]
		if v == nil && l.incomplete {
			continue
		}
		if v == nil {
			l.fail(rangeOf(attr.NameRange), "Unknown variable", "The study does not declare a variable %q.%s", key, suggest(key, sortedKeys(l.variables)))
			continue
		}
		val, diags := l.evalConstant(attr.Expr)
		l.upstream(diags)
		if !diags.HasErrors() {
			l.set(v, val, rangeOf(attr.Expr.Range()), "")
		}
	}
}

// setFromText sets a variable from the command line or the environment. The text
// is taken verbatim for strings, and is an HCL expression for other types.
func (l *loader) setFromText(v *variable, text, source string) {
	verbatim, err := l.text(text, nil, source)
	if err != nil {
		v.invalid = true
		l.fail(nil, "Unreadable value", "The value of %v.", err)
		return
	}
	if v.typ == cty.String {
		l.set(v, verbatim, nil, source)
		return
	}
	val, diags := l.parseValue(text, source)
	switch {
	case !diags.HasErrors():
		l.set(v, val, nil, source)
	case diags[0].Summary == twice:
		v.invalid = true
		l.fail(nil, twice, "%s: %s", source, diags[0].Detail)
	case v.typ == cty.DynamicPseudoType: // without a type, a bare word is text
		l.set(v, verbatim, nil, source)
	default:
		v.invalid = true
		l.fail(nil, "Unreadable value", "%s: %q is not a value of type %s. Use HCL syntax, for example --var '%s=%s'.",
			source, text, v.typ.FriendlyName(), v.name, exampleOf(v.typ))
	}
}

func (l *loader) parseValue(text, source string) (cty.Value, hclv2.Diagnostics) {
	expr, diags := parseExpression(text, source, hclv2.InitialPos, hclsyntax.LexExpression, hclsyntax.ParseExpression)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	return l.evalConstant(l.meter.insert(expr))
}

// set gives a variable a value, converted to its type. source says where the
// value comes from if that is no place in a file.
func (l *loader) set(v *variable, val cty.Value, at *diag.Range, source string) {
	converted, err := convert.Convert(val, v.typ)
	if err != nil {
		v.invalid = true
		if source != "" {
			source += ": "
		}
		l.fail(at, "Wrong type", "%sthe value of variable %q does not match its type: %s.", source, v.name, mismatch(err))
		return
	}
	v.value, v.valueAt = converted, at
}

// mismatch says why a value does not convert to a type, with the place in the value.
func mismatch(err error) string {
	var at cty.PathError
	if !errors.As(err, &at) {
		return err.Error()
	}
	var b strings.Builder
	for _, step := range at.Path {
		switch s := step.(type) {
		case cty.GetAttrStep:
			b.WriteString("." + s.Name)
		case cty.IndexStep:
			b.WriteString("[" + show(s.Key) + "]")
		}
	}
	if b.Len() == 0 {
		return at.Error()
	}
	return "at " + strings.TrimPrefix(b.String(), ".") + ", " + at.Error()
}

// exampleOf is a value of a type in HCL syntax.
func exampleOf(t cty.Type) string {
	switch {
	case t == cty.Number:
		return "1e-3"
	case t == cty.Bool:
		return "true"
	case t.IsMapType() || t.IsObjectType():
		return "{ a = 1 }"
	}
	return "[1, 2]"
}
