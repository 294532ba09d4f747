package record_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ablate/stages/record"
)

func TestNumber(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for text, want := range map[string]float64{
		"2.5": 2.5, " -1e-3\t": -1e-3, "1e999": inf, "-1e999": -inf, "5e-400": 0, "+7": 7,
		"NaN": nan, "nan": nan, "-nan": nan, "null": nan, "None": nan, "": nan, "NA": nan, "<NA>": nan, "-nan(ind)": nan,
		"Infinity": inf, "-Infinity": -inf, "inf": inf, "-Inf": -inf, "+inf": inf, "1.#INF": inf,
	} {
		if got, err := record.Number(text); err != nil || !cmp.Equal(got, want, cmpopts.EquateNaNs()) {
			t.Errorf("Number(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"lost", "0x10", "1_000", "1,5", "true", "1 2", "-", "1p3"} {
		if got, err := record.Number(text); err == nil {
			t.Errorf("Number(%q) = %v, want an error", text, got)
		}
	}
}

// What loggers of other languages write is read as the same row.
func TestParse(t *testing.T) {
	row := func(v float64) record.Row { return record.Row{Step: 10, Name: "val_loss", Value: v} }
	for line, want := range map[string]record.Row{
		`{"step":10,"name":"val_loss","value":2.5}`:                                      row(2.5),
		`{"step": 10, "name": "val_loss", "value": NaN}`:                                 row(math.NaN()),
		`{"step": 10, "name": "val_loss", "value": -Infinity}`:                           row(math.Inf(-1)),
		`{"value": null, "step": 10.0, "name": "val_loss"}`:                              row(math.NaN()),
		`{"step":"10","name":"val_loss","value":"NaN"}`:                                  row(math.NaN()),
		`{"step":1e1,"name":"val_loss","value":"2.5"}`:                                   row(2.5),
		`{"step":10,"name":"val_loss","value":1e999,"more":[{"a":"NaN, Infinity"},nan]}`: row(math.Inf(1)),
		`{"step":10,"name":"NaN","value":NaN}`:                                           {Step: 10, Name: "NaN", Value: math.NaN()},
		`{"step":10,"name":"a \" NaN","value":1}`:                                        {Step: 10, Name: `a " NaN`, Value: 1},
	} {
		if got, err := record.Parse([]byte(line)); err != nil || !cmp.Equal(got, want, cmpopts.EquateNaNs()) {
			t.Errorf("Parse(%s) = %v, %v, want %v", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		`hello`:                                                           "not a JSON object",
		`{"step":1,"name":"a"}`:                                           "lacks one of",
		`{"step":null,"name":"a","value":1}`:                              "lacks one of",
		`{"step":-1,"name":"a","value":1}`:                                "its step is -1",
		`{"step":1.5,"name":"a","value":1}`:                               "its step is 1.5",
		`{"step":1e300,"name":"a","value":1}`:                             "its step is 1e300",
		`{"step":NaN,"name":"a","value":1}`:                               "its step is NaN",
		`{"step":1,"name":"","value":1}`:                                  "its name is empty",
		`{"step":1,"name":"a","value":true}`:                              `its value is true`,
		`{"step":1,"name":"a","value":[1]}`:                               `its value is [1]`,
		`{"step":1,"name":"a","value":1} {}`:                              "there is more after the object",
		`{"step":1,"name":"` + strings.Repeat("n", 2000) + `","value":1}`: "its name is longer than",
	} {
		if got, err := record.Parse([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.60s) = %v, %v, want %q", line, got, err, want)
		}
	}
}

func TestWrittenRowsAreReadBack(t *testing.T) {
	rows := []record.Row{{Step: 1, Name: "a", Value: math.Copysign(0, -1)}, {Step: 2, Name: "<b> \"", Value: 5e-324}, {Step: 2, Name: record.Diverged, Value: 1}}
	var b bytes.Buffer
	if err := record.Write(&b, slices.Values(rows)); err != nil {
		t.Fatal(err)
	}
	got, err := record.ReadAll(&b)
	if diff := cmp.Diff(rows, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if o := record.OutcomeOf(got); o != record.OutcomeDiverged {
		t.Errorf("outcome %s", o)
	}
}

func TestLongLinesAreRefused(t *testing.T) {
	text := "\uFEFF{\"step\":1}\r\n\n  \n" + strings.Repeat("x", record.MaxLine+1)
	var numbers []int
	var failure error
	for line, err := range record.Lines(strings.NewReader(text)) {
		numbers, failure = append(numbers, line.Number), err
	}
	if diff := cmp.Diff([]int{1, 4}, numbers); diff != "" || failure == nil || !strings.Contains(failure.Error(), "line 4 is longer") {
		t.Errorf("lines %v, %v", numbers, failure)
	}
}

func TestTable(t *testing.T) {
	head := record.Table{Factors: []string{"norm"}, Replicate: "seed", Numbered: true, Responses: []string{"loss"}}
	want := []record.Run{
		{Levels: []string{"<ü>"}, Replicate: "1", Values: map[string]float64{"loss": 0.1}, Outcome: record.OutcomeFinished},
		{Levels: []string{""}, Replicate: "2", Values: map[string]float64{}, Outcome: record.OutcomeDiverged},
	}
	var b bytes.Buffer
	write, err := record.WriteTable(&b, head)
	for _, r := range want {
		if err == nil {
			err = write(r)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	got, runs, err := record.ReadTable(&b)
	if diff := cmp.Diff(head, got); err != nil || diff != "" {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	var all []record.Run
	for r, err := range runs {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"step":1,"name":"a","value":2.5}`))
	f.Add([]byte(`{"step":1,"name":"a","value": -inf }`))
	f.Add([]byte(`{"step":"1\","name":nan,"value":"\u`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, err := record.Parse(line); err == nil && (r.Step < 0 || r.Name == "") {
			t.Errorf("Parse(%q) = %v", line, r)
		}
	})
}

// Factors keep their names, and a column that is renamed never gets the name of another.
func TestUniqueColumns(t *testing.T) {
	columns := []string{"trial", "lr", "trial", "x", "lr", "x_", "x", "lr_", "y"}
	record.UniqueColumns(columns, 1, 4)
	if want := []string{"trial_", "lr", "trial", "x", "lr__", "x_", "x__", "lr_", "y"}; !slices.Equal(columns, want) {
		t.Errorf("UniqueColumns = %q, want %q", columns, want)
	}
}
