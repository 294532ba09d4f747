package hcl

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"ablate/hcl/diag"
)

// variable is one declared variable and the value it got.
type variable struct {
	name       string
	typ        cty.Type
	at         hclv2.Range
	fallback   cty.Value // the default; NilVal when there is none
	validation *hclv2.Block
	value      cty.Value // NilVal until set, or when it is broken
	broken     bool      // reported already: what depends on it stays silent
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
	if first := l.variables[name]; first != nil {
		l.fail(rangeOf(b.DefRange), "Duplicate name", "The variable %q is declared at %s already. Give one of the two another name.", name, rangeOf(first.at))
		return
	}
	v := &variable{name: name, typ: cty.DynamicPseudoType, at: b.DefRange}
	l.variables[name] = v
	content, diags := b.Body.Content(variableSchema)
	l.upstream(renameUnknown(diags, []string{"validation"}, []string{"type", "default", "description"}))
	if attr := content.Attributes["type"]; attr != nil {
		typ, diags := typeexpr.TypeConstraint(attr.Expr)
		l.upstream(diags)
		if diags.HasErrors() {
			v.broken = true
			return
		}
		v.typ = typ
	}
	if attr := content.Attributes["default"]; attr != nil {
		l.variableDefault(v, attr)
	}
	if len(content.Blocks) > 0 {
		v.validation = content.Blocks[0]
	}
}

func (l *loader) variableDefault(v *variable, attr *hclv2.Attribute) {
	val, diags := attr.Expr.Value(nil)
	if diags.HasErrors() {
		l.fail(rangeOf(attr.Range), "Default is not constant",
			"The default of variable %q must be a constant: it cannot refer to anything or call a function. Use a local for what is computed.", v.name)
		v.broken = true
		return
	}
	val, err := convert.Convert(val, v.typ)
	if err != nil {
		l.fail(rangeOf(attr.Expr.Range()), "Wrong type", "The default of variable %q does not fit its type: %v.", v.name, err)
		v.broken = true
		return
	}
	v.fallback = val
}

// evalVariables gives every variable its value, from low to high precedence:
// default, ABLATE_VAR_name, study.hclvars, *.auto.hclvars, then --var-file and
// --var in the order given.
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
		if v == nil {
			l.fail(nil, "Unknown variable", "--var %s: the study declares no variable %q.%s", given.Name, given.Name, suggest(given.Name, sortedKeys(l.variables)))
			continue
		}
		l.setFromText(v, given.Value, "--var "+given.Name)
	}
	for _, name := range sortedKeys(l.variables) {
		l.checkVariable(l.variables[name])
	}
}

// varsFiles lists the variables files that are read without being named.
func (l *loader) varsFiles() []string {
	var out []string
	if _, err := os.Stat(filepath.Join(l.opts.Dir, "study.hclvars")); err == nil {
		out = append(out, "study.hclvars")
	}
	auto, _ := filepath.Glob(filepath.Join(l.opts.Dir, "*.auto.hclvars")) // the pattern is well-formed
	slices.Sort(auto)
	for _, f := range auto {
		out = append(out, filepath.Base(f))
	}
	return out
}

// readVars reads one variables file; its attributes are variables.
func (l *loader) readVars(name string) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.opts.Dir, name)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		l.fail(&diag.Range{Filename: name}, "Unreadable variables file", "The file %s cannot be read: %v.", name, err)
		return
	}
	l.study.Sources[name] = src
	file, diags := parseFile(name, src)
	l.upstream(diags)
	if file == nil || diags.HasErrors() {
		return
	}
	attrs, diags := file.Body.JustAttributes()
	l.upstream(diags)
	for _, key := range sortedKeys(attrs) {
		attr := attrs[key]
		v := l.variables[key]
		if v == nil {
			l.fail(rangeOf(attr.NameRange), "Unknown variable", "The study declares no variable %q.%s", key, suggest(key, sortedKeys(l.variables)))
			continue
		}
		val, diags := attr.Expr.Value(nil)
		l.upstream(diags)
		if !diags.HasErrors() {
			l.set(v, val, rangeOf(attr.Expr.Range()), "")
		}
	}
}

// setFromText reads a value given as text: verbatim for strings, as an HCL
// expression for everything else.
func (l *loader) setFromText(v *variable, text, source string) {
	if v.typ == cty.String {
		l.set(v, cty.StringVal(text), nil, source)
		return
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), source, hclv2.InitialPos)
	var val cty.Value
	if !diags.HasErrors() {
		val, diags = expr.Value(nil)
	}
	if diags.HasErrors() {
		if v.typ == cty.DynamicPseudoType { // an untyped variable takes a bare word as text
			l.set(v, cty.StringVal(text), nil, source)
			return
		}
		v.broken = true
		l.fail(nil, "Unreadable value", "%s: %q is not a value of type %s. Write it as in a file, for example --var '%s=%s'.",
			source, text, v.typ.FriendlyName(), v.name, exampleOf(v.typ))
		return
	}
	l.set(v, val, nil, source)
}

// exampleOf is how a value of a type is written.
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

func (l *loader) set(v *variable, val cty.Value, at *diag.Range, source string) {
	converted, err := convert.Convert(val, v.typ)
	if err != nil {
		v.broken = true
		detail := "The value of variable %q does not fit its type: %v."
		if source != "" {
			detail = source + ": the value of variable %q does not fit its type: %v."
		}
		l.fail(at, "Wrong type", detail, v.name, err)
		return
	}
	v.value = converted
}

// checkVariable refuses variables without a value and runs the validation.
func (l *loader) checkVariable(v *variable) {
	if v.broken {
		return
	}
	if v.value == cty.NilVal {
		v.broken = true
		l.fail(rangeOf(v.at), "Variable without a value",
			"The variable %q has no default and was not set. Set it with --var %s=…, in a variables file, or as ABLATE_VAR_%s in the environment.",
			v.name, v.name, v.name)
		return
	}
	if v.validation == nil {
		return
	}
	content, diags := v.validation.Body.Content(validationSchema)
	l.upstream(diags)
	if diags.HasErrors() {
		return
	}
	ctx := &hclv2.EvalContext{
		Variables: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{v.name: v.value})},
		Functions: l.functions(),
	}
	ok, diags := content.Attributes["condition"].Expr.Value(ctx)
	l.upstream(diags)
	message, more := content.Attributes["error_message"].Expr.Value(ctx)
	l.upstream(more)
	if diags.HasErrors() || more.HasErrors() {
		v.broken = true
		return
	}
	passed, err := truth(ok)
	text := ""
	if message.Type() == cty.String && !message.IsNull() {
		text = message.AsString()
	}
	switch {
	case err != nil:
		v.broken = true
		l.fail(rangeOf(content.Attributes["condition"].Range), "Wrong type", "The condition must be true or false: %v.", err)
	case !passed:
		v.broken = true
		l.fail(rangeOf(v.at), "Invalid value", "The variable %q is %s. %s", v.name, show(v.value), text)
	}
}

// truth reads a condition's value.
func truth(v cty.Value) (bool, error) {
	if v.IsNull() || v.Type() != cty.Bool {
		return false, errors.New("it is " + article(describe(v)))
	}
	return v.True(), nil
}

func lookupEnv(environ []string, name string) (string, bool) {
	for _, kv := range slices.Backward(environ) {
		if n, value, _ := strings.Cut(kv, "="); n == name {
			return value, true
		}
	}
	return "", false
}
