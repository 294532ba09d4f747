package render

import (
	"slices"
	"strconv"

	"ablate/stages/answer"
	"ablate/stages/answer/numeral"
	"ablate/stages/record"
)

// Table is the document of a table analysis.
func Table(r answer.Table) Document {
	// Tables of finished runs have the last values, and not the steps of these.
	stepped := slices.ContainsFunc(r.Trials, func(t answer.TableTrial) bool { return t.Step > 0 })
	head, numbers := slices.Clone(r.Factors), 1
	if stepped {
		head, numbers = append(head, "step"), 2
	}
	g := newGrid(len(r.Factors), numbers)
	head = append(head, r.Response)
	record.UniqueColumns(head, 0, len(r.Factors)) // a factor may be called step
	g.add(head...)
	rows := [][]string{head}
	for _, t := range r.Trials {
		at := slices.Clone(t.Levels)
		switch {
		case stepped && t.Value == nil && t.Step == 0: // not known
			at = append(at, "")
		case stepped:
			at = append(at, strconv.Itoa(t.Step))
		}
		g.add(append(slices.Clone(at), response(t, numeral.Plain))...)
		rows = append(rows, append(at, response(t, numeral.Shortest)))
	}
	return Document{Sections: []Section{{Title: "Trials", Grid: g}}, Rows: rows}
}

// response prints a trial's response in a format, or that there is none.
func response(t answer.TableTrial, format func(float64) string) string {
	if t.Value == nil {
		return "diverged"
	}
	return format(*t.Value)
}
