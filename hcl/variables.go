package hcl

import (
	"cmp"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"ablate/hcl/diag"
)

// variable is one declared variable and its value.
type variable struct {
	name        string
	typ         cty.Type
	at          hclv2.Range
	fallback    cty.Value // the default; NilVal if there is none
	validations hclv2.Blocks
	value       cty.Value   // NilVal until set, or when it is invalid
	valueAt     *diag.Range // nil if the value is not written in a file
	invalid     bool        // reported already: what depends on it stays silent
}

var variableSchema = &hclv2.BodySchema{
	Attributes: []hclv2.AttributeSchema{{Name: "type"}, {Name: "default"}, {Name: "description"}},
	Blocks:     []hclv2.BlockHeaderSchema{{Type: "validation"}},
}

var validationSchema = &hclv2.BodySchema{
	Attributes: []hclv2.AttributeSchema{{Name: "condition", Required: true}, {Name: "error_message", Required: true}},
}

func (l *loader) collectVariable(b *hclv2.Block) {
	name := b.Labels[0]
	if !hclsyntax.ValidIdentifier(name) {
		l.incomplete = true
		l.fail(rangeOf(b.LabelRanges[0]), "Invalid name", "%q is not a valid name for a variable. %s", name, identifierRule)
		return
	}
	if first := l.variables[name]; first != nil {
		l.fail(rangeOf(b.DefRange), "Duplicate name", "The variable %q is already declared at %s. Rename one of the two.", name, rangeOf(first.at))
		return
	}
	v := &variable{name: name, typ: cty.DynamicPseudoType, at: b.DefRange}
	l.variables[name] = v
	content, diags := b.Body.Content(variableSchema)
	l.upstream(renameUnknown(diags, variableSchema))
	if attr := content.Attributes["type"]; attr != nil {
		typ, diags := typeexpr.TypeConstraint(attr.Expr)
		l.upstream(diags)
		if diags.HasErrors() {
			v.invalid = true
			return
		}
		v.typ = typ
	}
	if attr := content.Attributes["default"]; attr != nil {
		l.setDefault(v, attr)
	}
	v.validations = content.Blocks
}

func (l *loader) setDefault(v *variable, attr *hclv2.Attribute) {
	val, diags := l.evalConstant(attr.Expr)
	if diags.HasErrors() {
		l.fail(rangeOf(attr.Range), "Default is not constant",
			"The default of variable %q must be a constant: it cannot refer to other values or call functions. Compute values in a local instead.", v.name)
		v.invalid = true
		return
	}
	val, err := convert.Convert(val, v.typ)
	if err != nil {
		l.fail(rangeOf(attr.Expr.Range()), "Wrong type", "The default of variable %q does not match its type: %s.", v.name, mismatch(err))
		v.invalid = true
		return
	}
	v.fallback, v.valueAt = val, rangeOf(attr.Range)
}

// evalVariables gives each variable its value. In order of increasing
// precedence: default, ABLATE_VAR_name, study.hclvars, *.auto.hclvars, then
// --var-file and --var in the order given.
func (l *loader) evalVariables() {
	for _, name := range sortedKeys(l.variables) {
		v := l.variables[name]
		v.value = v.fallback
		if text, ok := lookupEnv(l.opts.Environ, "ABLATE_VAR_"+name); ok {
			l.setFromText(v, text, "ABLATE_VAR_"+name)
		}
	}
	for _, file := range l.varsFiles() {
		l.readVars(file)
	}
	for _, given := range l.opts.Vars {
		if given.File != "" {
			l.readVars(given.File)
			continue
		}
		v := l.variables[given.Name]
		if v == nil && l.incomplete {
			continue
		}
		if v == nil {
			l.fail(nil, "Unknown variable", "--var %s: the study does not declare a variable %q.%s", given.Name, given.Name, suggest(given.Name, sortedKeys(l.variables)))
			continue
		}
		l.setFromText(v, given.Value, "--var "+given.Name)
	}
	for _, name := range sortedKeys(l.variables) {
		l.checkVariable(l.variables[name])
	}
}

// checkVariable refuses a variable without a value, and validates the value.
func (l *loader) checkVariable(v *variable) {
	if v.invalid {
		return
	}
	if v.value == cty.NilVal {
		v.invalid = true
		l.fail(rangeOf(v.at), "Variable without a value",
			"The variable %q has no default and was not set. Set it with --var %s=…, in a variables file, or with ABLATE_VAR_%s in the environment.",
			v.name, v.name, v.name)
		return
	}
	for _, b := range v.validations {
		if !l.validate(v, b) {
			v.invalid = true
		}
	}
}

// validate reports whether the variable's value passes a validation block.
func (l *loader) validate(v *variable, b *hclv2.Block) bool {
	content, diags := b.Body.Content(validationSchema)
	l.upstream(diags)
	if diags.HasErrors() {
		return false
	}
	condition, ok := l.evalAlone(content.Attributes["condition"], v)
	message, ok2 := l.evalAlone(content.Attributes["error_message"], v)
	if !ok || !ok2 {
		return false
	}
	passed, err := truth(condition)
	switch {
	case err != nil:
		l.fail(rangeOf(content.Attributes["condition"].Range), "Wrong type", "The condition must be true or false: %v.", err)
		return false
	case !passed:
		text := ""
		if m, err := convert.Convert(message, cty.String); err == nil && !m.IsNull() {
			text = " " + m.AsString()
		}
		l.fail(cmp.Or(v.valueAt, rangeOf(v.at)), "Invalid value", "The variable %q is %s.%s", v.name, show(v.value), text)
	}
	return passed
}

// evalAlone evaluates an attribute of a validation, which refers to its variable only.
func (l *loader) evalAlone(attr *hclv2.Attribute, v *variable) (cty.Value, bool) {
	e, diags := l.native(attr.Expr)
	if diags.HasErrors() {
		l.upstream(diags)
		return cty.NilVal, false
	}
	for _, t := range e.Variables() {
		if name, _ := attrStep(t, 1); t.RootName() != "var" || name != v.name {
			l.fail(rangeOf(t.SourceRange()), "Invalid reference", "A validation can refer only to the variable that it is in: var.%s.", v.name)
			return cty.NilVal, false
		}
	}
	return l.evaluate(e, map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{v.name: v.value})})
}

func lookupEnv(environ []string, name string) (string, bool) {
	for _, kv := range slices.Backward(environ) {
		if n, value, _ := strings.Cut(kv, "="); n == name {
			return value, true
		}
	}
	return "", false
}
