package hcl

import (
	"encoding/binary"
	"slices"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
)

// include adds cells. A level that the matrix does not have is added to its
// factor, for the cells of this rule only.
func (x *crossing) include(cells []cell) []cell {
	blocks := x.s.blocks("include")
	if len(blocks) == 0 {
		return cells
	}
	have := make(map[string]bool, len(cells))
	for _, c := range cells {
		have[c.id()] = true
	}
	all := x.all() // levels before any include
	for _, b := range blocks {
		choices, ok := x.includedLevels(b, all)
		if !ok {
			return cells
		}
		before := len(cells)
		for _, c := range x.product(choices) {
			if id := c.id(); !have[id] {
				have[id] = true
				cells = append(cells, c)
			}
		}
		if len(cells) == before {
			x.l.warn(rangeOf(b.DefRange), "Rule without effect", "The matrix already has every cell that this include adds. Remove the rule, or name another level.")
		}
	}
	return cells
}

// id identifies a cell within its matrix.
func (c cell) id() string {
	b := make([]byte, 0, 2*len(c))
	for _, i := range c {
		b = binary.AppendUvarint(b, uint64(i))
	}
	return string(b)
}

// includedLevels chooses the levels that an include block names, and all levels
// of the factors that it does not name.
func (x *crossing) includedLevels(b *hclv2.Block, all [][]int) ([][]int, bool) {
	attrs, diags := b.Body.JustAttributes()
	x.l.upstream(diags)
	if len(attrs) == 0 {
		x.l.fail(rangeOf(b.DefRange), "Empty include", "include must name at least one factor and the level to add.")
		return nil, false
	}
	names := make([]string, len(x.factors))
	for i, f := range x.factors {
		names[i] = f.name
	}
	choices := slices.Clone(all)
	for _, name := range sortedKeys(attrs) {
		attr := attrs[name]
		i := slices.Index(names, name)
		if i < 0 {
			x.l.fail(rangeOf(attr.NameRange), "Unknown factor", "The matrix has no factor %q.%s", name, suggest(name, names))
			return nil, false
		}
		var ok bool
		if choices[i], ok = x.addLevels(&x.factors[i], attr); !ok {
			return nil, false
		}
	}
	sizes := make([]int, len(choices))
	for i, choice := range choices {
		sizes[i] = len(choice)
	}
	return choices, x.checkSize(b.DefRange, sizes)
}

// addLevels returns the indices of the levels that an attribute of include
// names.
func (x *crossing) addLevels(f *factor, attr *hclv2.Attribute) ([]int, bool) {
	val, ok := x.l.eval(attr.Expr, x.sc)
	if !ok {
		return nil, false
	}
	if _, scalar := asLevel(val); scalar {
		val = cty.TupleVal([]cty.Value{val})
	}
	added := factor{name: f.name}
	if !x.readLevels(&added, val, attr.Expr) {
		return nil, false
	}
	out := make([]int, len(added.names))
	for i, level := range added.names {
		text := level.String()
		if same := slices.IndexFunc(f.names, func(l addr.Level) bool { return l != level && l.String() == text }); same >= 0 {
			x.l.fail(rangeOf(attr.Expr.Range()), "Duplicate level", "Factor %s has the level %s twice, as %s and as %s, so that two trials would have one address. Write both in the same way.",
				f.name, level, article(describe(f.levels[same])), article(describe(added.levels[i])))
			return nil, false
		}
		out[i] = f.add(level, added.levels[i])
	}
	return out, true
}
