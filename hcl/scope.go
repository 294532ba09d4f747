package hcl

import (
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
)

// local is one value of a locals block.
type local struct {
	name   string
	attr   *hclv2.Attribute
	value  cty.Value
	state  visit
	broken bool
}

// visit marks what is under way, to find cycles.
type visit int

const (
	unvisited visit = iota
	visiting
	visited
)

func (l *loader) collectLocals(b *hclv2.Block) {
	attrs, diags := b.Body.JustAttributes()
	l.upstream(diags)
	for _, name := range sortedKeys(attrs) {
		if first := l.locals[name]; first != nil {
			l.fail(rangeOf(attrs[name].NameRange), "Duplicate name", "The local %q is set at %s already. Give one of the two another name.", name, rangeOf(first.attr.NameRange))
			continue
		}
		l.locals[name] = &local{name: name, attr: attrs[name]}
	}
}

// checkLocals evaluates every local, so that a broken one is reported even
// when nothing uses it.
func (l *loader) checkLocals() {
	for _, name := range sortedKeys(l.locals) {
		l.local(name, nil)
	}
}

// local evaluates a local once. ok is false when it is broken, which has been
// reported then.
func (l *loader) local(name string, trail []string) (cty.Value, bool) {
	v := l.locals[name]
	trail = append(trail, "local."+name)
	switch v.state {
	case visited:
		return v.value, !v.broken
	case visiting:
		l.fail(rangeOf(v.attr.NameRange), "Cycle", "These refer to each other in a circle: %s. Break it at one of them.", cycle(trail))
		v.broken = true
		return cty.NilVal, false
	}
	v.state = visiting
	val, ok := l.eval(v.attr.Expr, scope{trail: trail})
	v.state = visited
	v.value, v.broken = val, v.broken || !ok
	return v.value, !v.broken
}

// cycle renders the circle at the end of a trail.
func cycle(trail []string) string {
	last := trail[len(trail)-1]
	for i, name := range trail {
		if name == last {
			return strings.Join(trail[i:], " -> ")
		}
	}
	return strings.Join(trail, " -> ")
}

// scope is what an expression sees beside variables, locals and stages.
type scope struct {
	each    map[string]cty.Value // key and value of a for_each member
	matrix  map[string]cty.Value // levels of a cell
	specs   bool                 // references show their stage's spec, as matrix.x does
	nostage bool                 // stages cannot be referred to here (for_each)
	trail   []string             // what is being evaluated, for cycles
}

// eval evaluates an expression. ok is false when anything in it is broken,
// which has been reported then.
func (l *loader) eval(expr hclv2.Expression, sc scope) (cty.Value, bool) {
	vars, ok := l.names(expr, sc)
	if !ok {
		return cty.NilVal, false
	}
	val, diags := expr.Value(&hclv2.EvalContext{Variables: vars, Functions: l.functions()})
	l.upstream(diags)
	return val, !diags.HasErrors()
}

// names gathers the variables that an expression needs, and complains about
// those that do not exist.
func (l *loader) names(expr hclv2.Expression, sc scope) (map[string]cty.Value, bool) {
	b := nameBuilder{l: l, sc: sc, groups: make(map[string]map[string]cty.Value), refs: make(map[string]map[string]map[string]cty.Value), ok: true}
	for _, t := range expr.Variables() {
		b.add(t)
	}
	return b.build(), b.ok
}

type nameBuilder struct {
	l      *loader
	sc     scope
	groups map[string]map[string]cty.Value            // var, local, each, matrix
	refs   map[string]map[string]map[string]cty.Value // block, type, name
	ok     bool
}

func (b *nameBuilder) add(t hclv2.Traversal) {
	root := t.RootName()
	switch root {
	case "var", "local", "each", "matrix":
		name, ok := attrStep(t, 1)
		if !ok {
			b.complain(t, "Incomplete reference", "%s needs a name after it: %s.name.", root, root)
			return
		}
		b.addNamed(t, root, name)
		return
	}
	if _, isBlock := b.l.kinds[root]; isBlock {
		b.addStage(t)
		return
	}
	known := append([]string{"var", "local", "each", "matrix"}, sortedKeys(b.l.kinds)...)
	b.complain(t, "Unknown reference", "Nothing is called %q.%s Text stands in quotes.", root, suggest(root, known))
}

func (b *nameBuilder) addNamed(t hclv2.Traversal, root, name string) {
	l := b.l
	var val cty.Value
	var known []string
	found, ok := false, true
	switch root {
	case "var":
		if v := l.variables[name]; v != nil {
			found, val, ok = true, v.value, !v.broken
		}
		known = sortedKeys(l.variables)
	case "local":
		if _, found = l.locals[name]; found {
			val, ok = l.local(name, b.sc.trail)
		}
		known = sortedKeys(l.locals)
	default:
		in := b.sc.each
		if root == "matrix" {
			in = b.sc.matrix
		}
		if in == nil {
			b.complain(t, "Unknown reference", "%s has a meaning only inside a stage with %s.", root,
				map[string]string{"each": "for_each", "matrix": "a matrix block"}[root])
			return
		}
		val, found = in[name]
		known = sortedKeys(in)
	}
	switch {
	case !found:
		b.complain(t, "Unknown reference", "There is no %s.%s.%s", root, name, suggest(name, known))
	case !ok:
		b.ok = false
	default:
		if b.groups[root] == nil {
			b.groups[root] = make(map[string]cty.Value)
		}
		b.groups[root][name] = val
	}
}

func (b *nameBuilder) addStage(t hclv2.Traversal) {
	a, ok := stageOf(t)
	if !ok {
		b.complain(t, "Incomplete reference", "A reference to a stage names block, type and name, as in %s.type.name.", t.RootName())
		return
	}
	if b.sc.nostage {
		b.complain(t, "Stage in for_each", "for_each cannot refer to stages: it must be known before they are. Use variables and locals.")
		return
	}
	s := b.l.stages[a]
	if s == nil {
		b.complain(t, "Unknown reference", "There is no stage %s.%s", a, suggest(a.String(), b.l.stageNames(a.Block)))
		return
	}
	val, ok := b.l.reference(s, b.sc)
	if !ok {
		b.ok = false
		return
	}
	if b.refs[a.Block] == nil {
		b.refs[a.Block] = make(map[string]map[string]cty.Value)
	}
	if b.refs[a.Block][a.Type] == nil {
		b.refs[a.Block][a.Type] = make(map[string]cty.Value)
	}
	b.refs[a.Block][a.Type][a.Name] = val
}

func (b *nameBuilder) complain(t hclv2.Traversal, summary, detail string, args ...any) {
	b.ok = false
	b.l.fail(rangeOf(t.SourceRange()), summary, detail, args...)
}

func (b *nameBuilder) build() map[string]cty.Value {
	vars := make(map[string]cty.Value, len(b.groups)+len(b.refs))
	for root, names := range b.groups {
		vars[root] = cty.ObjectVal(names)
	}
	for block, types := range b.refs {
		byType := make(map[string]cty.Value, len(types))
		for typ, names := range types {
			byType[typ] = cty.ObjectVal(names)
		}
		vars[block] = cty.ObjectVal(byType)
	}
	return vars
}

// stageOf reads block.type.name off a traversal.
func stageOf(t hclv2.Traversal) (addr.Stage, bool) {
	typ, ok1 := attrStep(t, 1)
	name, ok2 := attrStep(t, 2)
	return addr.Stage{Block: t.RootName(), Type: typ, Name: name}, ok1 && ok2
}

func attrStep(t hclv2.Traversal, i int) (string, bool) {
	if len(t) <= i {
		return "", false
	}
	step, ok := t[i].(hclv2.TraverseAttr)
	return step.Name, ok
}

func (l *loader) stageNames(block string) []string {
	var out []string
	for a := range l.stages {
		if a.Block == block {
			out = append(out, a.String())
		}
	}
	return sorted(out)
}

// evalStudy reads the study block's attributes.
func (l *loader) evalStudy() {
	b := l.studyBlock
	if b == nil {
		l.study.Name = baseName(l.opts.Dir)
		return
	}
	schema := &hclv2.BodySchema{Attributes: []hclv2.AttributeSchema{
		{Name: "description"}, {Name: "seed"}, {Name: "numerics"}, {Name: "env"},
	}}
	content, diags := b.Body.Content(schema)
	l.upstream(renameUnknown(diags, nil, []string{"description", "seed", "numerics", "env"}))
	d := decoder{l: l, sc: scope{nostage: true}}
	d.plain(content.Attributes["description"], &l.study.Description)
	d.plain(content.Attributes["seed"], &l.study.Seed)
	d.plain(content.Attributes["numerics"], &l.study.Numerics)
	d.plain(content.Attributes["env"], &l.env)
	if n := l.study.Numerics; n != "record" && n != "strict" {
		l.fail(rangeOf(content.Attributes["numerics"].Expr.Range()), "Invalid value", "numerics is \"record\" or \"strict\", not %q.", n)
	}
	for _, name := range l.env {
		if secret(name) {
			l.fail(rangeOf(content.Attributes["env"].Expr.Range()), "Secret in a study",
				"%s looks like a credential, and what a study reads may end up in files and keys. Leave it in the environment: the drivers that need it find it there.", name)
		}
	}
}

// secret reports whether an environment variable's name is that of a secret.
func secret(name string) bool {
	for _, end := range []string{"_TOKEN", "_KEY", "_SECRET", "_PASSWORD"} {
		if strings.HasSuffix(strings.ToUpper(name), end) {
			return true
		}
	}
	return false
}
