package data

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Results is data "results": finished runs of any program, as tables.
type Results struct {
	Source    []string          `hcl:"source" key:"-" doc:"Tables: .csv with a head line, or .jsonl with one object a line, also .gz and .zst, or .parquet. Paths never enter a key, contents do."`
	Factors   []string          `hcl:"factors" doc:"Columns whose values are levels."`
	Replicate string            `hcl:"replicate,optional" doc:"Column that tells the replicates of a cell apart and pairs them across cells. Without it the rows of a cell are replicates of no other's."`
	Responses []string          `hcl:"responses,optional" doc:"Columns of numbers."`
	Columns   map[string]string `hcl:"columns,optional" doc:"By factor, replicate or response, what its column is called in the files, where it is not the same."`
}

// trialsName is the artifact that analyses read.
const trialsName = "trials"

// FactorNames lists the factors, the replicate last.
func (r *Results) FactorNames() []string {
	out := slices.Clone(r.Factors)
	if r.Replicate != "" {
		out = append(out, r.Replicate)
	}
	return out
}

// ReplicateName is the factor that numbers replicates, "" for none.
func (r *Results) ReplicateName() string { return r.Replicate }

// Remotes implements pipeline.Remote.
func (r *Results) Remotes() []string { return remotes(r.Source) }

// Validate implements pipeline.Stage.
func (r *Results) Validate() diag.List {
	list := checkSchemes(r.Source)
	wrong := func(name, detail string, args ...any) {
		list = append(list, diag.Errorf(diag.Path{name}, "Unusable columns", detail, args...)...)
	}
	if len(r.Source) == 0 {
		wrong("source", "source names no file.")
	}
	if len(r.Factors) == 0 {
		wrong("factors", "factors names no column, so there would be nothing to compare.")
	}
	if len(r.Responses) == 0 {
		wrong("responses", "responses names no column, so there would be nothing to compare.")
	}
	seen := make(map[string]bool)
	for _, name := range slices.Concat(r.FactorNames(), r.Responses) {
		if seen[name] {
			wrong("factors", "%q is named twice among factors, replicate and responses.", name)
		}
		seen[name] = true
	}
	for name := range r.Columns {
		if !seen[name] {
			wrong("columns", "columns says where %q is, which is no factor, replicate or response.", name)
		}
	}
	return list
}

// Describe implements pipeline.Stage.
func (r *Results) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	files, err := expand(in.Sources, r.Source)
	if err != nil {
		return pipeline.Recipe{}, err
	}
	return pipeline.Recipe{
		Inputs:  cache.Map(map[string]cache.Value{"source": digestsOf(files)}),
		Outputs: []pipeline.Output{{Name: trialsName, MediaType: "application/jsonl"}},
	}, nil
}

// resultRow is one line of the artifact.
type resultRow struct {
	Levels []string           `json:"levels"` // parallel to FactorNames
	Values map[string]float64 `json:"values"`
	Row    string             `json:"row"` // where it stands, for messages
}

// Run implements pipeline.Stage.
func (r *Results) Run(_ context.Context, env *pipeline.Env) error {
	files, err := expand(env.Inputs.Sources, r.Source)
	if err != nil {
		return err
	}
	var rows []resultRow
	seen := make(map[string]string)
	for _, f := range files {
		text, err := readFile(env.Inputs.Sources, f)
		if err != nil {
			return err
		}
		table, err := parseTable(path.Base(f.path), text)
		if err != nil {
			return diag.Errorf(diag.Path{"source"}, "Not a table", "%s: %v.", f.path, err).Err()
		}
		for _, line := range table {
			row, err := r.row(line)
			if err != nil {
				return diag.Errorf(diag.Path{"source"}, "Unusable row", "%s: %v.", line.where, err).Err()
			}
			id := strings.Join(row.Levels, "\x00")
			if at, twice := seen[id]; twice && r.Replicate != "" {
				return diag.Errorf(diag.Path{"source"}, "Duplicate row", "%s has the same factors and %s as %s: %s.",
					line.where, r.Replicate, at, strings.Join(row.Levels, ", ")).Err()
			}
			seen[id] = line.where
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return diag.Errorf(diag.Path{"source"}, "No rows", "The files of source hold no row.").Err()
	}
	w, err := env.Create(trialsName)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	for _, row := range rows {
		if err := enc.Encode(row); err != nil {
			return err
		}
	}
	return w.Close()
}

// line is one row of a file by column.
type line struct {
	where  string
	fields map[string]string
}

// parseTable reads a table by the ending of its name.
func parseTable(name, text string) ([]line, error) {
	base := strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	switch path.Ext(base) {
	case ".csv":
		return parseCSV(name, text)
	case ".jsonl":
		return parseJSONL(name, text)
	case ".parquet":
		return parseParquet(name, text)
	}
	return nil, fmt.Errorf("its name ends neither in .csv nor in .jsonl nor in .parquet")
}

func parseCSV(name, text string) ([]line, error) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\uFEFF")))
	r.TrimLeadingSpace = true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	var out []line
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		at, _ := r.FieldPos(0)
		l := line{where: fmt.Sprintf("%s:%d", name, at), fields: make(map[string]string, len(head))}
		for i, h := range head {
			l.fields[strings.TrimSpace(h)] = strings.TrimSpace(record[i])
		}
		out = append(out, l)
	}
}

func parseJSONL(name, text string) ([]line, error) {
	var out []line
	scanner := bufio.NewScanner(strings.NewReader(text))
	scanner.Buffer(nil, 1<<24)
	for n := 1; scanner.Scan(); n++ {
		if len(bytes.TrimSpace(scanner.Bytes())) == 0 {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
		dec.UseNumber()
		var object map[string]any
		if err := dec.Decode(&object); err != nil {
			return nil, fmt.Errorf("line %d is no JSON object: %w", n, err)
		}
		l := line{where: fmt.Sprintf("%s:%d", name, n), fields: make(map[string]string, len(object))}
		for k, v := range object {
			switch v := v.(type) {
			case string, json.Number, bool:
				l.fields[k] = fmt.Sprint(v)
			}
		}
		out = append(out, l)
	}
	return out, scanner.Err()
}

// row picks the columns of one line.
func (r *Results) row(l line) (resultRow, error) {
	out := resultRow{Values: make(map[string]float64), Row: l.where}
	column := func(name string) (string, error) {
		called := name
		if c := r.Columns[name]; c != "" {
			called = c
		}
		v, ok := l.fields[called]
		if !ok {
			return "", fmt.Errorf("there is no column %q", called)
		}
		return v, nil
	}
	for _, name := range r.FactorNames() {
		v, err := column(name)
		if err != nil {
			return out, err
		}
		if f, err := strconv.ParseFloat(v, 64); err == nil { // 0.50 and .5 are one level
			v = strconv.FormatFloat(f, 'g', -1, 64)
		}
		out.Levels = append(out.Levels, v)
	}
	for _, name := range r.Responses {
		v, err := column(name)
		if err != nil {
			return out, err
		}
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return out, fmt.Errorf("%s is %q, which is no finite number", name, v)
		}
		out.Values[name] = f
	}
	return out, nil
}
