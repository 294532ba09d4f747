package program

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"ablate/stages/record"
)

// readCSV reads a table with a column for each metric. Columns of words are left out.
// counted reports that the rows have no step.
func (m *Metrics) readCSV(in *bufio.Reader) (rows []foreignRow, counted bool, err error) {
	first, _ := in.Peek(4096)
	line, _, _ := strings.Cut(string(first), "\n")
	r := csv.NewReader(in)
	if !strings.Contains(line, ",") && strings.Contains(line, "\t") {
		r.Comma = '\t'
	}
	columns, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	for i, name := range columns {
		if name != "" && slices.Contains(columns[:i], name) {
			return nil, false, fmt.Errorf("two columns have the name %q", name)
		}
	}
	step, err := m.stepOf(columns)
	if err != nil {
		return nil, false, err
	}
	for n := 1; ; n++ {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, step == "", nil
		}
		if err != nil {
			return nil, false, err
		}
		at := strconv.Itoa(n)
		if step != "" {
			at = cells[slices.Index(columns, step)]
			if err := checkStep(at); err != nil {
				line, _ := r.FieldPos(0)
				return nil, false, fmt.Errorf("line %d: %w", line, err)
			}
		}
		for i, name := range columns {
			if name != step && name != "" && number(cells[i]) {
				rows = append(rows, foreignRow{at, name, cells[i]})
			}
		}
	}
}

// readJSON reads lines of objects: of one metric each, as ABLATE_METRICS has them, or
// with a member for each metric. counted reports that some have no step.
func (m *Metrics) readJSON(in *bufio.Reader) (rows []foreignRow, counted bool, err error) {
	n := 0
	for line, err := range record.Lines(in) {
		if err != nil {
			return nil, false, err
		}
		n++
		var object map[string]any
		if err := record.Decode(line.Text, &object); err != nil {
			return nil, false, fmt.Errorf("line %d: %w", line.Number, err)
		}
		step, err := m.stepOf(sortedKeys(object))
		if err != nil {
			return nil, false, fmt.Errorf("line %d: %w", line.Number, err)
		}
		at := strconv.Itoa(n)
		counted = counted || step == ""
		if step != "" {
			at = textOf(object[step])
			if err := checkStep(at); err != nil {
				return nil, false, fmt.Errorf("line %d: %w", line.Number, err)
			}
			delete(object, step)
		}
		name, named := object["name"].(string)
		if value, ok := object["value"]; ok && named {
			rows = append(rows, foreignRow{at, name, textOf(value)})
			continue
		}
		for _, name := range sortedKeys(object) {
			if text := textOf(object[name]); number(text) {
				rows = append(rows, foreignRow{at, name, text})
			}
		}
	}
	return rows, counted, nil
}

// checkStep refuses what is no step. Loggers that keep all numbers as floats write a
// fraction of zero.
func checkStep(text string) error {
	if v, err := record.Number(text); err != nil || v < 0 || v != math.Trunc(v) || math.IsInf(v, 0) {
		return fmt.Errorf("the step is %.40q, not a whole number", text)
	}
	return nil
}

// textOf is a member as a text, "" for a bool, a list or an object.
func textOf(v any) string {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case string:
		return v
	case nil:
		return "null"
	}
	return ""
}
