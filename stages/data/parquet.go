package data

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// parseParquet reads a table's flat columns of texts, numbers and booleans as
// text. Nested columns are not seen.
func parseParquet(name, text string) (out []line, err error) {
	f, err := parquet.OpenFile(strings.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	// A damaged page makes the library panic; for us it is a file of a user's.
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("it is damaged: %v", p)
		}
	}()
	columns := make(map[int]string)
	for _, path := range f.Schema().Columns() {
		if leaf, ok := f.Schema().Lookup(path...); ok && len(path) == 1 && leaf.MaxRepetitionLevel == 0 {
			columns[leaf.ColumnIndex] = path[0]
		}
	}
	const batch = 256
	rows := make([]parquet.Row, batch)
	for _, group := range f.RowGroups() {
		reader := group.Rows()
		for {
			n, err := reader.ReadRows(rows)
			for _, row := range rows[:n] {
				l := line{where: fmt.Sprintf("%s, row %d", name, len(out)+1), fields: make(map[string]string, len(columns))}
				for _, v := range row {
					if column, ok := columns[v.Column()]; ok && !v.IsNull() {
						l.fields[column] = parquetText(v)
					}
				}
				out = append(out, l)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				reader.Close()
				return nil, err
			}
		}
		if err := reader.Close(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func parquetText(v parquet.Value) string {
	switch v.Kind() {
	case parquet.Float:
		return strconv.FormatFloat(float64(v.Float()), 'g', -1, 32)
	case parquet.Double:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	}
	return v.String()
}
