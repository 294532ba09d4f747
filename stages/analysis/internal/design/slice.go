package design

import (
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
)

// Slice is the design of one factor with all others fixed by where. Its cells
// are in the order of the factor's levels.
func Slice(t *Table, factor, replicate string, where map[string]addr.Level) (*Design, diag.List) {
	column := t.Factor(factor)
	if column < 0 {
		return nil, diag.Errorf(diag.Path{"factor"}, "Unknown factor", "The trials have no factor %q; they have %s.", factor, strings.Join(t.Factors(), ", "))
	}
	keep, list := t.Where(factor, where)
	if len(list) > 0 {
		return nil, list
	}
	part := *t
	part.Trials = slices.Clone(t.Trials)
	part.Keep(keep)
	if len(part.Trials) == 0 {
		return nil, diag.Errorf(diag.Path{"where"}, "No trials", "No trial has all the levels of where.")
	}
	for i, c := range part.Columns {
		if i == column || i == t.Replicate {
			continue
		}
		if open := Labels(part.Present(i)); len(open) > 1 {
			return nil, diag.Errorf(diag.Path{"where"}, "Open factor", "%s varies: it is %s and %s. Fix it with where = { %s = … }.", c.Name, open[0], open[1], c.Name)
		}
	}
	return sorted(&part, replicate, []int{column}), nil
}

// Where resolves the levels that fix factors other than one: whether a trial has them.
func (t *Table) Where(factor string, where map[string]addr.Level) (keep func(Trial) bool, list diag.List) {
	fixed, list := t.fixed(t.Factor(factor), where)
	return func(x Trial) bool {
		for i, l := range fixed {
			if x.Levels[i] != l {
				return false
			}
		}
		return true
	}, list
}

// fixed resolves where: the level of each column that it fixes.
func (t *Table) fixed(column int, where map[string]addr.Level) (map[int]int, diag.List) {
	var list diag.List
	out := make(map[int]int)
	names := make([]string, 0, len(where))
	for name := range where {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		i := t.Factor(name)
		if i < 0 || i == column {
			list = append(list, diag.Errorf(diag.Path{"where"}, "Unknown factor", "where cannot fix %q: the other factors are %s.",
				name, strings.Join(slices.DeleteFunc(t.Factors(), func(f string) bool { return f == t.Columns[column].Name }), ", "))...)
			continue
		}
		l, wrong := t.Find(diag.Path{"where"}, i, where[name])
		list = append(list, wrong...)
		out[i] = l
	}
	return out, list
}

// Find returns the index of the level of a column that a reference means, or
// says that it means none or several.
func (t *Table) Find(path diag.Path, column int, want addr.Level) (int, diag.List) {
	return find(path, t.Columns[column].Name, t.Columns[column].Levels, want)
}

// FindPresent is Find among the levels that any trial still has. The index is
// one of Present.
func (t *Table) FindPresent(path diag.Path, column int, want addr.Level) (int, diag.List) {
	return find(path, t.Columns[column].Name, t.Present(column), want)
}

func find(path diag.Path, name string, levels []Level, want addr.Level) (int, diag.List) {
	switch found := Match(levels, want); len(found) {
	case 1:
		return found[0], nil
	case 0:
		return -1, diag.Errorf(path, "Unknown level", "No trial has %s = %s. There is %s.", name, want, strings.Join(Labels(levels), ", "))
	default:
		return -1, diag.Errorf(path, "Ambiguous level", "%s = %s means both %s and %s. Write it exactly as one of them.",
			name, want, levels[found[0]].ID, levels[found[1]].ID)
	}
}
