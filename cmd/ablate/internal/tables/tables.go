// Package tables writes tables in the formats that other programs read: CSV,
// JSON lines, Parquet and SQLite.
package tables

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	_ "modernc.org/sqlite" // the driver; in Go, so that no C compiler is needed

	"ablate/stages/record"
)

// Table is rows of texts and numbers. A column holds either texts or numbers.
type Table struct {
	Name    string
	Columns []string
	Number  []bool  // parallel to Columns
	Rows    [][]any // string, float64, or nil for an absent value
}

// Formats lists the formats. Write takes all but sqlite, which has a function of its own
// because it changes existing files.
var Formats = []string{"csv", "jsonl", "parquet", "sqlite"}

// FormatOf is the format of a file by its extension; csv for unknown extensions.
func FormatOf(file string) string {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".jsonl", ".ndjson":
		return "jsonl"
	case ".parquet":
		return "parquet"
	case ".db", ".sqlite", ".sqlite3":
		return "sqlite"
	}
	return "csv"
}

// Write writes a table as csv, jsonl or parquet.
func Write(w io.Writer, t *Table, format string) error {
	switch format {
	case "csv":
		return writeCSV(w, t)
	case "jsonl":
		return writeJSONL(w, t)
	case "parquet":
		return writeParquet(w, t)
	}
	panic("tables: no format " + format)
}

// writeCSV writes what RFC 4180 describes. A text is quoted where quotes tell it
// from nothing or keep its spaces, so that it is read back to the letter; the
// standard library's writer does not quote an empty one.
func writeCSV(w io.Writer, t *Table) error {
	line := make([]string, len(t.Columns))
	for i, name := range t.Columns {
		line[i] = csvField(name)
	}
	for row := -1; row < len(t.Rows); row++ {
		for i := range line {
			if row >= 0 {
				line[i] = csvField(t.Rows[row][i])
			}
		}
		if _, err := io.WriteString(w, strings.Join(line, ",")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// csvField writes numbers so that they read back exactly.
func csvField(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		if v == "" || strings.TrimSpace(v) != v || strings.ContainsAny(v, ",;\t\"\r\n") {
			return `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
		}
		return v
	}
	return ""
}

// writeJSONL keeps the order of the columns. Numbers that are not finite become null.
func writeJSONL(w io.Writer, t *Table) error {
	for _, row := range t.Rows {
		var b strings.Builder
		b.WriteString("{")
		for i, v := range row {
			if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
				v = nil
			}
			name, err1 := json.Marshal(t.Columns[i])
			value, err2 := json.Marshal(v)
			if err1 != nil || err2 != nil {
				return fmt.Errorf("column %s: %v, %v", t.Columns[i], err1, err2)
			}
			if i > 0 {
				b.WriteString(",")
			}
			b.Write(name)
			b.WriteString(":")
			b.Write(value)
		}
		if _, err := io.WriteString(w, b.String()+"}\n"); err != nil {
			return err
		}
	}
	return nil
}

func writeParquet(w io.Writer, t *Table) error {
	group := make(parquet.Group, len(t.Columns))
	for i, c := range t.Columns {
		node := parquet.String()
		if t.Number[i] {
			node = parquet.Leaf(parquet.DoubleType)
		}
		group[c] = parquet.Optional(node)
	}
	schema := parquet.NewSchema(t.Name, group)
	at := make([]int, len(t.Columns)) // a group sorts its columns by name
	for i, name := range t.Columns {
		leaf, _ := schema.Lookup(name)
		at[i] = leaf.ColumnIndex
	}
	out := parquet.NewWriter(w, schema, parquet.Compression(&parquet.Snappy))
	line := make(parquet.Row, len(t.Columns))
	for _, row := range t.Rows {
		for i := range row {
			v, defined := parquet.NullValue(), 1
			switch x := row[i].(type) {
			case float64:
				v = parquet.DoubleValue(x)
			case string:
				v = parquet.ByteArrayValue([]byte(x))
			default:
				defined = 0
			}
			line[at[i]] = v.Level(0, defined, at[i])
		}
		if _, err := out.WriteRows([]parquet.Row{line}); err != nil {
			return err
		}
	}
	return out.Close()
}

// WriteSQLite replaces the table in a database and leaves its other tables alone. SQLite
// ignores the case of names, so a column that differs from an earlier one in case alone
// gets an underscore: Loss and loss_.
func WriteSQLite(path string, t *Table) (err error) {
	names, err := sqliteNames(t.Columns)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.Begin()
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer tx.Rollback() // after Commit it does nothing
	var columns, marks []string
	for i, c := range names {
		kind := "TEXT"
		if t.Number[i] {
			kind = "REAL"
		}
		columns, marks = append(columns, quote(c)+" "+kind), append(marks, "?")
	}
	for _, statement := range []string{
		"DROP TABLE IF EXISTS " + quote(t.Name),
		"CREATE TABLE " + quote(t.Name) + " (" + strings.Join(columns, ", ") + ")",
	} {
		if _, err := tx.Exec(statement); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	insert, err := tx.Prepare("INSERT INTO " + quote(t.Name) + " VALUES (" + strings.Join(marks, ", ") + ")")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer insert.Close()
	for _, row := range t.Rows {
		if _, err := insert.Exec(row...); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return tx.Commit()
}

// sqliteNames are the names of columns, which differ where case does not count.
func sqliteNames(columns []string) ([]string, error) {
	for _, c := range columns {
		if strings.Contains(c, "\x00") {
			return nil, fmt.Errorf("the name %q has a zero byte, which SQLite does not allow: export it in another format", c)
		}
	}
	names := slices.Clone(columns)
	record.UniqueNames(names, 0, 0, func(name string) string { // as SQLite does, which knows ASCII only
		return strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		}, name)
	})
	return names, nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
