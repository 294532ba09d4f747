package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Trials is the artifact of data "results": a Table, then one Run per line.
const Trials = "trials"

// TrialsType is the media type of that artifact.
const TrialsType = "application/jsonl"

// Table describes the runs of the artifact Trials. Consumers take names from
// here, never from the stage that made the artifact: what is not in the artifact
// is not in their key.
type Table struct {
	Factors   []string `json:"factors"`
	Replicate string   `json:"replicate"` // "" when the study names none
	Numbered  bool     `json:"numbered"`  // the files have the column of the replicate
	Responses []string `json:"responses"` // sorted
}

// Run is a finished run of any program.
type Run struct {
	Levels    []string           `json:"levels"`              // parallel to Table.Factors
	Replicate string             `json:"replicate,omitempty"` // its level, when the table is numbered
	Values    map[string]float64 `json:"values"`              // by response; one that is missing has no finite value
	Outcome   Outcome            `json:"outcome"`
}

// WriteTable writes the head of the artifact Trials; the function that it returns
// appends one run.
func WriteTable(w io.Writer, t Table) (write func(Run) error, err error) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(r Run) error { return enc.Encode(r) }, enc.Encode(t)
}

// ReadTable reads the artifact Trials. The runs are read while they are ranged
// over.
func ReadTable(r io.Reader) (Table, iter.Seq2[Run, error], error) {
	dec := json.NewDecoder(bufio.NewReaderSize(r, 1<<16))
	var t Table
	if err := dec.Decode(&t); err != nil {
		return Table{}, nil, fmt.Errorf("reading a table of runs: %w", err)
	}
	return t, func(yield func(Run, error) bool) {
		for {
			var run Run
			err := dec.Decode(&run)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(run, err) || err != nil {
				return
			}
		}
	}, nil
}
