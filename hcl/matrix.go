package hcl

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/spec"
)

// factor is one axis of a matrix.
type factor struct {
	name   string
	bound  bool // an attribute of the spec has the name
	at     *diag.Range
	levels []cty.Value
	labels []addr.Level
	shown  []*addr.Factor // the factor at each level, made on first use
}

// crossing is one train stage's matrix on its way to cells.
type crossing struct {
	l       *loader
	s       *stage
	sc      scope
	factors []factor // sorted by name
	rules   []*rule
	used    []string // factors that the body reads through matrix.x
	plans   map[string]*cellPlan
}

// rule is an exclude, include or override block.
type rule struct {
	block   *hclv2.Block
	when    hclv2.Expression
	content *hclv2.BodyContent // of an override: the spec's part
	matched bool
}

// cell is one combination of levels, by index into each factor's levels.
type cell []int

// cross expands a stage's matrix: product, then exclude, then include, then
// override.
func (l *loader) cross(s *stage, matrix *hclv2.Block, trail []string) {
	x := &crossing{l: l, s: s, sc: scope{specs: true, trail: trail}, plans: make(map[string]*cellPlan)}
	before := len(l.diags)
	if !x.readFactors(matrix) {
		s.failed = true
		return
	}
	x.readRules("override")
	x.checkUse()
	cells := x.exclude(x.product())
	cells = x.include(cells)
	if l.diags[before:].HasErrors() {
		return
	}
	if len(cells) == 0 {
		l.fail(rangeOf(matrix.DefRange), "Empty matrix", "The exclude rules leave no cell. Loosen one of them.")
		return
	}
	for _, c := range cells {
		x.instance(c)
		if l.diags[before:].HasErrors() { // the other cells would only repeat it
			s.instances = nil
			return
		}
	}
	for _, r := range x.rules {
		x.warnUnmatched(r)
	}
}

// readFactors reports whether all factors could be read. One whose levels are
// wrong elsewhere is reported there.
func (x *crossing) readFactors(matrix *hclv2.Block) bool {
	before, known := len(x.l.diags), true
	attrs, diags := matrix.Body.JustAttributes()
	x.l.upstream(diags)
	if len(attrs) == 0 && !diags.HasErrors() {
		x.l.fail(rangeOf(matrix.DefRange), "Empty matrix", "A matrix names at least one factor with its levels, for example seed = [1, 2, 3].")
	}
	schema := spec.Of(reflect.TypeOf(x.s.kind.New()))
	for _, name := range sortedKeys(attrs) {
		attr := attrs[name]
		val, ok := x.l.eval(attr.Expr, x.sc)
		if !ok {
			known = false
			continue
		}
		field, bound := schema.Field(name)
		if bound && field.Form != spec.Attribute {
			x.l.fail(rangeOf(attr.NameRange), "Block as a factor", "%s is a block, which no factor can set. Give the factor another name and read it in the block as matrix.name.", name)
			continue
		}
		f := factor{name: name, at: rangeOf(attr.Range), bound: bound}
		if x.readLevels(&f, val, rangeOf(attr.Expr.Range())) {
			x.factors = append(x.factors, f)
		}
	}
	return known && !x.l.diags[before:].HasErrors()
}

func (x *crossing) readLevels(f *factor, val cty.Value, at *diag.Range) bool {
	var items []cty.Value
	switch refs, isRefs := asRefs(val); {
	case isRefs:
		items = x.members(val, refs)
	case describe(val) == "list":
		for _, item := range val.AsValueSlice() {
			if refs, ok := asRefs(item); ok {
				items = append(items, x.members(item, refs)...)
			} else {
				items = append(items, item)
			}
		}
	default:
		x.l.fail(at, "Wrong type", "The levels of factor %s must be a list, or a stage whose instances are the levels, not %s.", f.name, article(describe(val)))
		return false
	}
	if len(items) == 0 {
		x.l.fail(at, "Empty factor", "Factor %s has no levels, so there would be no trial. Give it at least one.", f.name)
		return false
	}
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		level, ok := asLevel(item)
		if !ok {
			x.l.fail(at, "Wrong type", "A level of factor %s must be a reference, a number, a string or a bool, not %s.", f.name, article(describe(item)))
			return false
		}
		text := level.String()
		if seen[text] {
			x.l.fail(at, "Duplicate level", "Factor %s has the level %s twice. Name it once.", f.name, level)
			return false
		}
		seen[text] = true
		f.levels, f.labels = append(f.levels, item), append(f.labels, level)
	}
	return true
}

// members are the values behind references: one each.
func (x *crossing) members(val cty.Value, refs []addr.Instance) []cty.Value {
	if len(refs) == 1 {
		if _, single := asRef(val); single {
			return []cty.Value{val}
		}
	}
	out := make([]cty.Value, len(refs))
	for i, a := range refs {
		out[i] = x.l.stages[a.Stage].value(a.Key, true)
	}
	return out
}

// product lists all combinations, the last factor fastest.
func (x *crossing) product() []cell {
	cells := []cell{{}}
	for _, f := range x.factors {
		next := make([]cell, 0, len(cells)*len(f.levels))
		for _, c := range cells {
			for i := range f.levels {
				next = append(next, append(c[:len(c):len(c)], i))
			}
		}
		cells = next
	}
	return cells
}

// readRules opens the rules of one kind.
func (x *crossing) readRules(kind string) []*rule {
	var out []*rule
	for _, b := range x.s.blocks(kind) {
		r := &rule{block: b}
		schema := &hclv2.BodySchema{Attributes: []hclv2.AttributeSchema{{Name: "when"}}}
		if kind == "override" {
			inner := bodySchema(spec.Of(reflect.TypeOf(x.s.kind.New())))
			schema.Attributes = append(schema.Attributes, inner.Attributes...)
			schema.Blocks = inner.Blocks
		}
		content, diags := b.Body.Content(schema)
		var attrs, blocks []string
		for _, a := range schema.Attributes {
			attrs = append(attrs, a.Name)
		}
		for _, n := range schema.Blocks {
			blocks = append(blocks, n.Type)
		}
		x.l.upstream(renameUnknown(diags, blocks, attrs))
		when := content.Attributes["when"]
		if when == nil {
			x.l.fail(rangeOf(b.DefRange), "Missing condition", "%s needs when = …, a condition on the levels, for example matrix.seed == 42.", kind)
			continue
		}
		r.when, r.content = when.Expr, content
		for _, f := range x.factors {
			if a := content.Attributes[f.name]; a != nil && f.bound {
				x.l.fail(rangeOf(a.NameRange), "Factor overridden", "%s is a factor: an override cannot set it, or the trial would not be what its address says.", f.name)
			}
		}
		out = append(out, r)
	}
	if kind == "override" {
		x.rules = append(x.rules, out...)
	}
	return out
}

// checkUse refuses factors that change nothing: they would make fake
// replicates.
func (x *crossing) checkUse() {
	used := make(map[string]bool)
	for _, t := range x.reads() {
		if name, ok := attrStep(t, 1); ok && t.RootName() == "matrix" {
			used[name] = true
		}
	}
	for _, f := range x.factors {
		if used[f.name] {
			x.used = append(x.used, f.name)
		}
		if !f.bound && !used[f.name] {
			x.l.fail(f.at, "Factor without effect",
				"%s is no attribute of %s %q, and nothing reads matrix.%s: all its levels would be the same trial.%s",
				f.name, x.s.addr.Block, x.s.addr.Type, f.name, suggest(f.name, spec.Of(reflect.TypeOf(x.s.kind.New())).Names()))
		}
	}
}

// reads lists the references that can reach a trial's spec. Conditions only
// choose cells, so they do not count.
func (x *crossing) reads() []hclv2.Traversal {
	var out []hclv2.Traversal
	for _, name := range sortedKeys(x.s.content.Attributes) {
		out = append(out, x.s.content.Attributes[name].Expr.Variables()...)
	}
	for _, b := range x.s.content.Blocks {
		if !slices.Contains(matrixBlocks, b.Type) {
			out = append(out, blockVariables(b)...)
		}
	}
	for _, r := range x.rules {
		for _, name := range sortedKeys(r.content.Attributes) {
			if name != "when" {
				out = append(out, r.content.Attributes[name].Expr.Variables()...)
			}
		}
		for _, b := range r.content.Blocks {
			out = append(out, blockVariables(b)...)
		}
	}
	return out
}

func (x *crossing) scopeOf(c cell) scope {
	sc := x.sc
	sc.matrix = make(map[string]cty.Value, len(c))
	for i, f := range x.factors {
		sc.matrix[f.name] = f.levels[c[i]]
	}
	return sc
}

// holds evaluates a rule's condition in a cell.
func (x *crossing) holds(r *rule, c cell) (bool, bool) {
	told := len(x.l.diags)
	val, ok := x.l.eval(r.when, x.scopeOf(c))
	if !ok {
		x.blameCell(x.l.diags[told:], c)
		return false, false
	}
	yes, err := truth(val)
	if err != nil {
		x.l.fail(rangeOf(r.when.Range()), "Wrong type", "when must be true or false: %v.", err)
		return false, false
	}
	r.matched = r.matched || yes
	return yes, true
}

// blameCell says in which cell a condition reads what is not there, since the
// levels of a factor may be stages of several types.
func (x *crossing) blameCell(list diag.List, c cell) {
	var levels []string
	for i, f := range x.factors {
		levels = append(levels, f.name+"="+f.labels[c[i]].String())
	}
	for i := range list {
		if list[i].Summary == "Unknown attribute" {
			list[i].Detail += fmt.Sprintf(" So it is in the cell %s: try(…, false) passes over what has none.", strings.Join(levels, ","))
		}
	}
}

func (x *crossing) exclude(cells []cell) []cell {
	for _, r := range x.readRules("exclude") {
		var keep []cell
		for _, c := range cells {
			out, ok := x.holds(r, c)
			if !ok {
				return nil
			}
			if !out {
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
		x.l.warn(rangeOf(r.when.Range()), "Rule without effect", "This condition holds in no cell of the matrix. Remove it, or correct the levels that it names: those that are stages stand without quotes.")
	}
}

// include adds cells. A level that is not in the matrix yet is added to its
// factor, for the cells of this rule only.
func (x *crossing) include(cells []cell) []cell {
	blocks := x.s.blocks("include")
	if len(blocks) == 0 {
		return cells
	}
	have := make(map[string]bool, len(cells))
	for _, c := range cells {
		have[fmt.Sprint(c)] = true
	}
	spans := make([]int, len(x.factors)) // levels before any include
	for i, f := range x.factors {
		spans[i] = len(f.levels)
	}
	for _, b := range blocks {
		added := []cell{{}}
		named, ok := x.includeLevels(b)
		if !ok {
			return cells
		}
		for i, f := range x.factors {
			choice := named[f.name]
			if choice == nil {
				choice = make([]int, spans[i])
				for j := range choice {
					choice[j] = j
				}
			}
			var next []cell
			for _, c := range added {
				for _, j := range choice {
					next = append(next, append(c[:len(c):len(c)], j))
				}
			}
			added = next
		}
		before := len(cells)
		for _, c := range added {
			if k := fmt.Sprint(c); !have[k] {
				have[k] = true
				cells = append(cells, c)
			}
		}
		if len(cells) == before {
			x.l.warn(rangeOf(b.DefRange), "Rule without effect", "The matrix has every cell that this include adds already. Remove it, or name another level.")
		}
	}
	return cells
}

func (x *crossing) includeLevels(b *hclv2.Block) (map[string][]int, bool) {
	attrs, diags := b.Body.JustAttributes()
	x.l.upstream(diags)
	named := make(map[string][]int)
	if len(attrs) == 0 {
		x.l.fail(rangeOf(b.DefRange), "Empty include", "include names at least one factor with the level to add.")
		return nil, false
	}
	var names []string
	for _, f := range x.factors {
		names = append(names, f.name)
	}
	for _, name := range sortedKeys(attrs) {
		attr := attrs[name]
		i := slices.Index(names, name)
		if i < 0 {
			x.l.fail(rangeOf(attr.NameRange), "Unknown factor", "The matrix has no factor %q.%s", name, suggest(name, names))
			return nil, false
		}
		val, ok := x.l.eval(attr.Expr, x.sc)
		if !ok {
			return nil, false
		}
		added := factor{name: name}
		if _, scalar := asLevel(val); scalar {
			val = cty.TupleVal([]cty.Value{val})
		}
		if !x.readLevels(&added, val, rangeOf(attr.Expr.Range())) {
			return nil, false
		}
		for j, level := range added.labels {
			named[name] = append(named[name], x.factors[i].add(level, added.levels[j]))
		}
	}
	return named, true
}

// add returns the index of a level, appending it if it is new.
func (f *factor) add(level addr.Level, val cty.Value) int {
	for i, l := range f.labels {
		if l == level {
			return i
		}
	}
	f.levels, f.labels = append(f.levels, val), append(f.labels, level)
	return len(f.levels) - 1
}

// factorsOf is a cell's address and what it shows, once all levels are known.
func (x *crossing) factorsOf(c cell) []*addr.Factor {
	out := make([]*addr.Factor, len(c))
	for i := range x.factors {
		f := &x.factors[i]
		if f.shown == nil {
			f.shown = x.show(f)
		}
		out[i] = f.shown[c[i]]
	}
	return out
}

// show gives each level of a factor its display text.
func (x *crossing) show(f *factor) []*addr.Factor {
	out := make([]*addr.Factor, len(f.labels))
	for i, level := range f.labels {
		out[i] = &addr.Factor{Name: f.name, Level: level, Label: x.textOf(level)}
	}
	return out
}

func (x *crossing) textOf(level addr.Level) string {
	if level.Kind != "ref" {
		return level.Text
	}
	for _, inst := range x.l.stages[level.Ref.Stage].instances {
		if inst.Address == level.Ref {
			return inst.Label
		}
	}
	return level.String()
}

// signature tells apart the cells that need decodes of their own.
func (x *crossing) signature(c cell, overrides []int) string {
	var b strings.Builder
	for i, f := range x.factors {
		if slices.Contains(x.used, f.name) {
			b.WriteString(f.labels[c[i]].String() + "\x00")
		}
	}
	for _, i := range overrides {
		b.WriteByte(byte(i))
	}
	return b.String()
}
