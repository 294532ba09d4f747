package hcl

import (
	"fmt"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// crossing expands the matrix of one stage to cells.
type crossing struct {
	l         *loader
	s         *stage
	sc        scope
	factors   []factor // sorted by name
	overrides []*rule
	read      []string // factors that the body reads as matrix.x
	plans     map[string]*cellPlan
	memory    []study.Instance // of all trials: one allocation takes less than many
}

// cell is one combination of levels, by index into each factor's levels.
type cell []int

// cross expands a stage's matrix: product, then exclude, then include, then
// override.
func (l *loader) cross(s *stage, matrix *hclv2.Block, trail []string) {
	x := &crossing{l: l, s: s, sc: scope{specs: true, trail: trail}, plans: make(map[string]*cellPlan)}
	before := len(l.diags)
	if !x.readFactors(matrix) {
		s.invalid = true
		return
	}
	x.overrides = x.readRules("override")
	x.checkUse()
	excludes := x.readRules("exclude")
	if l.diags[before:].HasErrors() || !x.checkSize(matrix.DefRange, x.spans()) {
		return
	}
	cells := x.include(x.exclude(excludes, x.product(x.all())))
	if l.diags[before:].HasErrors() {
		return
	}
	if len(cells) == 0 {
		l.fail(rangeOf(matrix.DefRange), "Empty matrix", "The exclude rules leave no cell. Remove one of them, or change its condition.")
		return
	}
	x.instances(cells, matrix)
}

// instances makes the trials of the cells.
func (x *crossing) instances(cells []cell, matrix *hclv2.Block) {
	if !x.l.countInstances(len(cells), matrix.DefRange) {
		return
	}
	before := len(x.l.diags)
	x.memory = make([]study.Instance, len(cells))
	for _, c := range cells {
		x.instance(c)
		if x.l.diags[before:].HasErrors() { // the other cells would repeat the error
			x.s.instances = nil
			return
		}
	}
	for _, r := range x.overrides {
		x.warnUnmatched(r)
	}
}

// checkSize counts the combinations before they are made.
func (x *crossing) checkSize(at hclv2.Range, levels []int) bool {
	n := 1.0
	for _, k := range levels {
		n *= float64(k)
	}
	if n <= maxCombinations {
		return true
	}
	counts := make([]string, len(levels))
	for i, k := range levels {
		counts[i] = fmt.Sprintf("%s has %d", x.factors[i].name, k)
	}
	x.l.fail(rangeOf(at), "Matrix too large", "The levels of this matrix have %.4g combinations (%s). The limit is %d. Remove levels or factors.",
		n, strings.Join(counts, ", "), maxCombinations)
	return false
}

// spans counts the levels of each factor.
func (x *crossing) spans() []int {
	out := make([]int, len(x.factors))
	for i, f := range x.factors {
		out[i] = len(f.levels)
	}
	return out
}

// all chooses all levels of each factor.
func (x *crossing) all() [][]int {
	out := make([][]int, len(x.factors))
	for i, n := range x.spans() {
		out[i] = upTo(n)
	}
	return out
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// product lists all combinations of the chosen levels, the last factor fastest.
func (x *crossing) product(choices [][]int) []cell {
	cells := []cell{{}}
	for factor, choice := range choices {
		next := make([]cell, 0, len(cells)*len(choice))
		width := factor + 1
		memory := make([]int, 0, len(cells)*len(choice)*width)
		for _, c := range cells {
			for _, i := range choice {
				memory = append(append(memory, c...), i)
				next = append(next, memory[len(memory)-width:len(memory):len(memory)])
			}
		}
		cells = next
	}
	return cells
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
func (x *crossing) holds(r *rule, c cell) (applies, ok bool) {
	before := len(x.l.diags)
	val, ok := x.l.eval(r.when, x.scopeOf(c))
	if !ok {
		x.nameCell(x.l.diags[before:], c)
		return false, false
	}
	applies, err := truth(val)
	if err != nil {
		x.l.fail(rangeOf(r.when.Range()), "Wrong type", "when must be true or false: %v.", err)
		return false, false
	}
	r.matched = r.matched || applies
	return applies, true
}

// nameCell adds the cell to an error about an unknown attribute: the levels of a
// factor may be stages of several types.
func (x *crossing) nameCell(list diag.List, c cell) {
	levels := make([]string, len(c))
	for i, f := range x.factors {
		levels[i] = f.name + "=" + f.names[c[i]].String()
	}
	for i := range list {
		if list[i].Summary != "Unknown attribute" {
			continue
		}
		misspelt := strings.Contains(list[i].Detail, "Did you mean")
		list[i].Detail += fmt.Sprintf(" This happened in cell %s.", strings.Join(levels, ","))
		if !misspelt {
			list[i].Detail += " Use try(…, false) where a level lacks the attribute."
		}
	}
}
