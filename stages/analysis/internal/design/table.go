// Package design sorts trials into cells and lists the contrasts of a design.
// It estimates nothing.
//
// Levels are told apart by what they are, never by their labels: two levels of
// one label are two levels, and get a suffix where they are shown.
package design

import (
	"ablate/hcl/addr"
)

// Level is a level of a factor, and the label that people read.
type Level struct {
	ID    addr.Level
	Label string
}

// Column is one factor of a table, or its replicate.
type Column struct {
	Name   string
	Levels []Level // in order of first appearance

	index   map[addr.Level]int
	factors map[*addr.Factor]int // of cells: those at one level mostly share a factor
}

// Index returns the place of a level in the column, to which it is added if it
// is new.
func (c *Column) Index(l Level) int {
	if i, ok := c.index[l.ID]; ok {
		return i
	}
	if c.index == nil {
		c.index = make(map[addr.Level]int)
	}
	c.index[l.ID] = len(c.Levels)
	c.Levels = append(c.Levels, l)
	return len(c.Levels) - 1
}

// indexOf is Index for a factor of a cell.
func (c *Column) indexOf(f *addr.Factor) int {
	i, ok := c.factors[f]
	if !ok {
		i = c.Index(Level{ID: f.Level, Label: f.Label})
		if c.factors == nil {
			c.factors = make(map[*addr.Factor]int)
		}
		c.factors[f] = i
	}
	return i
}

// Trial is one row of a table.
type Trial struct {
	Levels   []int // by column, an index into its levels
	Response float64
	Step     int  // where the response was read, or where the trial diverged
	Diverged bool // there is no response
	Censored bool // the response is a step that was not reached
}

// Table is all trials with their responses.
type Table struct {
	Columns   []*Column
	Replicate int // the column of the replicate, -1 for none
	Trials    []Trial

	Valueless int      // runs that finished without a value of the response, and count as diverged
	Without   []string // trials that lack the response, and are left out

	Unpaired bool   // equal replicates of two cells have nothing in common
	Lacks    string // the replicate that the study names and the files do not have
	Unused   []string
	Steps    int // the last step of any trial; 0 for finished runs, which have none
	Tokens   int // of the largest evaluation; 0 if trials do not record it
	Fewest   int // of the smallest
}

// NewTable is an empty table. replicate is the name of one of the columns, or
// the table has no replicate.
func NewTable(names []string, replicate string) *Table {
	t := &Table{Replicate: -1}
	for i, name := range names {
		t.Columns = append(t.Columns, &Column{Name: name})
		if name == replicate {
			t.Replicate = i
		}
	}
	return t
}

// Add appends a trial with its levels by column.
func (t *Table) Add(x Trial, levels ...Level) {
	x.Levels = make([]int, len(levels))
	for i, l := range levels {
		x.Levels[i] = t.Columns[i].Index(l)
	}
	t.Trials = append(t.Trials, x)
}

// AddCell appends a trial of a cell, whose factors are those of the columns.
func (t *Table) AddCell(x Trial, factors []*addr.Factor) {
	x.Levels = make([]int, len(factors))
	for i, f := range factors {
		x.Levels[i] = t.Columns[i].indexOf(f)
	}
	t.Trials = append(t.Trials, x)
}

// Evaluated records the number of tokens on which a trial was evaluated.
func (t *Table) Evaluated(tokens int) {
	if t.Tokens == 0 {
		t.Fewest = tokens
	}
	t.Tokens, t.Fewest = max(t.Tokens, tokens), min(t.Fewest, tokens)
}

// Names lists the columns.
func (t *Table) Names() []string {
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = c.Name
	}
	return out
}

// Factors lists the columns without the replicate.
func (t *Table) Factors() []string {
	var out []string
	for i, c := range t.Columns {
		if i != t.Replicate {
			out = append(out, c.Name)
		}
	}
	return out
}

// Factor returns the index of a factor's column, or -1. The replicate is no
// factor, even if a factor has its name.
func (t *Table) Factor(name string) int {
	for i, c := range t.Columns {
		if i != t.Replicate && c.Name == name {
			return i
		}
	}
	return -1
}

// Keep drops the trials for which keep is false.
func (t *Table) Keep(keep func(Trial) bool) {
	var kept []Trial
	for _, x := range t.Trials {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	t.Trials = kept
}

// Present lists the levels of a column that any trial has, in the order of the column.
func (t *Table) Present(column int) []Level {
	seen := make([]bool, len(t.Columns[column].Levels))
	for _, x := range t.Trials {
		seen[x.Levels[column]] = true
	}
	var out []Level
	for l, level := range t.Columns[column].Levels {
		if seen[l] {
			out = append(out, level)
		}
	}
	return out
}
