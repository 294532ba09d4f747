package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

// tableRow is one row of a table. It is valid until the next row is read.
type tableRow struct {
	number  int    // of its line, or of the row in a format without lines
	cells   []cell // parallel to the wanted columns
	broken  string // why it has no cells
	empty   bool   // it is a run that logged no metric, though its tracker says that it finished
	columns func() []string
}

// scanTable reads the wanted columns of a table. It knows the format by the
// content: the name of a file does not enter the key, so it must not decide.
func scanTable(r io.Reader, wanted []string, do func(tableRow) error) error {
	raw, done := buffered(r)
	defer done()
	if isParquet(raw) {
		return scanParquet(raw, wanted, do)
	}
	text, _, err := asText(raw)
	if err != nil {
		return err
	}
	defer text.Close()
	b, done := buffered(text)
	defer done()
	if isParquet(b) { // compressed as a whole
		return scanParquet(b, wanted, do)
	}
	head, err := b.Peek(256)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := refuseBinary(head); err != nil {
		return err
	}
	switch start := bytes.TrimLeft(head, " \t\r\n"); {
	case len(start) == 0:
		return errors.New("it is empty")
	case start[0] == '{' || start[0] == '[':
		return scanJSON(b, wanted, do)
	}
	return scanCSV(b, wanted, do)
}

// readers are reused: most tables of runs are much smaller than a buffer.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 1<<16) }}

// buffered reads through a buffer until done is called.
func buffered(r io.Reader) (b *bufio.Reader, done func()) {
	if b, ok := r.(*bufio.Reader); ok {
		return b, func() {}
	}
	b = readers.Get().(*bufio.Reader)
	b.Reset(r)
	return b, func() {
		b.Reset(nil)
		readers.Put(b)
	}
}

func isParquet(r *bufio.Reader) bool {
	head, _ := r.Peek(len(parquetMagic))
	return string(head) == parquetMagic
}

const parquetMagic = "PAR1"

// refuseBinary names formats that people try, so that no byte of them is read as
// text.
func refuseBinary(head []byte) error {
	switch format := formatOf(head); {
	case format != "":
		return fmt.Errorf("it is %s; write the table as CSV, JSON or Parquet, in UTF-8", format)
	case bytes.IndexByte(head, 0) >= 0:
		return errors.New("it is binary; write the table as CSV, JSON or Parquet")
	}
	return nil
}

// columnNames brings the names of columns into the normal form in which the
// language reads them, and refuses two of one name. Spreadsheets leave columns without
// a name behind, which no study can ask for.
func columnNames(names []string) ([]string, error) {
	out := make([]string, len(names))
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		out[i] = norm.NFC.String(name)
		if seen[out[i]] && out[i] != "" {
			return nil, fmt.Errorf("two of its columns are named %q", out[i])
		}
		seen[out[i]] = true
	}
	return out, nil
}

// columnList names the columns of a row in a message. A damaged file can have any
// number of them, of any length.
func columnList(row tableRow) string {
	const most, longest = 100, 80
	names := row.columns()
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	shown := make([]string, len(names))
	for i, name := range names {
		if shown[i] = name; len(name) > longest {
			shown[i] = strings.ToValidUTF8(name[:longest], "") + "…"
		}
	}
	return strings.Join(shown, ", ") + more
}

// positions says for each wanted column where it is among columns, or -1.
func positions(columns, wanted []string) []int {
	out := make([]int, len(wanted))
	for i, name := range wanted {
		out[i] = -1
		if name != "" {
			out[i] = slices.Index(columns, name)
		}
	}
	return out
}
