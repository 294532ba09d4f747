package view

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// SchemaVersion is the version of what --json prints, as its first line says. A new
// event or field makes a new minor version. One that is removed, or whose type
// changes, makes a new major version.
const SchemaVersion = "1.6"

// EventDoc describes one type of event for programs and for docs/json.md.
type EventDoc struct {
	Name     string     `json:"name" doc:"the type of the event"`
	Commands string     `json:"commands" doc:"the commands that print it"`
	Doc      string     `json:"doc" doc:"what it says"`
	Fields   []FieldDoc `json:"fields" doc:"its fields, nested ones under their path"`
}

// FieldDoc describes one field of an event.
type FieldDoc struct {
	Path     string `json:"path" doc:"name; [] stands for each element of an array, {} for each value of an object"`
	Type     string `json:"json_type" doc:"JSON type"`
	Optional bool   `json:"optional" doc:"the field may be absent"`
	Doc      string `json:"doc" doc:"meaning"`
}

func (EventDoc) kind() string { return "event" }

func (e EventDoc) text() string { return fmt.Sprintf("%-20s %s\n", e.Name, e.Doc) }

// Schema lists the events that --json prints, sorted by name. Events of one name are
// listed once; a field that only some of them have is optional.
func Schema() []EventDoc {
	byName := make(map[string]*EventDoc)
	var names []string
	for _, p := range published {
		name := p.event.kind()
		fields := fieldsOf(reflect.TypeOf(p.event), "", nil)
		old := byName[name]
		if old == nil {
			byName[name] = &EventDoc{Name: name, Commands: p.commands, Doc: p.doc, Fields: fields}
			names = append(names, name)
			continue
		}
		old.Commands += ", " + p.commands
		old.Doc += " " + p.doc
		old.Fields = mergeFields(old.Fields, fields)
	}
	slices.Sort(names)
	out := make([]EventDoc, len(names))
	for i, name := range names {
		out[i] = *byName[name]
	}
	return out
}

// mergeFields unites the fields of two events of one name.
func mergeFields(a, b []FieldDoc) []FieldDoc {
	has := func(list []FieldDoc, path string) bool {
		return slices.ContainsFunc(list, func(f FieldDoc) bool { return f.Path == path })
	}
	var out []FieldDoc
	for _, f := range a {
		f.Optional = f.Optional || !has(b, f.Path)
		out = append(out, f)
	}
	for _, f := range b {
		if !has(a, f.Path) {
			f.Optional = true
			out = append(out, f)
		}
	}
	return out
}

// fieldsOf lists the JSON fields of a struct below a path. outer holds the structs
// that enclose it, because a type may contain itself.
func fieldsOf(t reflect.Type, prefix string, outer []reflect.Type) []FieldDoc {
	var out []FieldDoc
	outer = append(slices.Clone(outer), t)
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if !f.IsExported() || tag == "-" {
			continue
		}
		if f.Anonymous && tag == "" {
			out = append(out, fieldsOf(f.Type, prefix, outer)...)
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" {
			name = f.Name
		}
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		field := FieldDoc{Path: prefix + name, Optional: optional, Doc: f.Tag.Get("doc")}
		var below []FieldDoc
		field.Type, below = jsonType(f.Type, field.Path, outer)
		if f.Type.Kind() == reflect.Pointer && !optional {
			field.Type += " or null"
		}
		out = append(append(out, field), below...)
	}
	return out
}

// jsonType names the JSON type of a Go type and lists the fields below it.
func jsonType(t reflect.Type, path string, outer []reflect.Type) (name string, below []FieldDoc) {
	if name, ok := jsonLeaf(t); ok {
		return name, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return jsonType(t.Elem(), path, outer)
	case reflect.Slice, reflect.Array:
		name, below = jsonType(t.Elem(), path+"[]", outer)
		return "array of " + name, below
	case reflect.Map:
		name, below = jsonType(t.Elem(), path+"{}", outer)
		return "object of " + name, below
	case reflect.Struct:
		if slices.Contains(outer, t) {
			return "object like the one that encloses it", nil
		}
		return "object", fieldsOf(t, path+".", outer)
	}
	panic("view: no JSON type for " + t.String())
}

var (
	rawMessage    = reflect.TypeFor[json.RawMessage]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
)

// jsonLeaf names the JSON type of a Go type whose parts the schema does not list.
func jsonLeaf(t reflect.Type) (string, bool) {
	switch {
	case t == rawMessage, t.Kind() == reflect.Interface:
		return "any", true
	case t.Implements(textMarshaler):
		return "string", true
	case t.Implements(jsonMarshaler) && t.Kind() != reflect.Pointer:
		return "any", true
	}
	switch t.Kind() {
	case reflect.String:
		return "string", true
	case reflect.Bool:
		return "boolean", true
	case reflect.Int, reflect.Int64, reflect.Int32:
		return "integer", true
	case reflect.Float64:
		return "number", true
	}
	return "", false
}

// SchemaMarkdown writes docs/json.md.
func SchemaMarkdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, schemaHead, SchemaVersion, SchemaVersion)
	tables := make(repeated)
	for _, e := range Schema() {
		fmt.Fprintf(&b, "\n## %s\n\n%s Printed by %s.\n", e.Name, e.Doc, e.Commands)
		if len(e.Fields) == 0 {
			continue
		}
		var rows strings.Builder
		for _, f := range e.Fields {
			typ := f.Type
			if f.Optional {
				typ += ", optional"
			}
			fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", f.Path, typ, f.Doc)
		}
		if first, ok := tables.before(e.Name, rows.String()); ok {
			fmt.Fprintf(&b, "\nIts fields are those of `%s`.\n", first)
			continue
		}
		b.WriteString("\n| field | type | meaning |\n|---|---|---|\n" + rows.String())
	}
	return b.String()
}

const schemaHead = `# What --json prints

With ` + "`--json`" + ` every command prints one JSON object a line on stdout, and nothing else.
The first line is ` + "`" + `{"type":"version","ui":"%s"}` + "`" + `; every line has a field ` + "`type`" + `, which is one
of the headings below. A command that has nothing to report prints nothing. Remarks for people
go to stderr. Help and completion scripts are text all the same, and ` + "`export trials`" + ` and
` + "`export metrics`" + ` without ` + "`--to`" + ` print their rows alone.

This page describes version %s. A new event or field raises the minor version, so
programs should ignore what they do not know. A field that is removed, or that changes
its type, raises the major version. The page is printed by ` + "`ablate metadata --events --markdown`" + `;
a test keeps it current.

In a path, ` + "`[]`" + ` stands for each element of an array and ` + "`{}`" + ` for each value of an object.
`
