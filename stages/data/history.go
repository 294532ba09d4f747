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
	count int             // rows
	left  int             // rows that where leaves out
	known map[string]bool // responses that a row has as a column or a name
	names map[string]bool // values of the column name, for messages
}

// history is a run of such tables.
type history struct {
	place   string // of its first row
	row     tableRow
	outcome cell
	ended   float64                // the step of the row that has the outcome
	values  map[string][]stepValue // by column
}

type stepValue struct {
	step, value float64
	row         int
}

func newHistories(rows *runReader) *histories {
	return &histories{rows: rows, runs: make(map[[16]byte]*history), known: make(map[string]bool), names: make(map[string]bool)}
}

// wanted are the columns to read: those of runs, then the step, a name and a value.
func (h *histories) wanted() []string {
	return append(slices.Clone(h.rows.wanted), h.rows.spec.Step, nameColumn, valueColumn)
}

// add reads one row. Columns of responses that it lacks may be values of the column
// name.
func (h *histories) add(place string, row tableRow) error {
	x := h.rows
	if h.count++; h.count > maxRuns {
		return fmt.Errorf("it has more than %d rows, which is the limit of a table", maxRuns)
	}
	if row.broken != "" {
		x.mistakes.add(place, row.broken)
		return nil
	}
	more := row.cells[len(x.wanted):]
	row.cells = row.cells[:len(x.wanted)]
	if matches, _ := x.matches(row); !matches {
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
	run.end(step, row.cells[x.outcomeAt()])
	measured := h.measured(row, more[1], more[2])
	for _, name := range sortedKeys(measured) {
		v, err := measured[name].number()
		if err != nil {
			x.mistakes.add(place, fmt.Sprintf("%s %v", name, err))
			continue
		}
		run.values[name] = append(run.values[name], stepValue{step, v, row.number})
	}
	return nil
}

// measured are the responses of a row, by column. An empty field is not measured.
func (h *histories) measured(row tableRow, name, value cell) map[string]cell {
	x := h.rows
	if value.kind != absent && name.text != "" && len(h.names) < maxColumns {
		h.names[norm.NFC.String(name.text)] = true
	}
	out := make(map[string]cell)
	for i, column := range x.metrics() {
		c := row.cells[x.responseAt(i)]
		if c.kind == absent && value.kind != absent && norm.NFC.String(name.text) == column {
			c = value
		}
		if c.kind != absent {
			h.known[column] = true
		}
		if c.kind != absent && (c.kind != null || c.text != "") {
			out[column] = c
		}
	}
	return out
}

// run returns the run that a row belongs to.
func (h *histories) run(place string, row tableRow) *history {
	x := h.rows
	sum := fnv.New128a()
	for _, c := range append(slices.Clone(row.cells[:x.responseAt(0)]), row.cells[x.replicateAt()]) {
		text, _ := c.level()
		fmt.Fprintf(sum, "%d:%d:%s", c.kind, len(text), text)
	}
	var id [16]byte
	sum.Sum(id[:0])
	run := h.runs[id]
	if run == nil {
		names := slices.Clone(row.columns())
		run = &history{place: place, values: make(map[string][]stepValue), row: row, ended: math.Inf(-1)}
		run.row.cells = slices.Clone(row.cells)
		run.row.columns = func() []string { return append(names, sortedKeys(h.names)...) }
		h.runs[id] = run
		h.order = append(h.order, run)
	}
	return run
}

// end keeps the outcome of the last step that has one.
func (r *history) end(step float64, outcome cell) {
	if outcome.kind == absent || outcome.kind == null || outcome.text == "" || step < r.ended {
		return
	}
	r.ended, r.outcome = step, outcome
}

// finish adds the runs, in the order of their first rows.
func (h *histories) finish() error {
	x := h.rows
	for _, run := range h.order {
		if run.outcome.kind != absent {
			run.row.cells[x.outcomeAt()] = run.outcome
		}
		curves := make([]record.Curve, 0, len(x.spec.Responses))
		for i, column := range x.metrics() {
			c, last, err := h.curve(run, x.spec.Responses[i], column)
			if err != nil {
				run.row.broken = err.Error()
			}
			if !h.known[column] {
				last = cell{}
			}
			run.row.cells[x.responseAt(i)] = last
			if len(run.values[column]) > 0 {
				curves = append(curves, c)
			}
		}
		if err := x.add(run.place, run.row, curves); err != nil {
			return err
		}
	}
	if h.left > 0 {
		x.notes = append(x.notes, "where leaves out "+share(h.left, h.count, "row"))
	}
	return nil
}

// curve orders the values of a response by step. Two at one step are a mistake: rows
// of two runs cannot be told apart.
func (h *histories) curve(r *history, name, column string) (c record.Curve, last cell, err error) {
	c.Name = name
	values := r.values[column]
	if len(values) == 0 {
		return c, cell{kind: null}, nil
	}
	slices.SortStableFunc(values, func(a, b stepValue) int { return cmp.Compare(a.step, b.step) })
	for i, v := range values {
		if i > 0 && values[i-1].step == v.step {
			return c, last, h.twice(values[i-1], v)
		}
		if h.rows.curvesTo != nil {
			err = cmp.Or(err, extend(&c, v.step, v.value))
		}
	}
	return c, cell{numeric, strconv.FormatFloat(values[len(values)-1].value, 'g', -1, 64)}, err
}

// twice is the error for two rows of a run at one step.
func (h *histories) twice(a, b stepValue) error {
	if name := h.rows.spec.Replicate; name != "" {
		return fmt.Errorf("rows %d and %d have the same factors, %s and step %v; leave one out, or set replicate to the column that tells the runs apart", a.row, b.row, name, a.step)
	}
	return fmt.Errorf("rows %d and %d have the same factors and step %v; set replicate to the column that tells the runs apart", a.row, b.row, a.step)
}
