package report

import (
	"encoding/json"
	"slices"
	"strings"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
)

// grid is the cells of the design: one factor down, the others across.
type grid struct {
	Corner  string
	Columns []string
	Rows    []gridRow
}

type gridRow struct {
	Label string
	Cells []gridCell
}

type gridCell struct {
	Trials []gridTrial
	Mean   string // of the response; "" without one
}

type gridTrial struct{ Replicate, State, Mark string }

var marks = map[string]string{"done": "●", "diverged": "✕", "missing": "○"}

// newGrid lays the cells out; nil without factors.
func newGrid(s Source) *grid {
	if len(s.Factors) == 0 {
		return nil
	}
	across := acrossOf(s.Factors)
	part := func(t Trial, of []bool, want bool) string {
		levels := slices.Clone(t.Levels)
		for i := range levels {
			if of[i] != want {
				levels[i] = ""
			}
		}
		return cellName(s.Factors, levels)
	}
	g := &grid{}
	var corner []string
	for i, f := range s.Factors {
		if !across[i] {
			corner = append(corner, f.Name)
		}
	}
	g.Corner = strings.Join(corner, ", ")
	byLevel := slices.Clone(s.Trials)
	slices.SortStableFunc(byLevel, func(a, b Trial) int {
		for i, f := range s.Factors {
			if order := place(f, a.Levels[i]) - place(f, b.Levels[i]); !across[i] && order != 0 {
				return order
			}
		}
		return 0
	})
	for _, t := range byLevel {
		if label := part(t, across, false); !slices.ContainsFunc(g.Rows, func(r gridRow) bool { return r.Label == label }) {
			g.Rows = append(g.Rows, gridRow{Label: label})
		}
	}
	for _, t := range s.Trials {
		if c := part(t, across, true); !slices.Contains(g.Columns, c) {
			g.Columns = append(g.Columns, c)
		}
	}
	for i := range g.Rows {
		g.Rows[i].Cells = make([]gridCell, len(g.Columns))
	}
	means := meansOf(s)
	for _, t := range s.Trials {
		label := part(t, across, false)
		row := slices.IndexFunc(g.Rows, func(r gridRow) bool { return r.Label == label })
		c := &g.Rows[row].Cells[slices.Index(g.Columns, part(t, across, true))]
		c.Trials = append(c.Trials, gridTrial{t.Replicate, t.State, marks[t.State]})
		c.Mean = means[strings.Join(t.Levels, "\x00")]
	}
	return g
}

// place is where a level stands in its factor. What has no level comes last.
func place(f Factor, level string) int {
	if i := slices.IndexFunc(f.Levels, func(l Level) bool { return l.Label == level }); i >= 0 {
		return i
	}
	return len(f.Levels)
}

// acrossOf chooses the factors whose levels are columns: not the one with the most levels, and as
// many of the others as fit a page, at least one.
func acrossOf(factors []Factor) []bool {
	const most = 6 // columns
	across := make([]bool, len(factors))
	down := 0
	for i, f := range factors {
		if len(f.Levels) > len(factors[down].Levels) {
			down = i
		}
	}
	columns := 1
	for i := len(factors) - 1; i >= 0; i-- {
		if i == down {
			continue
		}
		if n := columns * len(factors[i].Levels); columns == 1 || n <= most {
			across[i], columns = true, n
		} else {
			break
		}
	}
	return across
}

// meansOf are the means of cells by their levels, from the first factorial over all
// factors.
func meansOf(s Source) map[string]string {
	out := make(map[string]string)
	for _, c := range s.Chapters {
		var r answer.Result
		if c.Kind != "factorial" || json.Unmarshal(c.Result, &r) != nil || len(r.Factors) != len(s.Factors) {
			continue
		}
		for _, cell := range r.Cells {
			levels := make([]string, len(s.Factors))
			for i, f := range r.Factors {
				if at := slices.IndexFunc(s.Factors, func(x Factor) bool { return x.Name == f.Name }); at >= 0 {
					levels[at] = cell.Levels[i]
				}
			}
			if cell.Mean != nil {
				out[strings.Join(levels, "\x00")] = numeral.WithError(*cell.Mean, cell.SD)
			}
		}
		return out
	}
	return out
}
