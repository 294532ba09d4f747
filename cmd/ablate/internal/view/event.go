package view

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Event is one thing that a command reports: an object with --json, text without.
// Events are plain data. An event that is a resulter has text for stdout, one that
// is a remarker has text for stderr.
type Event interface {
	kind() string // the field "type" of the object
}

// resulter is an event whose text is part of the command's result.
type resulter interface{ text() string }

// remarker is an event whose text is a remark beside the result.
type remarker interface{ remark() string }

// fitter is a resulter that lays itself out for the width of a terminal.
type fitter interface{ fitted(width int) string }

// Show reports an event in the form that the user asked for.
func (v *View) Show(e Event) {
	if v.opts.JSON {
		v.object(e)
		return
	}
	width := v.columns(v.opts.Stdout)
	if r, ok := e.(fitter); ok && width > 0 {
		v.Document(r.fitted(width))
	} else if r, ok := e.(resulter); ok {
		v.Text(r.text())
	}
	if r, ok := e.(remarker); ok {
		if s := r.remark(); s != "" {
			v.Note("%s", s)
		}
	}
}

// Aside reports an event whose text is beside the result of this command: on stderr.
func (v *View) Aside(e interface {
	Event
	resulter
}) {
	if v.opts.JSON {
		v.object(e)
		return
	}
	v.Note("%s", strings.TrimSuffix(e.text(), "\n"))
}

// writeEvent writes an event as a line of JSON: its type, then its fields.
func writeEvent(w io.Writer, e Event) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(typed{e})
}

// typed encodes an event with its type as the first field.
type typed struct{ Event }

// MarshalJSON implements json.Marshaler.
func (o typed) MarshalJSON() ([]byte, error) {
	filled := reflect.New(reflect.TypeOf(o.Event)).Elem()
	filled.Set(reflect.ValueOf(o.Event))
	fillNil(filled)
	raw, err := plainJSON(filled.Interface())
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("{\"type\":%q", o.kind())
	if len(raw) > len("{}") {
		head += ","
	}
	return append([]byte(head), raw[1:]...), nil
}

// fillNil replaces nil slices and maps by empty ones, so that what the schema calls
// an array is never null. It changes what the struct itself holds, and nothing that
// it points to.
func fillNil(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		switch {
		case !f.CanSet():
		case f.Kind() == reflect.Struct && f.Type().PkgPath() != "time":
			if _, opaque := jsonLeaf(f.Type()); !opaque {
				fillNil(f)
			}
		case f.Kind() == reflect.Slice && f.IsNil() && f.Type() != rawMessage:
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		case f.Kind() == reflect.Map && f.IsNil():
			f.Set(reflect.MakeMap(f.Type()))
		}
	}
}
