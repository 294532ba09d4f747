package hcl

import (
	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
)

// names returns the values that an expression refers to, and reports names that
// do not exist.
func (l *loader) names(expr hclsyntax.Expression, sc scope) (map[string]cty.Value, bool) {
	b := nameBuilder{l: l, sc: sc, ok: true}
	for _, t := range expr.Variables() {
		b.add(t)
	}
	return b.build(), b.ok
}

// nameBuilder collects the values of names for one expression.
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
			b.fail(t, "Incomplete reference", "%s must be followed by a name: %s.name.", root, root)
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
	b.fail(t, "Unknown reference", "%q is not declared.%s Write text in quotes.", root, suggest(root, known))
}

func (b *nameBuilder) addNamed(t hclv2.Traversal, root, name string) {
	val, known, ok := b.lookup(t, root, name)
	switch {
	case !ok, val == cty.NilVal && b.l.incomplete && (root == "var" || root == "local"):
		b.ok = false
	case val == cty.NilVal:
		b.fail(t, "Unknown reference", "%s.%s does not exist.%s", root, name, suggest(name, known))
	default:
		if b.groups == nil {
			b.groups = make(map[string]map[string]cty.Value)
		}
		if b.groups[root] == nil {
			b.groups[root] = make(map[string]cty.Value)
		}
		b.groups[root][name] = val
	}
}

// lookup finds the value of root.name; NilVal if there is none of that name, in
// which case known lists those there are. ok is false when what it found is
// invalid; that has been reported.
func (b *nameBuilder) lookup(t hclv2.Traversal, root, name string) (val cty.Value, known []string, ok bool) {
	switch root {
	case "var":
		if v := b.l.variables[name]; v != nil {
			return v.value, nil, !v.invalid
		}
		return cty.NilVal, sortedKeys(b.l.variables), true
	case "local":
		if b.l.locals[name] != nil {
			val, ok = b.l.local(name, b.sc.trail)
			return val, nil, ok
		}
		return cty.NilVal, sortedKeys(b.l.locals), true
	case "each":
		return b.lookupIn(t, b.sc.each, name, "each is available only in a stage with for_each.")
	}
	return b.lookupIn(t, b.sc.matrix, name, "matrix is available only in a stage with a matrix block.")
}

func (b *nameBuilder) lookupIn(t hclv2.Traversal, values map[string]cty.Value, name, unavailable string) (cty.Value, []string, bool) {
	if values == nil {
		b.fail(t, "Unknown reference", "%s", unavailable)
		return cty.NilVal, nil, false
	}
	if val, ok := values[name]; ok {
		return val, nil, true
	}
	return cty.NilVal, sortedKeys(values), true
}

func (b *nameBuilder) addStage(t hclv2.Traversal) {
	a, ok := stageOf(t)
	if !ok {
		b.fail(t, "Incomplete reference", "A reference to a stage consists of block, type and name: %s.type.name.", t.RootName())
		return
	}
	if b.sc.noStages != "" {
		b.fail(t, "Invalid reference", "%s", b.sc.noStages)
		return
	}
	s := b.l.stages[a]
	if s == nil && b.l.incomplete {
		b.ok = false
		return
	}
	if s == nil {
		b.fail(t, "Unknown reference", "There is no stage %s.%s", a, suggest(a.String(), b.l.stageNames(a.Block)))
		return
	}
	val, ok := b.l.reference(s, b.sc)
	if !ok {
		b.ok = false
		return
	}
	if val, ok = b.trial(t, s, val); !ok {
		b.ok = false
		return
	}
	if b.refs == nil {
		b.refs = make(map[string]map[string]map[string]cty.Value)
	}
	if b.refs[a.Block] == nil {
		b.refs[a.Block] = make(map[string]map[string]cty.Value)
	}
	if b.refs[a.Block][a.Type] == nil {
		b.refs[a.Block][a.Type] = make(map[string]cty.Value)
	}
	b.refs[a.Block][a.Type][a.Name] = val
}

// trial adds to the value of a stage with a matrix the trial that a traversal names by its
// key, as addresses are printed: train.lm.main["norm=rmsnorm.base,seed=1"]. The value still
// stands for all trials where it has no key.
func (b *nameBuilder) trial(t hclv2.Traversal, s *stage, val cty.Value) (cty.Value, bool) {
	if s.content == nil || len(s.blocks("matrix")) == 0 {
		return val, true
	}
	before, ok := b.refs[s.addr.Block][s.addr.Type][s.addr.Name]
	if !ok {
		before = val
	}
	if len(t) < 4 {
		return before, true
	}
	index, ok := t[3].(hclv2.TraverseIndex)
	if !ok || index.Key.Type() != cty.String {
		return before, true
	}
	b.l.expand(s, b.sc.trail)
	if s.invalid {
		return val, false
	}
	of := addr.Instance{Stage: s.addr, Key: index.Key.AsString()}
	inst := s.instance(of)
	if inst == nil {
		var keys []string
		for _, x := range s.instances {
			keys = append(keys, x.Address.Key)
		}
		b.l.fail(rangeOf(index.SrcRange), "Unknown reference", "%s has no trial %q.%s", s.addr, of.Key, suggest(of.Key, keys))
		return val, false
	}
	members := map[string]cty.Value{identity: val}
	if before.Type().IsObjectType() {
		members = before.AsValueMap()
	}
	members[of.Key] = refValue(of)
	return cty.ObjectVal(members), true
}

func (b *nameBuilder) fail(t hclv2.Traversal, summary, detail string, args ...any) {
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

// stageOf reads block.type.name from a traversal.
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
