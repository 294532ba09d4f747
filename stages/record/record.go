// Package record is what a trial leaves behind, whatever computed it: the rows
// that it measured, the names of its artifacts, and how it ended. Stages of block
// train write it; analyses and the commands read it.
package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"iter"
)

// Names of the artifacts that a trial makes.
const (
	Metrics    = "metrics"    // rows, one JSON object a line
	Checkpoint = "checkpoint" // weights, as safetensors; can be made again
	Probes     = "probes"     // CSV
)

// MetricsType is the media type of rows.
const MetricsType = "application/jsonl"

// Names of rows that say how a trial went, beside what it measured.
const (
	Diverged         = "diverged"   // its loss was no number at that step, and it ended there
	EvaluationTokens = "val_tokens" // on how many tokens it was evaluated
)

// Row is one measured value.
type Row struct {
	Step  int     `json:"step"` // steps done
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Write writes rows in the form of the artifact Metrics.
func Write(w io.Writer, rows []Row) error {
	enc := json.NewEncoder(w)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// Read yields the rows of the artifact Metrics. Lines that skip tells by the
// name of their metric are not decoded; skip may be nil.
func Read(r io.Reader, skip func(name []byte) bool) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if name := nameOf(lines.Bytes()); skip != nil && name != nil && skip(name) {
				continue
			}
			var x Row
			if err := json.Unmarshal(lines.Bytes(), &x); !yield(x, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Row{}, err)
		}
	}
}

// nameOf finds a row's metric without decoding it; nil where it is not plain.
func nameOf(line []byte) []byte {
	_, rest, ok := bytes.Cut(line, []byte(`"name":"`))
	name, _, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !closed || bytes.IndexByte(name, '\\') >= 0 {
		return nil
	}
	return name
}

// ReadAll reads all rows.
func ReadAll(r io.Reader) (rows []Row, err error) {
	for row, err := range Read(r, nil) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Last is the last value of each metric.
func Last(rows []Row) map[string]float64 {
	out := make(map[string]float64)
	for _, r := range rows {
		out[r.Name] = r.Value
	}
	return out
}

// Differences is by metric the largest difference at any step that both have.
func Differences(one, other []Row) map[string]float64 {
	type at struct {
		step int
		name string
	}
	values := make(map[at]float64, len(one))
	for _, r := range one {
		values[at{r.Step, r.Name}] = r.Value
	}
	out := make(map[string]float64)
	for _, r := range other {
		if v, ok := values[at{r.Step, r.Name}]; ok {
			out[r.Name] = max(out[r.Name], abs(v-r.Value))
		}
	}
	return out
}

func abs(v float64) float64 { return max(v, -v) }
