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
	g := newGrid(len(r.Factors), 2)
	head := append(slices.Clone(r.Factors), "step", r.Response)
	record.UniqueColumns(head, 0, len(r.Factors)) // a factor may be called step
	g.add(head...)
	rows := [][]string{head}
	for _, t := range r.Trials {
		at := append(slices.Clone(t.Levels), strconv.Itoa(t.Step))
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
