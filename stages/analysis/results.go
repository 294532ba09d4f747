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
)

// resultsName is the artifact of a table of finished runs.
const resultsName = "trials"

// results is a data stage that holds finished runs.
type results interface {
	FactorNames() []string // the replicate last
	ReplicateName() string // "" for none
}

// asResults reports whether an analysis rests on one table of results.
func asResults(in []pipeline.Input) (results, bool) {
	if len(in) != 1 {
		return nil, false
	}
	r, ok := in[0].Stage.(results)
	return r, ok
}

// checkSources refuses mixtures, and data that is no table of results.
func checkSources(in []pipeline.Input) diag.List {
	for _, i := range in {
		_, isTable := i.Stage.(results)
		switch {
		case i.Address.Stage.Block == "data" && !isTable:
			return diag.Errorf(diag.Path{"trials"}, "Not trials", "%s holds text, not finished runs: there is data \"results\" for those.", i.Address)
		case isTable && len(in) > 1:
			return diag.Errorf(diag.Path{"trials"}, "Different sources", "%s stands alone: an analysis takes either trials or one table of results.", i.Address)
		}
	}
	return nil
}

// readResults builds the trial table from a table of finished runs.
func readResults(env *pipeline.Env, in pipeline.Input, r results, metric string) (*trialTable, error) {
	f, err := env.Open(in.Digest(resultsName))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", in.Address, err)
	}
	defer f.Close()
	t := &trialTable{factors: r.FactorNames(), loose: r.ReplicateName() == ""}
	if t.loose {
		t.factors = append(t.factors, looseReplicate)
	}
	dec := json.NewDecoder(bufio.NewReader(f))
	for {
		var row struct {
			Levels []string           `json:"levels"`
			Values map[string]float64 `json:"values"`
			None   map[string]string  `json:"none"`
			Row    string             `json:"row"`
		}
		err := dec.Decode(&row)
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", in.Address, err)
		}
		value, ok := row.Values[metric]
		_, diverged := row.None[metric]
		if !ok && !diverged {
			return nil, diag.Errorf(diag.Path{"response"}, "No such response",
				"%s has no response %q; it has %s.", in.Address, metric, join(append(sortedKeys(row.Values), sortedKeys(row.None)...))).Err()
		}
		switch name := r.ReplicateName(); {
		case name == "":
			row.Levels = append(row.Levels, row.Row)
		case row.Levels[len(row.Levels)-1] == row.Row:
			t.loose, t.unnumbered = true, name
		}
		x := trial{levels: row.Levels, response: value, diverged: diverged}
		for _, l := range row.Levels {
			x.ids = append(x.ids, addr.Level{Kind: "string", Text: l})
		}
		t.trials = append(t.trials, x)
	}
}

// looseReplicate stands for the replicate of rows that nothing pairs.
const looseReplicate = "row"
