// Package record defines what a trial leaves behind, whatever computed it: rows
// of metrics, artifact names, and the outcome. It is the only package that reads
// or writes rows. Stages of block train write them; analyses and commands read
// them. Runs of other programs (data "results") are tables of Run.
package record

import (
	"encoding/json"
	"io"
	"iter"
	"math"
)

// Names of the artifacts of a trial.
const (
	Metrics    = "metrics"    // rows, one JSON object per line
	Checkpoint = "checkpoint" // weights in safetensors format
	Probes     = "probes"     // CSV
)

// MetricsType is the media type of rows.
const MetricsType = "application/jsonl"

// Names of rows that describe the trial rather than a measurement.
const (
	Diverged         = "diverged"   // the trial diverged at this step and ended there
	EvaluationTokens = "val_tokens" // number of tokens in the evaluation set
)

// Outcome says how a run ended.
type Outcome string

// The outcomes of a run. Divergence is a result; a failure is the lack of one.
const (
	OutcomeFinished Outcome = "finished"
	OutcomeDiverged Outcome = "diverged"
	OutcomeFailed   Outcome = "failed"
)

// Outcomes lists all outcomes.
var Outcomes = []Outcome{OutcomeFinished, OutcomeDiverged, OutcomeFailed}

// Row is one measured value.
type Row struct {
	Step  int     `json:"step"` // number of steps done
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Finite reports whether the value is a number.
func (r Row) Finite() bool { return !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0) }

// Write writes rows in the format of the artifact Metrics. Values must be
// finite: JSON has no other numbers.
func Write(w io.Writer, rows iter.Seq[Row]) error {
	enc := json.NewEncoder(w)
	for r := range rows {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// OutcomeOf returns the outcome that the rows of a trial record.
func OutcomeOf(rows []Row) Outcome {
	for _, r := range rows {
		if r.Name == Diverged && r.Value != 0 {
			return OutcomeDiverged
		}
	}
	return OutcomeFinished
}

// Last returns the last value of each metric.
func Last(rows []Row) map[string]float64 {
	out := make(map[string]float64)
	for _, r := range rows {
		out[r.Name] = r.Value
	}
	return out
}

// Differences returns, by metric, the largest difference at any step that both
// have.
func Differences(one, other []Row) map[string]float64 {
	type position struct {
		step int
		name string
	}
	values := make(map[position]float64, len(one))
	for _, r := range one {
		values[position{r.Step, r.Name}] = r.Value
	}
	out := make(map[string]float64)
	for _, r := range other {
		if v, ok := values[position{r.Step, r.Name}]; ok {
			out[r.Name] = max(out[r.Name], math.Abs(v-r.Value))
		}
	}
	return out
}
