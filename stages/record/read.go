package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Read yields the rows of the artifact Metrics. Rows whose metric skip reports
// are not decoded; skip may be nil.
func Read(r io.Reader, skip func(name []byte) bool) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for line, err := range Lines(r) {
			if err != nil {
				yield(Row{}, err)
				return
			}
			if name := nameOf(line.Text); skip != nil && name != nil && skip(name) {
				continue
			}
			var x Row
			if err := json.Unmarshal(line.Text, &x); !yield(x, err) || err != nil {
				return
			}
		}
	}
}

// nameOf finds a row's metric without decoding the row. It returns nil where the
// name has escapes.
func nameOf(line []byte) []byte {
	_, rest, ok := bytes.Cut(line, []byte(`"name":"`))
	name, _, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !closed || bytes.IndexByte(name, '\\') >= 0 {
		return nil
	}
	return name
}

// ReadAll reads all rows.
func ReadAll(r io.Reader) (rows []Row, err error) {
	for row, err := range Read(r, nil) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// MaxLine is the length of the longest line that is read, in bytes.
const MaxLine = 1 << 20

// Line is a line of a file with its number, which begins at 1.
type Line struct {
	Number int
	Text   []byte // valid until the next line is read
}

// Lines yields the lines of a file that are not blank. A line longer than MaxLine
// is an error: it is not read into memory.
func Lines(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, MaxLine)
		n := 0
		for lines.Scan() {
			n++
			text := bytes.TrimSpace(lines.Bytes())
			if n == 1 {
				text = bytes.TrimPrefix(text, byteOrderMark)
			}
			if len(text) > 0 && !yield(Line{n, text}, nil) {
				return
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(Line{Number: n + 1}, fmt.Errorf("line %d is longer than %d bytes", n+1, MaxLine))
		case err != nil:
			yield(Line{Number: n + 1}, err)
		}
	}
}

// byteOrderMark begins the files of some editors.
var byteOrderMark = []byte("\uFEFF")
