package design

import (
	"fmt"
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/stages/answer"
)

// Factor is one factor of a design.
type Factor struct {
	Name     string
	Levels   []Level  // in order of first appearance
	Labels   []string // of the levels, all different
	Baseline int      // the level that gaps are measured from
}

// Shown is the label of a level in a sentence.
func (f Factor) Shown(level int) string { return answer.NameLevel(f.Name, f.Labels[level]) }

// Cell is the trials of one combination of levels.
type Cell struct {
	Levels     []int     // by factor
	Replicates []int     // of the trials with a response, in their order
	Values     []float64 // their responses
	Diverged   int       // further trials, without a response
	Censored   int       // further trials, which did not reach the target
	Last       int       // the last step of these

	byReplicate map[int]float64
}

// Complete reports whether the cell has a mean: it has trials, and each has a
// response.
func (c *Cell) Complete() bool { return len(c.Values) > 0 && c.Diverged+c.Censored == 0 }

// Value is the response of a replicate.
func (c *Cell) Value(replicate int) (v float64, ok bool) {
	if replicate < len(c.Replicates) && c.Replicates[replicate] == replicate { // as in every complete design; a map is slow
		return c.Values[replicate], true
	}
	v, ok = c.byReplicate[replicate]
	return v, ok
}

// Rate says how many of the cell's trials diverged, or did not reach the target.
func (c *Cell) Rate() string {
	if c.Censored > 0 {
		return fmt.Sprintf("%d of %d did not reach the target", c.Censored, c.Censored+len(c.Values))
	}
	return fmt.Sprintf("%d of %d diverged", c.Diverged, c.Diverged+len(c.Values))
}

// Design is the trials of a table by cell.
type Design struct {
	Factors    []Factor
	Cells      []*Cell
	Replicate  string   // the name of the replicate
	Replicates []string // their labels
	Paired     bool     // equal replicates of two cells have something in common
	Doubled    []string // cells with two trials of one replicate

	byLevels map[string]int
}

// Compared lists the factors with two levels or more. A factor with one level is the same in all
// cells, and makes a design no larger.
func (d *Design) Compared() (out []int) {
	for i, f := range d.Factors {
		if len(f.Levels) > 1 {
			out = append(out, i)
		}
	}
	return out
}

// New sorts the trials of a table into cells. replicate is what the replicate
// is called, also where the table has no column for it.
func New(t *Table, replicate string) *Design {
	var columns []int
	for i := range t.Columns {
		if i != t.Replicate {
			columns = append(columns, i)
		}
	}
	return sorted(t, replicate, columns)
}

// sorted is the design of some of a table's columns.
func sorted(t *Table, replicate string, columns []int) *Design {
	d := &Design{byLevels: make(map[string]int), Replicate: replicate, Paired: !t.Unpaired}
	levels := make([]Column, len(columns))
	for f, i := range columns { // trials at tuned settings can be in another order
		for _, l := range t.Present(i) {
			levels[f].Index(l)
		}
	}
	numbers := &Column{}
	for _, x := range t.Trials {
		at := make([]int, len(columns))
		for f, i := range columns {
			at[f] = levels[f].Index(t.Columns[i].Levels[x.Levels[i]])
		}
		number := 0
		if t.Replicate >= 0 {
			number = numbers.Index(t.Columns[t.Replicate].Levels[x.Levels[t.Replicate]])
		} else {
			numbers.Index(Level{})
		}
		d.add(at, number, x)
	}
	for f, i := range columns {
		d.Factors = append(d.Factors, Factor{Name: t.Columns[i].Name, Levels: levels[f].Levels, Labels: Labels(levels[f].Levels)})
	}
	d.Replicates = Labels(numbers.Levels)
	for i, name := range d.Doubled { // known only now that levels have labels
		d.Doubled[i] = d.CellName(d.Cells[d.byLevels[name]].Levels)
	}
	return d
}

func (d *Design) add(levels []int, replicate int, x Trial) {
	key := key(levels)
	i, ok := d.byLevels[key]
	if !ok {
		i = len(d.Cells)
		d.byLevels[key] = i
		d.Cells = append(d.Cells, &Cell{Levels: levels, byReplicate: make(map[int]float64)})
	}
	c := d.Cells[i]
	switch {
	case x.Diverged:
		c.Diverged++
		return
	case x.Censored:
		c.Censored++
		c.Last = max(c.Last, x.Step)
		return
	}
	if _, twice := c.byReplicate[replicate]; twice {
		d.Doubled = append(d.Doubled, key)
		return
	}
	c.byReplicate[replicate] = x.Response
	c.Replicates = append(c.Replicates, replicate)
	c.Values = append(c.Values, x.Response)
}

// key identifies a cell by its levels.
func key(levels []int) string { return fmt.Sprint(levels) }

// CellName joins the labels of a cell's levels.
func (d *Design) CellName(levels []int) string {
	parts := make([]string, len(levels))
	for i, l := range levels {
		parts[i] = d.Factors[i].Shown(l)
	}
	return strings.Join(parts, " + ")
}

// CellKey is the name of a cell for programs: factor=level, joined by commas.
func (d *Design) CellKey(levels []int) string {
	parts := make([]string, len(levels))
	for i, l := range levels {
		parts[i] = d.Factors[i].Name + "=" + addr.QuoteLevel(d.Factors[i].Labels[l])
	}
	return strings.Join(parts, ",")
}

// At returns the index of a cell, or -1.
func (d *Design) At(levels []int) int {
	if i, ok := d.byLevels[key(levels)]; ok {
		return i
	}
	return -1
}

// Find returns the index of the cell with the given levels, by factor, or -1.
func (d *Design) Find(levels []Level) int {
	at := make([]int, len(levels))
	for i, l := range levels {
		at[i] = slices.IndexFunc(d.Factors[i].Levels, func(x Level) bool { return x.ID == l.ID })
	}
	return d.At(at)
}

// CellOf returns the index of the cell of the table's i-th trial.
func (d *Design) CellOf(t *Table, i int) int {
	x := t.Trials[i]
	levels := make([]int, 0, len(d.Factors))
	for j, c := range t.Columns {
		if j != t.Replicate {
			id := c.Levels[x.Levels[j]].ID
			levels = append(levels, slices.IndexFunc(d.Factors[len(levels)].Levels, func(l Level) bool { return l.ID == id }))
		}
	}
	return d.At(levels)
}

// Combinations lists all levels of the factors that are not fixed; those of
// fixed ones are 0.
func (d *Design) Combinations(fixed ...int) [][]int {
	out := [][]int{make([]int, len(d.Factors))}
	for j, f := range d.Factors {
		if slices.Contains(fixed, j) {
			continue
		}
		var next [][]int
		for _, s := range out {
			for l := range f.Levels {
				t := slices.Clone(s)
				t[j] = l
				next = append(next, t)
			}
		}
		out = next
	}
	return out
}

// Only is the cell with some of its replicates. The caller does not change it.
func (c *Cell) Only(replicates []int) *Cell {
	if slices.Equal(c.Replicates, replicates) {
		return c
	}
	out := &Cell{Levels: c.Levels, Diverged: c.Diverged, Censored: c.Censored, Last: c.Last, byReplicate: make(map[int]float64, len(replicates))}
	for _, r := range replicates {
		if v, ok := c.byReplicate[r]; ok {
			out.byReplicate[r] = v
			out.Replicates, out.Values = append(out.Replicates, r), append(out.Values, v)
		}
	}
	return out
}
