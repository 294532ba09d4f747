package tables

import (
	"bytes"
	"database/sql"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

var sample = &Table{
	Name: "trials", Columns: []string{"norm", "a \"quoted\" loss", "seed"}, Number: []bool{false, true, false},
	Rows: [][]any{{"derf, γ", 0.30000000000000004, "1"}, {"rms", nil, nil}, {"", -1e-300, "2"}},
}

func TestText(t *testing.T) {
	for format, want := range map[string]string{
		"csv":   "norm,\"a \"\"quoted\"\" loss\",seed\n\"derf, γ\",0.30000000000000004,1\nrms,,\n\"\",-1e-300,2\n",
		"jsonl": `{"norm":"derf, γ","a \"quoted\" loss":0.30000000000000004,"seed":"1"}` + "\n" + `{"norm":"rms","a \"quoted\" loss":null,"seed":null}` + "\n",
	} {
		var b bytes.Buffer
		if err := Write(&b, sample, format); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(b.String(), want) {
			t.Errorf("%s:\n%s\nwant\n%s", format, b.String(), want)
		}
	}
}

func TestNaNIsNull(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, &Table{Columns: []string{"x"}, Number: []bool{true}, Rows: [][]any{{math.NaN()}}}, "jsonl"); err != nil || b.String() != "{\"x\":null}\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

func TestParquet(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, sample, "parquet"); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]parquet.Row, 4)
	n, _ := f.RowGroups()[0].Rows().ReadRows(rows)
	if n != 3 || rows[0][0].Double() != 0.30000000000000004 || rows[0][1].String() != "derf, γ" || !rows[1][0].IsNull() || !rows[1][2].IsNull() {
		t.Errorf("%d rows: %v", n, rows)
	}
}

func TestSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "study.db")
	for range 2 { // the second write replaces the table
		if err := WriteSQLite(path, sample); err != nil {
			t.Fatal(err)
		}
	}
	other := *sample
	other.Name = "metrics"
	if err := WriteSQLite(path, &other); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n, missing int
	var loss float64
	err = db.QueryRow(`SELECT count(*), sum("a ""quoted"" loss" IS NULL), max("a ""quoted"" loss") FROM trials, (SELECT 1 FROM metrics LIMIT 1)`).Scan(&n, &missing, &loss)
	if err != nil || n != 3 || missing != 1 || loss != 0.30000000000000004 {
		t.Errorf("%d rows, %d missing, %v, %v", n, missing, loss, err)
	}
}

// SQLite ignores the case of names, and ends them at a zero byte.
func TestNamesInSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "study.db")
	table := &Table{Name: "trials", Columns: []string{"Loss", "loss", "loss_", "LOSS", "é", "É"}, Number: []bool{true, true, true, true, true, true},
		Rows: [][]any{{1., 2., 3., 4., 5., 6.}}}
	if err := WriteSQLite(path, table); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT * FROM trials")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if got, err := rows.Columns(); err != nil || strings.Join(got, " ") != "Loss loss__ loss_ LOSS___ é É" {
		t.Errorf("the columns are %q, %v", got, err)
	}
	table.Columns[1] = "a\x00b"
	if err := WriteSQLite(path, table); err == nil || !strings.Contains(err.Error(), "zero byte") {
		t.Errorf("a name with a zero byte: %v", err)
	}
}
