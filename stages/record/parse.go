package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// maxName is the length of the longest name of a metric, in bytes.
const maxName = 1 << 10

// logged is a row as programs log it.
type logged struct {
	Step  json.RawMessage `json:"step"`
	Name  *string         `json:"name"`
	Value json.RawMessage `json:"value"`
}

// Parse reads a row that a program logged. It is more liberal than Read: a value
// may be NaN or an infinity in any of their spellings, a number may be written as
// a string, and the step may be 10.0.
func Parse(line []byte) (Row, error) {
	var l logged
	if json.Unmarshal(line, &l) == nil { // what most programs write
		return l.row()
	}
	l = logged{}
	if err := Decode(line, &l); err != nil {
		return Row{}, fmt.Errorf("it is not a JSON object of the expected form: %w", err)
	}
	return l.row()
}

// Log writes a row as Parse reads it, from the texts of a step and a value.
func Log(w io.Writer, step, name, value string) error {
	quoted := func(text string) json.RawMessage {
		raw, _ := json.Marshal(text) // of a string it never fails
		return raw
	}
	return json.NewEncoder(w).Encode(logged{quoted(step), &name, quoted(value)})
}

// row checks what was decoded.
func (l logged) row() (Row, error) {
	switch {
	case l.Step == nil || string(l.Step) == "null" || l.Name == nil || l.Value == nil:
		return Row{}, errors.New("it lacks one of step, name and value")
	case *l.Name == "":
		return Row{}, errors.New("its name is empty")
	case len(*l.Name) > maxName:
		return Row{}, fmt.Errorf("its name is longer than %d bytes", maxName)
	}
	step, err := parseStep(l.Step)
	if err != nil {
		return Row{}, err
	}
	value, err := parseValue(l.Value)
	return Row{Step: step, Name: *l.Name, Value: value}, err
}

// parseStep reads a step, which loggers that keep all numbers as floats write
// with a fraction of zero.
func parseStep(raw json.RawMessage) (int, error) {
	const most = 1 << 53 // beyond it a float skips integers
	text := textOf(raw)
	v, err := Number(text)
	if err != nil || v != math.Trunc(v) || v < 0 || v > most {
		return 0, fmt.Errorf("its step is %.40s, not a whole number", text)
	}
	return int(v), nil
}

// parseValue reads a number, a string that holds one, or null.
func parseValue(raw json.RawMessage) (float64, error) {
	text := textOf(raw)
	v, err := Number(text)
	if err != nil {
		return 0, fmt.Errorf("its value is %.40s, not a number", text)
	}
	return v, nil
}

// textOf is the content of a JSON string, or any other value as it is written.
func textOf(raw json.RawMessage) string {
	var text string
	if strings.HasPrefix(string(raw), `"`) && json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}
