package program

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"

	"ablate/hcl/diag"
	"ablate/stages/record"
)

// rowText is a row as programs write it: Python's json writes NaN and Infinity,
// which are no JSON.
type rowText struct {
	Step  *int     `json:"step"`
	Name  *string  `json:"name"`
	Value *float64 `json:"value"`
}

// notNumber finds such a value, or one as other languages write it.
var notNumber = regexp.MustCompile(`:\s*(-?)(?i:(nan)|(?:inf|infinity))\s*([,}])`)

// parseRow reads one line.
func parseRow(line []byte) (record.Row, error) {
	var t rowText
	if err := json.Unmarshal(line, &t); err != nil {
		m := notNumber.FindSubmatch(line)
		if m == nil || json.Unmarshal(notNumber.ReplaceAll(line, []byte(":null$3")), &t) != nil {
			return record.Row{}, err
		}
		t.Value = ptr(math.NaN())
		if len(m[2]) == 0 {
			t.Value = ptr(math.Inf(1 - 2*len(m[1])))
		}
	}
	switch {
	case t.Step == nil || t.Name == nil || t.Value == nil:
		return record.Row{}, errors.New("it lacks one of step, name and value")
	case *t.Step < 0:
		return record.Row{}, fmt.Errorf("its step is %d", *t.Step)
	case *t.Name == "":
		return record.Row{}, errors.New("its name is empty")
	}
	return record.Row{Step: *t.Step, Name: *t.Name, Value: *t.Value}, nil
}

func ptr(v float64) *float64 { return &v }

// readRows reads a file of metrics. Of rows with one step and name, which a
// program writes again after it went on from a checkpoint, the last counts.
func readRows(path string) ([]record.Row, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	type id struct {
		step int
		name string
	}
	at := make(map[id]int)
	var rows []record.Row
	for n, line := range bytes.Split(raw, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r, err := parseRow(line)
		if err != nil {
			return nil, diag.Errorf(diag.Path{"argv"}, "Unreadable metrics",
				"Line %d of the metrics that the program wrote cannot be used, %v:\n\n    %s\n\nEach line is one object, as {\"step\": 10, \"name\": \"val_loss\", \"value\": 2.5}.",
				n+1, err, excerpt(line)).Err()
		}
		if i, ok := at[id{r.Step, r.Name}]; ok {
			rows[i] = r
			continue
		}
		at[id{r.Step, r.Name}] = len(rows)
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b record.Row) int { return a.Step - b.Step })
	return rows, nil
}

// excerpt is the printable begin of a line.
func excerpt(line []byte) string {
	const most = 80
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == '\uFFFD' {
			return '·'
		}
		return r
	}, string(line[:min(len(line), most)]))
	return text
}

// settle leaves out what is no number. A metric that ends with one has
// diverged there, and the trial with it.
func settle(rows []record.Row) []record.Row {
	last := make(map[string]record.Row)
	var out []record.Row
	for _, r := range rows {
		last[r.Name] = r
		if !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0) {
			out = append(out, r)
		}
	}
	diverged := -1
	for _, r := range last {
		if (math.IsNaN(r.Value) || math.IsInf(r.Value, 0)) && (diverged < 0 || r.Step < diverged) {
			diverged = r.Step
		}
	}
	if _, said := last[record.Diverged]; diverged >= 0 && !said {
		out = append(out, record.Row{Step: diverged, Name: record.Diverged, Value: 1})
	}
	return out
}
