package analysis

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/answer"
)

// readCSV reads a file of testdata.
func readCSV(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// fromR loads a design that R made. loose takes its rows as unpaired.
func fromR(t *testing.T, name string, loose bool) *design.Table {
	t.Helper()
	rows := readCSV(t, "r/"+name+".csv")
	last := len(rows[0]) - 1
	table := design.NewTable(slices.Clone(rows[0][:last]), "r")
	table.Unpaired = loose
	for i, r := range rows[1:] {
		y, err := strconv.ParseFloat(r[last], 64)
		if err != nil {
			t.Fatal(err)
		}
		levels := slices.Clone(r[:last])
		if loose {
			levels[last-1] = strconv.Itoa(i)
		}
		add(table, y, levels...)
	}
	return table
}

// TestAgainstR compares with what R's lm and t.test say of the same data; the
// script that made both is testdata/r/make.R.
func TestAgainstR(t *testing.T) {
	results, pooled := make(map[string]answer.Result), make(map[string]answer.Result)
	for name, loose := range map[string]bool{"blocked": false, "threeway": false, "classical": true, "unbalanced": true, "oneway": true,
		"smallest": false, "offset": false, "threeway-unbalanced": true, "lopsided": true, "tiny": true} {
		f := newFactorial()
		f.Response = "y"
		results[name] = f.analyse(fromR(t, name, loose), "r")
		f.Error, f.Squares = "pooled", "II"
		pooled[name] = f.analyse(fromR(t, name, loose), "r")
	}
	compared := 0
	for _, row := range readCSV(t, "r/answers.csv")[1:] {
		from, kind, name, field := row[0], row[1], row[2], row[3]
		want, err := strconv.ParseFloat(row[4], 64)
		if err != nil {
			t.Fatal(err)
		}
		r := results[from]
		if kind == "anova" { // of one residual, with replicates as blocks
			r = pooled[from]
		}
		got := pickNumber(t, r, kind, name, field)
		if math.Abs(got-want) > 1e-6*math.Max(math.Abs(want), 1e-9) {
			t.Errorf("%s %s %s: %s = %.12g, and R says %.12g", from, kind, name, field, got, want)
		}
		compared++
	}
	if compared < 200 {
		t.Errorf("only %d numbers were compared", compared)
	}
}

func pickNumber(t *testing.T, r answer.Result, kind, name, field string) float64 {
	t.Helper()
	value := func(p *float64) float64 {
		if p == nil {
			t.Fatalf("%s %s has no %s", kind, name, field)
		}
		return *p
	}
	if kind == "anova" {
		i := slices.IndexFunc(r.Anova, func(l answer.Anova) bool { return l.Name == name })
		if i < 0 {
			t.Fatalf("no line %s in %+v (%v)", name, r.Anova, r.Warnings)
		}
		l := r.Anova[i]
		switch field {
		case "ss":
			return l.SS
		case "df":
			return l.DF
		case "f":
			return value(l.F)
		case "p":
			return value(l.P)
		case "eta2":
			return value(l.Eta2)
		case "omega2":
			return value(l.Omega2)
		}
	}
	c := find(t, r, kind, ourName(kind, name))
	return value(map[string]*float64{"estimate": c.Estimate, "low": c.Low, "high": c.High, "df": c.DF, "p": c.P}[field])
}

// ourName is R's name of a contrast in our words.
func ourName(kind, name string) string {
	if kind == "interaction" { // "b2 - b0 by a1 - a0"
		f := strings.Fields(name)
		return f[0] + ": gap to " + f[2] + " under " + f[4] + " minus gap under " + f[6]
	}
	return strings.Replace(name, " - ", " − ", 1)
}
