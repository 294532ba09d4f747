package data

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"

	"golang.org/x/text/unicode/norm"

	"ablate/stages/record"
)

// histories collects the runs of tables that have a row for each step. Rows with the
// same factors and replicate are one run.
type histories struct {
	rows  *runReader
	runs  map[[16]byte]*history
	order []*history
	left  int // rows that where leaves out
}

// history is a run of such tables.
type history struct {
	place  string // of its first row
	row    tableRow
	values map[string][]stepValue // by column
}

type stepValue struct {
	step, value float64
	row         int
}

func newHistories(rows *runReader) *histories {
	return &histories{rows: rows, runs: make(map[[16]byte]*history)}
}

// wanted are the columns to read: those of runs, then the step, a name and a value.
func (h *histories) wanted() []string {
	return append(slices.Clone(h.rows.wanted), h.rows.spec.Step, nameColumn, valueColumn)
}

// add reads one row. Columns of responses that it lacks may be values of the column
// name.
func (h *histories) add(place string, row tableRow) error {
	x := h.rows
	if row.broken != "" {
		x.mistakes.add(place, row.broken)
		return nil
	}
	more := row.cells[len(x.wanted):]
	row.cells = row.cells[:len(x.wanted)]
	switch matches, err := x.matches(row); {
	case err != nil:
		x.mistakes.add(place, err.Error())
		return nil
	case !matches:
		h.left++
		return nil
	}
	if more[0].kind == absent {
		x.mistakes.add(place, fmt.Sprintf("there is no column %q", x.spec.Step))
		return nil
	}
	step, err := stepOf(more[:1], 0)
	if err == nil && (more[0].kind == null || more[0].text == "") {
		err = fmt.Errorf("%s has no value", x.spec.Step)
	}
	if err != nil {
		x.mistakes.add(place, err.Error())
		return nil
	}
	run := h.run(place, row)
	for name, c := range h.measured(row, more[1], more[2]) {
		v, err := c.number()
		if err != nil {
			x.mistakes.add(place, fmt.Sprintf("%s %v", name, err))
			return nil
		}
		run.values[name] = append(run.values[name], stepValue{step, v, row.number})
	}
	return nil
}

// measured are the responses of a row, by column. An empty field is not measured.
func (h *histories) measured(row tableRow, name, value cell) map[string]cell {
	x := h.rows
	out := make(map[string]cell)
	for i, column := range x.metrics() {
		c := row.cells[len(x.spec.Factors)+i]
		long := c.kind == absent && value.kind != absent && norm.NFC.String(name.text) == column
		if long {
			c = value
		}
		if c.kind != absent && (c.kind != null || c.text != "") {
			out[column] = c
		}
	}
	return out
}

// run returns the run that a row belongs to. What a row says about the end of the run
// replaces what rows before it said.
func (h *histories) run(place string, row tableRow) *history {
	x := h.rows
	n := len(x.spec.Factors)
	sum := fnv.New128a()
	for _, c := range append(slices.Clone(row.cells[:n]), row.cells[n+len(x.spec.Responses)]) {
		text, _ := c.level()
		fmt.Fprintf(sum, "%d:%d:%s", c.kind, len(text), text)
	}
	var id [16]byte
	sum.Sum(id[:0])
	run := h.runs[id]
	if run == nil {
		names := slices.Clone(row.columns())
		run = &history{place: place, values: make(map[string][]stepValue), row: row}
		run.row.columns = func() []string { return names }
		h.runs[id] = run
		h.order = append(h.order, run)
	}
	run.row.cells = slices.Clone(row.cells)
	return run
}

// finish adds the runs, in the order of their first rows.
func (h *histories) finish() error {
	x := h.rows
	for _, run := range h.order {
		curves := make([]record.Curve, 0, len(x.spec.Responses))
		for i, column := range x.metrics() {
			c, last, broken := run.curve(x.spec.Responses[i], column, x.spec.Replicate)
			if broken != "" {
				run.row.broken = broken
			}
			run.row.cells[len(x.spec.Factors)+i] = last
			if len(run.values[column]) > 0 {
				curves = append(curves, c)
			}
		}
		before := x.written
		if err := x.add(run.place, run.row); err != nil {
			return err
		}
		if x.curvesTo != nil && x.written > before && x.outcome != record.OutcomeFailed {
			if err := x.writeCurves(curves); err != nil {
				return err
			}
		}
	}
	if h.left > 0 {
		x.notes = append(x.notes, fmt.Sprintf("where leaves out %d rows", h.left))
	}
	return nil
}

// curve orders the values of a response by step. Two at one step are a mistake: rows
// of two runs cannot be told apart.
func (r *history) curve(name, column, replicate string) (c record.Curve, last cell, broken string) {
	c.Name = name
	values := r.values[column]
	if len(values) == 0 {
		return c, cell{kind: null}, ""
	}
	slices.SortStableFunc(values, func(a, b stepValue) int { return cmp.Compare(a.step, b.step) })
	for i, v := range values {
		if i > 0 && values[i-1].step == v.step {
			return c, last, fmt.Sprintf("rows %d and %d have the same factors, %s and step %v; name a replicate that tells the runs apart", values[i-1].row, v.row, cmp.Or(replicate, "no replicate"), v.step)
		}
		finite := !math.IsNaN(v.value) && !math.IsInf(v.value, 0)
		switch {
		case finite:
			c.Steps, c.Values = append(c.Steps, int(v.step)), append(c.Values, v.value)
		case c.Diverged == 0:
			c.Diverged = int(v.step)
		}
		if v.step != math.Trunc(v.step) || v.step < 0 {
			broken = fmt.Sprintf("%s has the step %v, which is not a whole number", name, v.step)
		}
	}
	return c, cell{numeric, strconv.FormatFloat(values[len(values)-1].value, 'g', -1, 64)}, broken
}
