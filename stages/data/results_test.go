package data

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"ablate/hcl/addr"
	"ablate/stages/record"
)

// readRuns runs data "results" over files.
func readRuns(t *testing.T, r *Results, files map[string]string) (record.Table, []record.Run, string, error) {
	t.Helper()
	r.Source = nil
	for name := range files {
		r.Source = append(r.Source, name)
	}
	slices.Sort(r.Source)
	if r.Outcome == "" {
		r.Outcome = outcomeColumn
	}
	r.Resolve()
	out, err := runText(t, folder(t, files), r)
	if err != nil {
		return record.Table{}, nil, out.warned(), err
	}
	table, runs, err := record.ReadTable(out[record.Trials])
	if err != nil {
		t.Fatal(err)
	}
	var all []record.Run
	for run, err := range runs {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, run)
	}
	return table, all, out.warned(), nil
}

func byNorm() *Results {
	return &Results{Factors: []string{"norm"}, Replicate: "seed", Responses: []string{"loss"}}
}

func finished(norm, seed string, loss float64) record.Run {
	return record.Run{Levels: []string{norm}, Replicate: seed, Values: map[string]float64{"loss": loss}, Outcome: record.OutcomeFinished}
}

func lost(norm, seed string) record.Run {
	return record.Run{Levels: []string{norm}, Replicate: seed, Values: map[string]float64{}, Outcome: record.OutcomeFinished}
}

// The same table in all formats is the same artifact, whatever the file is called.
func TestFormatsAgree(t *testing.T) {
	type row struct {
		Norm string   `parquet:"norm"`
		Seed int64    `parquet:"seed"`
		Loss *float64 `parquet:"loss,optional"`
		Tags []string `parquet:"tags,list"`
	}
	loss := 0.30000000000000004
	var columns bytes.Buffer
	w := parquet.NewGenericWriter[row](&columns)
	if _, err := w.Write([]row{{"2.10", 42, &loss, []string{"a", "b"}}, {"rms", 43, nil, nil}}); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	zipped := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(text))
		z.Close()
		return b.String()
	}
	want := []record.Run{finished("2.10", "42", loss), lost("rms", "43")}
	const commas = "norm,seed,loss\n2.10,42,0.30000000000000004\n\"rms\",43,\n"
	for name, text := range map[string]string{
		"commas": commas, "spaces, CRLF": "\ufeffnorm , seed, loss\r\n\r\n2.10 , 42, 0.30000000000000004\r\nrms,43,NaN",
		"tabs": strings.ReplaceAll(commas, ",", "\t"), "semicolons": strings.ReplaceAll(commas, ",", ";"),
		"gzip": zipped(commas), "parquet": columns.String(), "gzipped parquet": zipped(columns.String()),
		"null":     `{"norm":"2.10","seed":42,"loss":0.30000000000000004}` + "\n" + `{"loss":null,"norm":"rms","seed":43.0}`,
		"Python":   `{"norm": "2.10", "seed": 42, "loss": 0.30000000000000004}` + "\n\n" + `{"norm": "rms", "seed": 43, "loss": NaN}`,
		"infinity": `{"norm":"2.10","seed":42,"loss":"0.30000000000000004"}{"norm":"rms","seed":"43","loss":"-Infinity"}`,
		"list":     "[\n  {\"norm\": \"2.10\",\n \"seed\": 42, \"loss\": 0.30000000000000004},\n{\"norm\":\"rms\",\"seed\":43,\"loss\":Infinity}\n]\n",
	} {
		table, runs, _, err := readRuns(t, byNorm(), map[string]string{"runs.dat": text})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, runs); diff != "" || !table.Numbered {
			t.Errorf("%s: numbered %v (-want +got):\n%s", name, table.Numbered, diff)
		}
	}
}

// Texts keep their spelling, numbers get the one text of their value.
func TestLevels(t *testing.T) {
	odd := []string{"2.1", "2.10", "1e5", "100000", "12e5", "9007199254740993", "inf", "nan", "null", "None", "", " x ", "a,b", "line\nbreak", `"q"`, "-0", "0x10", "é"}
	var csv, jsonl strings.Builder
	csv.WriteString("norm,seed,loss\n")
	for i, l := range odd {
		fmt.Fprintf(&csv, "\"%s\",%d,1\n", strings.ReplaceAll(l, `"`, `""`), i)
		fmt.Fprintf(&jsonl, "{\"norm\":%s,\"seed\":%d,\"loss\":1}\n", strings.ReplaceAll(fmt.Sprintf("%q", l), `\x`, `\u00`), i)
	}
	for name, text := range map[string]string{"CSV": csv.String(), "JSON": jsonl.String()} {
		_, runs, _, err := readRuns(t, byNorm(), map[string]string{"runs": text})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, r := range runs {
			got = append(got, r.Levels[0])
		}
		if diff := cmp.Diff(odd, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	_, runs, _, err := readRuns(t, byNorm(), map[string]string{"runs": `{"norm":0.10,"seed":18446744073709551615,"loss":1}{"norm":1e-1,"seed":true,"loss":1}{"norm":124000000,"seed":1.24e8,"loss":1}{"norm":"e\u0301","seed":"","loss":1}`})
	if err == nil || !strings.Contains(err.Error(), "runs:1: seed has no value") {
		t.Errorf("an empty replicate: %v, %v", runs, err)
	}
	_, runs, _, err = readRuns(t, byNorm(), map[string]string{"runs": `{"norm":0.10,"seed":18446744073709551615,"loss":1}{"norm":1e-1,"seed":true,"loss":1}{"norm":124000000,"seed":1.24e8,"loss":1}{"norm":"e\u0301","seed":"x","loss":1}`})
	want := []record.Run{finished("0.1", "18446744073709551615", 1), finished("0.1", "true", 1), finished("124000000", "124000000", 1), finished("é", "x", 1)}
	if diff := cmp.Diff(want, runs); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A column says how runs ended. What was logged before the end is no result.
func TestOutcomes(t *testing.T) {
	text := "norm,seed,loss,outcome\na,1,1.5,finished\na,2,7.5,diverged\na,3,,Failed\na,4,2,\n"
	_, runs, warned, err := readRuns(t, byNorm(), map[string]string{"runs.csv": text})
	diverged, failed := lost("a", "2"), lost("a", "3")
	diverged.Outcome, failed.Outcome = record.OutcomeDiverged, record.OutcomeFailed
	if diff := cmp.Diff([]record.Run{finished("a", "1", 1.5), diverged, failed, finished("a", "4", 2)}, runs); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if warned != "left out 1 of 4 runs: failed\n" {
		t.Errorf("warnings %q", warned)
	}
	if _, _, _, err := readRuns(t, byNorm(), map[string]string{"runs.csv": strings.Replace(text, "finished", "great", 1)}); err == nil || !strings.Contains(err.Error(), `outcome is "great"`) {
		t.Errorf("an unknown outcome: %v", err)
	}
	r := byNorm()
	r.Outcome = "statu"
	if _, _, _, err := readRuns(t, r, map[string]string{"runs.csv": text}); err == nil || !strings.Contains(err.Error(), `outcome names the column "statu", and there is none; the columns are norm, seed, loss, outcome`) {
		t.Errorf("a column that does not exist: %v", err)
	}
	r = byNorm()
	r.Factors = []string{"outcome"}
	if _, runs, _, err = readRuns(t, r, map[string]string{"runs.csv": "outcome,seed,loss\ngreat,1,1\n"}); err != nil || runs[0].Levels[0] != "great" {
		t.Errorf("a factor of that name: %v, %v", runs, err)
	}
}

// A parameter that is off is null in the configurations of runs. A missing value is not.
func TestNullLevels(t *testing.T) {
	const text = "{\"norm\":null,\"seed\":1,\"loss\":2}\n{\"norm\":\"a\",\"seed\":1,\"loss\":1}\n"
	_, runs, _, err := readRuns(t, byNorm(), map[string]string{"runs.jsonl": text})
	if diff := cmp.Diff([]record.Run{finished("null", "1", 2), finished("a", "1", 1)}, runs); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	r := byNorm()
	r.Where = map[string]addr.Level{"norm": {Kind: "string", Text: "null"}}
	if _, runs, _, err = readRuns(t, r, map[string]string{"runs.jsonl": text}); err != nil || len(runs) != 1 || runs[0].Levels[0] != "null" {
		t.Errorf("where: %v, %v", runs, err)
	}
	if _, _, _, err := readRuns(t, byNorm(), map[string]string{"runs.csv": "norm,seed,loss\n,1,2\n"}); err == nil || !strings.Contains(err.Error(), "norm has no value") {
		t.Errorf("an empty field: %v", err)
	}
}

func TestUnnumberedTables(t *testing.T) {
	table, runs, warned, err := readRuns(t, byNorm(), map[string]string{"runs.csv": "norm,loss\na,1\na,2\nb,\n"})
	if err != nil || table.Numbered || table.Replicate != "seed" || len(runs) != 3 || runs[0].Replicate != "" {
		t.Errorf("%+v, %v, %v", table, runs, err)
	}
	if !strings.Contains(warned, "1 of 3 rows have no value of loss") {
		t.Errorf("warnings %q", warned)
	}
	if _, _, _, err := readRuns(t, byNorm(), map[string]string{"runs.csv": "norm,sed,loss\na,1,1\n"}); err == nil || !strings.Contains(err.Error(), `there is no column "seed"; the columns are norm, sed, loss`) {
		t.Errorf("a misspelt column: %v", err)
	}
}

// A head line whose names are in quotes, as R writes it, is read by each separator.
func TestQuotedHead(t *testing.T) {
	for _, text := range []string{
		"\"norm\",\"seed\",\"loss\"\na,1,2\n", "\"norm\";\"seed\";\"loss\"\r\n\"a\";1;2\r\n",
		"\ufeff\"norm\"\t\"seed\"\t\"loss\"\na\t1\t2\n", "\"norm\",\"the \"\"seed\"\"\",loss,seed\na,x,2,1\n",
	} {
		_, runs, _, err := readRuns(t, byNorm(), map[string]string{"runs.csv": text})
		if err != nil || len(runs) != 1 || runs[0].Levels[0] != "a" || runs[0].Replicate != "1" {
			t.Errorf("%q: %v, %v", text, runs, err)
		}
	}
}

// Spreadsheets end lines with separators, and name no column there.
func TestUnnamedColumns(t *testing.T) {
	_, runs, _, err := readRuns(t, byNorm(), map[string]string{"runs.csv": "norm,seed,loss,,\na,1,2,,\n"})
	if diff := cmp.Diff([]record.Run{finished("a", "1", 2)}, runs); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// The time that a head line takes does not grow with the square of its columns.
func TestManyColumns(t *testing.T) {
	var head, row strings.Builder
	for i := range 500_000 {
		fmt.Fprintf(&head, "%d,", i)
		row.WriteString("0,")
	}
	began := time.Now()
	_, runs, _, err := readRuns(t, byNorm(), map[string]string{"runs.csv": head.String() + "norm,seed,loss\n" + row.String() + "a,1,2\n"})
	if took := time.Since(began); err != nil || len(runs) != 1 || took > time.Minute {
		t.Errorf("%v after %v: %v", err, took, runs)
	}
}

// A column without a name is one mistake.
func TestColumnsWithoutName(t *testing.T) {
	for want, change := range map[string]func(*Results){
		"A factor has no name.":   func(r *Results) { r.Factors = []string{"", "norm", ""} },
		"A response has no name.": func(r *Results) { r.Responses = []string{"", ""} },
	} {
		r := byNorm()
		r.Source = []string{"runs.csv"}
		change(r)
		if list := r.Validate(); len(list) != 1 || !strings.Contains(list[0].Detail, want) {
			t.Errorf("%v, want %q", list, want)
		}
	}
}

func TestUnusableTables(t *testing.T) {
	for text, want := range map[string]string{
		"norm,seed,loss\na,1,lost\nb,1,lost\n":                          `runs:2: loss is "lost", not a number. The same in 1 more.`,
		"norm,seed,loss\na,1\n":                                         "it has 2 fields, but the head line has 3",
		"norm,seed,loss\na,1,2\nb,1,2\na,1,3\n":                         "runs:4: it has the same factors and seed as row 1 of the source: a, 1",
		"norm,seed,loss,loss\na,1,2,3\n":                                `two of its columns are named "loss"`,
		"norm,seed,loss\n":                                              "have no rows",
		"norm,seed,loss\n\"a,1,2\n":                                     "a quoted field has no end",
		"norm,seed,loss\n\"a\"b,1,2\n":                                  "text behind a closing quote",
		"\"norm\"x,seed,loss\na,1,2\n":                                  "text behind a closing quote",
		"norm,seed,loss\nd\xe9rf,1,2\nd\xe8rf,1,3\n":                    `runs:2: norm is "d\xe9rf", which is not UTF-8`,
		"{\"norm\":\"\\ud800\",\"seed\":1,\"loss\":2}":                  "which is not UTF-8 or has lost a character",
		"{\"norm\":\"a\",\n":                                            "line 1: a JSON object has no end",
		"{\"norm\":\"a\"}\nhello":                                       "line 2 is not a JSON object",
		"{\"norm\":\"a\",\"seed\":null,\"loss\":1}":                     "seed has no value",
		"{\"norm\":[1],\"seed\":1,\"loss\":{}}":                         "norm is a list or an object",
		"SQLite format 3\x00...":                                        "it is damaged: the size of its pages is wrong",
		"n\x00o\x00r\x00m\x00,\x00s\x00":                                "UTF-16 without a byte order mark",
		"a\x00\x01\x02\x03":                                             "it is binary",
		"PAR1 and no more":                                              "Unreadable table",
		strings.Repeat("x", 100) + "\n\"" + strings.Repeat("y", 17<<20): "a quoted field has no end",
	} {
		if _, _, _, err := readRuns(t, byNorm(), map[string]string{"runs": text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	var many strings.Builder
	many.WriteString("norm,seed,loss\n")
	for i := range 50 {
		fmt.Fprintf(&many, "a,%d,bad%d\n", i, i)
	}
	if _, _, _, err := readRuns(t, byNorm(), map[string]string{"runs": many.String()}); err == nil || strings.Count(err.Error(), "Unusable row:") != maxReported || !strings.Contains(err.Error(), "50 of 50 rows cannot be used") {
		t.Errorf("many mistakes: %v", err)
	}
}

// Numbers of 16 bits, as pandas writes float16, are numbers. testdata/half.parquet was
// written by pyarrow 26.0.1.
func TestHalfPrecision(t *testing.T) {
	text, err := os.ReadFile("testdata/half.parquet")
	if err != nil {
		t.Fatal(err)
	}
	r := byNorm()
	r.Factors = []string{"rate"}
	_, runs, _, err := readRuns(t, r, map[string]string{"runs": string(text)})
	want := []record.Run{finished("0.5", "1", 0.0999755859375), finished("65504", "2", -2), finished("5.960464477539063e-8", "3", 1.5), lost("0.25", "4"), lost("0.25", "5")}
	if diff := cmp.Diff(want, runs); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// What the library would decode to other values is refused.
func TestUnreadableParquet(t *testing.T) {
	boolean := parquet.Leaf(parquet.BooleanType)
	for name, c := range map[string]struct {
		boolean parquet.Node
		codec   compress.Codec
		want    string
	}{
		"plain": {boolean, &parquet.Zstd, ""},
		"LZ4":   {boolean, &parquet.Lz4Raw, "it is compressed with LZ4"},
		"runs":  {parquet.Encoded(boolean, &parquet.RLE), &parquet.Zstd, `its column "norm" has run-length encoded booleans`},
	} {
		var b bytes.Buffer
		group := parquet.Group{"norm": c.boolean, "seed": parquet.Leaf(parquet.Int64Type), "loss": parquet.Leaf(parquet.DoubleType)}
		w := parquet.NewWriter(&b, parquet.NewSchema("runs", group), parquet.Compression(c.codec))
		row := map[string]any{"norm": true, "seed": int64(1), "loss": 2.5}
		if err := w.Write(row); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		_, runs, _, err := readRuns(t, byNorm(), map[string]string{"runs": b.String()})
		if c.want == "" && (err != nil || !cmp.Equal(runs, []record.Run{finished("true", "1", 2.5)})) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, %v, want %q", name, runs, err, c.want)
		}
	}
}

// A Parquet file that is cut is an error, never a panic or another table.
func TestCutParquet(t *testing.T) {
	type row struct {
		Norm string  `parquet:"norm"`
		Seed int64   `parquet:"seed"`
		Loss float64 `parquet:"loss"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b)
	if _, err := w.Write([]row{{"a", 1, 2}, {"b", 1, 3}}); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	for n := 5; n < b.Len(); n += 7 {
		err := scanTable(bytes.NewReader(b.Bytes()[:n]), []string{"norm"}, func(tableRow) error { return nil })
		if err == nil {
			t.Errorf("the first %d of %d bytes are a table", n, b.Len())
		}
	}
}

func FuzzTables(f *testing.F) {
	for _, s := range []string{"{\"\":0}", "a,b\n1,\"2\"\"\n\"\n", "{\"a\":NaN}", "[{\"a\":\"\\\"}\"}]", "a\tb\n\n1\t2", "PAR1", "a;b\r\n\"\";x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		scanTable(bytes.NewReader(raw), []string{"a", "b", ""}, func(row tableRow) error {
			if len(row.cells) != 3 || row.cells[2].kind != absent {
				t.Errorf("%q has the row %v", raw, row.cells)
			}
			row.columns()
			return nil
		})
	})
}

// A message names columns of any number and length in few words.
func TestColumnList(t *testing.T) {
	names := []string{strings.Repeat("é", 1<<20)}
	for range 500 {
		names = append(names, "x")
	}
	text := columnList(tableRow{columns: func() []string { return names }})
	if len(text) > 500 || !strings.HasSuffix(text, "x and 401 more") || !utf8.ValidString(text) {
		t.Errorf("%d bytes: %.200q", len(text), text)
	}
}
