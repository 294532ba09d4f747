package data

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

type parquetRow struct {
	Norm string   `parquet:"norm"`
	Seed int64    `parquet:"seed"`
	Loss *float64 `parquet:"loss,optional"`
	Tags []string `parquet:"tags,list"`
}

func parquetFile(t *testing.T) string {
	t.Helper()
	loss := 0.30000000000000004
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&b)
	_, err := w.Write([]parquetRow{{"derf", 42, &loss, []string{"a", "b"}}, {"rms", 43, nil, nil}})
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestParquet(t *testing.T) {
	lines, err := parseTable("runs.parquet", parquetFile(t))
	if err != nil || len(lines) != 2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	r := &Results{Factors: []string{"norm"}, Replicate: "seed", Responses: []string{"loss"}}
	row, mistakes := r.row(lines[0], true)
	if mistakes != nil || !slices.Equal(row.Levels, []string{"derf", "42"}) || row.Values["loss"] != 0.30000000000000004 {
		t.Errorf("row %+v, %v", row, mistakes)
	}
	if _, mistakes := r.row(lines[1], true); len(mistakes) != 1 || !strings.Contains(mistakes[0], "loss") {
		t.Errorf("a row without its response: %v", mistakes)
	}
}

// A file that is cut or damaged is an error, never a panic or another table.
func TestDamagedParquet(t *testing.T) {
	whole := parquetFile(t)
	for n := 0; n < len(whole); n += 7 {
		if _, err := parseTable("runs.parquet", whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are a table", n, len(whole))
		}
	}
}
