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
	"maps"
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
	Replicate string            `hcl:"replicate,optional" doc:"Column that tells the replicates of a cell apart and pairs them across cells. Without it, or where the files have no such column and none that is not asked for, the rows of a cell are replicates of no other's."`
	Responses []string          `hcl:"responses,optional" doc:"Columns of numbers. NaN and infinities are runs that diverged."`
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

// ResponseNames lists the responses.
func (r *Results) ResponseNames() []string { return r.Responses }

// Remotes implements pipeline.RemoteReader.
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
	None   map[string]string  `json:"none,omitempty"` // responses that are NaN or infinite: the run diverged
	Row    string             `json:"row"`            // where it stands; the replicate's level, where the files have no column for it
}

// Run implements pipeline.Stage.
func (r *Results) Run(_ context.Context, env *pipeline.Env) error {
	files, err := expand(env.Inputs.Sources, r.Source)
	if err != nil {
		return err
	}
	var lines []line
	for _, f := range files {
		text, err := readFile(env.Inputs.Sources, f)
		if err != nil {
			return err
		}
		table, err := parseTable(path.Base(f.path), text)
		if err != nil {
			return diag.Errorf(diag.Path{"source"}, "Not a table", "%s: %v.", f.path, err).Err()
		}
		lines = append(lines, table...)
	}
	if len(lines) == 0 {
		return diag.Errorf(diag.Path{"source"}, "No rows", "The files of source hold no row.").Err()
	}
	rows, list := r.rows(lines)
	if len(list) > 0 {
		return list.Err()
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

// rows reads all lines, and collects what is wrong with them: a mistake that
// many lines make is told once, with the first of them.
func (r *Results) rows(lines []line) ([]resultRow, diag.List) {
	var rows []resultRow
	var told []string
	first, count := make(map[string]string), make(map[string]int)
	wrong := func(what, where string) {
		if count[what]++; count[what] == 1 {
			told, first[what] = append(told, what), where
		}
	}
	numbered := r.numbered(lines)
	seen := make(map[string]string, len(lines))
	bad := 0
	for _, l := range lines {
		row, mistakes := r.row(l, numbered)
		id := strings.Join(row.Levels, "\x00")
		if at, twice := seen[id]; twice && r.Replicate != "" && len(mistakes) == 0 {
			mistakes = append(mistakes, fmt.Sprintf("it has the same factors and %s as %s: %s", r.Replicate, at, strings.Join(row.Levels, ", ")))
		} else {
			seen[id] = l.where
		}
		for _, m := range mistakes {
			wrong(m, l.where)
		}
		bad += min(1, len(mistakes))
		rows = append(rows, row)
	}
	var list diag.List
	for _, what := range told {
		more := ""
		if n := count[what] - 1; n > 0 {
			more = fmt.Sprintf(" So it is in %d more.", n)
		}
		list = append(list, diag.Errorf(diag.Path{"source"}, "Unusable row", "%s: %s.%s", first[what], what, more)...)
	}
	if len(list) > mostTold {
		list = append(list[:mostTold], diag.Errorf(diag.Path{"source"}, "Unusable rows", "%d of %d rows cannot be used; the first mistakes stand above.", bad, len(lines))...)
	}
	return rows, list
}

// mostTold is how many mistakes are told one by one.
const mostTold = 10

// numbered reports whether the files tell replicates apart. A column that no
// line has, in files where every other column is asked for, is not misspelt: it
// is not there, and the rows of a cell are replicates of no other's.
func (r *Results) numbered(lines []line) bool {
	called := r.called(r.Replicate)
	asked := make(map[string]bool)
	for _, name := range slices.Concat(r.Factors, r.Responses) {
		asked[r.called(name)] = true
	}
	for _, l := range lines {
		for c := range l.fields {
			if c == called || !asked[c] {
				return true
			}
		}
	}
	return false
}

// called is the name of a column in the files.
func (r *Results) called(name string) string {
	if c := r.Columns[name]; c != "" {
		return c
	}
	return name
}

// line is one row of a file by column.
type line struct {
	where  string
	fields map[string]string
	broken string // why it has none
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
	r.TrimLeadingSpace, r.FieldsPerRecord = true, -1
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	for i, h := range head {
		head[i] = strings.TrimSpace(h)
		if slices.Contains(head[:i], head[i]) {
			return nil, fmt.Errorf("two of its columns are called %q", head[i])
		}
	}
	if len(head) == 1 && strings.ContainsAny(head[0], ";\t") {
		return nil, fmt.Errorf("its head line %q has no comma: columns are separated by commas", head[0])
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
		if len(record) != len(head) {
			l.broken = fmt.Sprintf("it has %d fields, and the head line %d", len(record), len(head))
			record = nil
		}
		for i, field := range record {
			l.fields[head[i]] = strings.TrimSpace(field)
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
			case nil:
				l.fields[k] = ""
			}
		}
		out = append(out, l)
	}
	return out, scanner.Err()
}

// row picks the columns of one line, and says all that is wrong with them.
func (r *Results) row(l line, numbered bool) (out resultRow, mistakes []string) {
	out = resultRow{Values: make(map[string]float64), Row: l.where}
	if l.broken != "" {
		return out, []string{l.broken}
	}
	wrong := func(detail string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(detail, args...)) }
	column := func(name string) string {
		v, ok := l.fields[r.called(name)]
		switch {
		case !ok:
			wrong("there is no column %q; there is %s", r.called(name), strings.Join(slices.Sorted(maps.Keys(l.fields)), ", "))
		case v == "":
			wrong("%s is empty", name)
		}
		return v
	}
	for _, name := range r.Factors {
		out.Levels = append(out.Levels, level(column(name)))
	}
	switch {
	case r.Replicate != "" && numbered:
		out.Levels = append(out.Levels, level(column(r.Replicate)))
	case r.Replicate != "":
		out.Levels = append(out.Levels, l.where)
	}
	for _, name := range r.Responses {
		v := column(name)
		if v == "" {
			continue
		}
		f, err := strconv.ParseFloat(v, 64)
		switch {
		case math.IsNaN(f) || math.IsInf(f, 0): // also of a number that is too large
			if out.None == nil {
				out.None = make(map[string]string)
			}
			out.None[name] = v
		case err != nil:
			wrong("%s is %q, which is no number", name, v)
		default:
			out.Values[name] = f
		}
	}
	return out, mistakes
}

// level gives 0.50 and .5 one name.
func level(v string) string {
	if f, err := strconv.ParseFloat(v, 64); err == nil {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return v
}
