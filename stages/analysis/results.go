package analysis

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
)

// resultsName is the artifact of a table of finished runs.
const resultsName = "trials"

// results is a data stage that holds finished runs.
type results interface {
	FactorNames() []string // the replicate last
	ReplicateName() string // "" for none
}

// resultRow is one line of its artifact.
type resultRow struct {
	Levels []string           `json:"levels"` // parallel to FactorNames
	Values map[string]float64 `json:"values"`
	None   map[string]string  `json:"none"` // responses without a number: the run diverged
	Row    string             `json:"row"`  // file and line
}

// asResults reports whether an analysis has one table of results as its input.
func asResults(in []pipeline.Input) (results, bool) {
	if len(in) != 1 {
		return nil, false
	}
	r, ok := in[0].Stage.(results)
	return r, ok
}

// unnumbered is the replicate of a table that has none: every row is one.
const unnumbered = "row"

// replicateOf is the name of a table's replicate.
func replicateOf(r results) string {
	if name := r.ReplicateName(); name != "" {
		return name
	}
	return unnumbered
}

// checkSources refuses mixed sources, and data that is no table of results.
func checkSources(in []pipeline.Input) diag.List {
	for _, i := range in {
		_, isTable := i.Stage.(results)
		switch {
		case i.Address.Stage.Block == "data" && !isTable:
			return diag.Errorf(diag.Path{"trials"}, "Not trials", "%s holds text, not finished runs. Declare those as data \"results\".", i.Address)
		case isTable && len(in) > 1:
			return diag.Errorf(diag.Path{"trials"}, "Different sources", "%s cannot be combined: an analysis takes either trials or one table of results.", i.Address)
		}
	}
	if _, ok := asResults(in); ok || len(in) == 0 {
		return nil
	}
	return sameFactors(in)
}

// eachResult reads the rows of a table of results.
func eachResult(env *pipeline.Env, in pipeline.Input, do func(resultRow) error) error {
	f, err := env.Open(in.Digest(resultsName))
	if err != nil {
		return fmt.Errorf("reading %s: %w", in.Address, err)
	}
	defer f.Close()
	dec := json.NewDecoder(bufio.NewReader(f))
	for {
		var row resultRow
		err := dec.Decode(&row)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", in.Address, err)
		}
		if err := do(row); err != nil {
			return err
		}
	}
}

// readResults builds a table of one response from finished runs.
func readResults(env *pipeline.Env, in pipeline.Input, r results, metric string) (*design.Table, error) {
	t := newResultsTable(r)
	err := eachResult(env, in, func(row resultRow) error {
		value, ok := row.Values[metric]
		_, diverged := row.None[metric]
		if !ok && !diverged {
			return diag.Errorf(diag.Path{"response"}, "No such response",
				"%s has no response %q; it has %s.", in.Address, metric, join(append(sortedKeys(row.Values), sortedKeys(row.None)...))).Err()
		}
		switch name := r.ReplicateName(); {
		case name == "":
			row.Levels = append(row.Levels, row.Row)
		case row.Levels[len(row.Levels)-1] == row.Row:
			t.Unpaired, t.Lacks = true, name
		}
		levels := make([]design.Level, len(row.Levels))
		for i, l := range row.Levels {
			levels[i] = design.Level{ID: addr.Level{Kind: "string", Text: l}, Label: l}
		}
		t.Add(design.Trial{Response: value, Diverged: diverged}, levels...)
		return nil
	})
	return t, err
}

// newResultsTable is an empty table for finished runs. Its last column is the
// replicate, which may have the name of a factor.
func newResultsTable(r results) *design.Table {
	names := r.FactorNames()
	if r.ReplicateName() == "" {
		names = append(names, unnumbered)
	}
	t := design.NewTable(names, "")
	t.Replicate, t.Unpaired = len(names)-1, r.ReplicateName() == ""
	return t
}
