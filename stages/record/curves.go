package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Curves is an optional artifact beside Trials: a Curve per line, in the order of
// the runs.
const Curves = "curves"

// Curve is a response of a run at all steps at which it is finite.
type Curve struct {
	Run      int       `json:"run"` // its number in the artifact Trials, from 1
	Name     string    `json:"name"`
	Steps    []int     `json:"steps"` // ascending
	Values   []float64 `json:"values"`
	Diverged *int      `json:"diverged,omitempty"` // the first step at which it is NaN or infinite; nil if it never is
}

// Rows are the values as rows.
func (c Curve) Rows() []Row {
	out := make([]Row, len(c.Steps))
	for i, step := range c.Steps {
		out[i] = Row{Step: step, Name: c.Name, Value: c.Values[i]}
	}
	return out
}

// WriteCurve appends a curve to the artifact Curves.
func WriteCurve(w io.Writer, c Curve) error { return json.NewEncoder(w).Encode(c) }

// ReadCurves reads the artifact Curves.
func ReadCurves(r io.Reader) iter.Seq2[Curve, error] {
	return func(yield func(Curve, error) bool) {
		dec := json.NewDecoder(bufio.NewReaderSize(r, 1<<16))
		for {
			var c Curve
			err := dec.Decode(&c)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil && len(c.Steps) != len(c.Values) {
				err = fmt.Errorf("a curve of run %d has %d steps and %d values", c.Run, len(c.Steps), len(c.Values))
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}
