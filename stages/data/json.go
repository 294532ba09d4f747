package data

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"ablate/stages/record"
)

// scanJSON reads a table of JSON objects: one per line, or over several lines, or
// as members of a list.
func scanJSON(r *bufio.Reader, wanted []string, do func(tableRow) error) error {
	s := &objectScanner{in: r, line: 1}
	row := tableRow{cells: make([]cell, len(wanted))}
	var object map[string]any
	row.columns = func() []string {
		names := make([]string, 0, len(object))
		for name := range object {
			names = append(names, norm.NFC.String(name))
		}
		slices.Sort(names)
		return names
	}
	for {
		text, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		object = nil
		if err := record.Decode(text, &object); err != nil {
			return fmt.Errorf("line %d is not a JSON object: %w", s.began, err)
		}
		row.number = s.began
		for i, name := range wanted {
			row.cells[i] = jsonCell(object, name)
		}
		if err := do(row); err != nil {
			return err
		}
	}
}

// jsonCell reads one member of an object. As in the other formats, "" is no column.
func jsonCell(object map[string]any, name string) cell {
	if name == "" {
		return cell{}
	}
	v, ok := object[name]
	if !ok {
		v, ok = object[norm.NFD.String(name)]
	}
	if !ok {
		return cell{}
	}
	return valueCell(v)
}

// valueCell reads a value of JSON.
func valueCell(v any) cell {
	switch v := v.(type) {
	case nil:
		return cell{kind: null, text: "null"}
	case string:
		return cell{textual, v}
	case json.Number:
		return cell{numeric, v.String()}
	case bool:
		return cell{textual, fmt.Sprint(v)}
	}
	return cell{kind: composed}
}

// decodedCell reads the text of a value of JSON.
func decodedCell(text string) (cell, error) {
	var v any
	err := record.Decode([]byte(text), &v)
	return valueCell(v), err
}

// objectScanner finds the objects in a stream of JSON by their braces, so that
// values that JSON lacks, such as NaN, can be dealt with one object at a time.
type objectScanner struct {
	in    *bufio.Reader
	line  int // of the next byte, from 1
	began int // line of the last object
	text  []byte
}

// next returns the text of the next object, which is valid until the next call.
func (s *objectScanner) next() ([]byte, error) {
	for {
		b, err := s.byte()
		switch {
		case err != nil:
			return nil, err
		case b == '{':
			s.began = s.line
			return s.object()
		case strings.IndexByte(" \t\r\n,[]", b) < 0:
			return nil, fmt.Errorf("line %d is not a JSON object: it has %q where one should begin", s.line, b)
		}
	}
}

// object reads the rest of an object.
func (s *objectScanner) object() ([]byte, error) {
	s.text = append(s.text[:0], '{')
	depth, quoted := 1, false
	for depth > 0 {
		b, err := s.byte()
		if err != nil || len(s.text) > maxRecord {
			return nil, fmt.Errorf("line %d: a JSON object has no end", s.began)
		}
		s.text = append(s.text, b)
		switch {
		case quoted && b == '\\':
			if b, err = s.byte(); err == nil {
				s.text = append(s.text, b)
			}
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{':
			depth++
		case b == '}':
			depth--
		}
	}
	return s.text, nil
}

func (s *objectScanner) byte() (byte, error) {
	b, err := s.in.ReadByte()
	if b == '\n' {
		s.line++
	}
	return b, err
}
