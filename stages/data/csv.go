package data

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxRecord is the size of the largest row that is read, in bytes.
const maxRecord = 16 << 20

// scanCSV reads a table with a head line. Of comma, tab and semicolon, the
// separator is the one by which the head has most of the wanted columns.
func scanCSV(r *bufio.Reader, wanted []string, do func(tableRow) error) error {
	c := &csvReader{in: r, line: 1}
	head, err := c.head(wanted)
	if err != nil {
		return err
	}
	at := positions(head, wanted)
	row := tableRow{cells: make([]cell, len(wanted)), columns: func() []string { return head }}
	for {
		fields, err := c.record()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		row.number, row.broken = c.began, ""
		if len(fields) != len(head) {
			row.broken = fmt.Sprintf("it has %d fields, but the head line has %d", len(fields), len(head))
		} else {
			for i, p := range at {
				row.cells[i] = cell{}
				if p >= 0 {
					row.cells[i] = fields[p]
				}
			}
		}
		if err := do(row); err != nil {
			return err
		}
	}
}

// csvReader reads records as RFC 4180 has them. The standard library's reader does
// not tell "" from nothing, which is a text and no value, and does not bound the
// size of a record.
type csvReader struct {
	in        *bufio.Reader
	separator byte
	line      int // of the next byte, from 1
	began     int // line of the last record
	fields    []cell
	text      []byte
}

// head reads the head line, and decides on the separator.
func (c *csvReader) head(wanted []string) ([]string, error) {
	var line []byte
	for len(strings.TrimSpace(string(line))) == 0 {
		var err error
		if line, err = c.headLine(); err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
			return nil, err
		}
		c.line++
	}
	var best []string
	var wrong error // of the first separator by which the line is no record
	most := -1
	for _, separator := range []byte{',', '\t', ';'} {
		h := &csvReader{in: bufio.NewReader(strings.NewReader(string(line))), separator: separator, line: c.line - 1}
		fields, err := h.record()
		if err != nil {
			wrong = cmp.Or(wrong, err)
			continue
		}
		names := make([]string, len(fields))
		for i, f := range fields {
			names[i] = strings.TrimSpace(f.text)
		}
		score := len(names)
		for _, p := range positions(names, wanted) {
			if p >= 0 {
				score += 1000
			}
		}
		if score > most {
			best, most, c.separator = names, score, separator
		}
	}
	if most < 0 {
		return nil, wrong
	}
	return columnNames(best)
}

// headLine reads a line. A longer one than maxRecord is not read into memory.
func (c *csvReader) headLine() (line []byte, err error) {
	for {
		part, err := c.in.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxRecord {
			return nil, fmt.Errorf("its head line is longer than %d bytes", maxRecord)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// record reads one record. Empty lines are passed over.
func (c *csvReader) record() ([]cell, error) {
	for {
		c.fields, c.began = c.fields[:0], c.line
		size := 0
		for more := true; more; {
			f, n, next, err := c.field()
			if errors.Is(err, io.EOF) && (len(c.fields) > 0 || n > 0) {
				err = nil
			}
			if err != nil {
				return nil, err
			}
			c.fields = append(c.fields, f)
			if size += n; size > maxRecord {
				return nil, fmt.Errorf("line %d: a row is longer than %d bytes", c.began, maxRecord)
			}
			more = next
		}
		if len(c.fields) > 1 || c.fields[0].text != "" || c.fields[0].kind == textual {
			return c.fields, nil
		}
	}
}

// field reads one field of size bytes. more is true if another one follows it on
// its line.
func (c *csvReader) field() (f cell, size int, more bool, err error) {
	c.text = c.text[:0]
	b, err := c.skipSpace()
	if err != nil {
		return cell{kind: null}, 0, false, err
	}
	if b == '"' {
		return c.quoted()
	}
	for ; ; b, err = c.in.ReadByte() {
		size++
		switch {
		case err == nil && b != c.separator && b != '\n' && size <= maxRecord:
			c.text = append(c.text, b)
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return cell{}, size, false, err
		case err == nil && b == '\n':
			c.line++
		}
		text := strings.TrimRight(string(c.text), " \t\r")
		if text == "" {
			return cell{kind: null}, size, err == nil && b == c.separator, nil
		}
		return cell{textual, text}, size, err == nil && b == c.separator, nil
	}
}

// skipSpace returns the first byte that is not a space.
func (c *csvReader) skipSpace() (b byte, err error) {
	for {
		if b, err = c.in.ReadByte(); err != nil || b != ' ' {
			return b, err
		}
	}
}

// quoted reads the rest of a field in quotes, in which two quotes are one.
func (c *csvReader) quoted() (f cell, size int, more bool, err error) {
	for size = 1; ; size++ {
		b, err := c.in.ReadByte()
		if err != nil || size > maxRecord {
			return cell{}, size, false, fmt.Errorf("line %d: a quoted field has no end", c.began)
		}
		if b == '\n' {
			c.line++
		}
		if b != '"' {
			c.text = append(c.text, b)
			continue
		}
		if next, err := c.in.Peek(1); err == nil && next[0] == '"' {
			c.in.Discard(1)
			c.text = append(c.text, '"')
			continue
		}
		more, err := c.afterQuote()
		return cell{textual, string(c.text)}, size, more, err
	}
}

// afterQuote reads up to the separator or the end of the line.
func (c *csvReader) afterQuote() (more bool, err error) {
	for {
		b, err := c.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		case b == c.separator:
			return true, nil
		case b == '\n':
			c.line++
			return false, nil
		case b != ' ' && b != '\t' && b != '\r':
			return false, fmt.Errorf("line %d: there is text behind a closing quote", c.began)
		}
	}
}
