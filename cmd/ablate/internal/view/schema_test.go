package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden schema of the current version")

// schemaText writes the schema one field a line: event, path, a question mark where
// the field may be absent, type. Two versions compare line by line.
func schemaText() string {
	var b strings.Builder
	for _, e := range Schema() {
		if len(e.Fields) == 0 {
			fmt.Fprintf(&b, "%s\n", e.Name)
		}
		for _, f := range e.Fields {
			mark := ""
			if f.Optional {
				mark = "?"
			}
			fmt.Fprintf(&b, "%s %s%s %s\n", e.Name, f.Path, mark, f.Type)
		}
	}
	return b.String()
}

// What --json prints is what the current version of the schema says.
func TestSchemaIsGolden(t *testing.T) {
	name := filepath.Join("testdata", "events-"+SchemaVersion+".txt")
	if *update {
		if err := os.WriteFile(name, []byte(schemaText()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("version %s has no golden schema: run the test with -update", SchemaVersion)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), schemaText()); diff != "" {
		t.Errorf("the schema changed; raise SchemaVersion, its major part if a line was removed, and run the test with -update (-want +got):\n%s", diff)
	}
}

// A minor version only adds fields and events. A field that may be absent may become one
// that is always there.
func TestMinorVersionsOnlyAdd(t *testing.T) {
	files, err := filepath.Glob("testdata/events-*.txt")
	if err != nil {
		t.Fatal(err)
	}
	current := strings.Split(schemaText(), "\n")
	major, _, _ := strings.Cut(SchemaVersion, ".")
	for _, file := range files {
		if !strings.HasPrefix(filepath.Base(file), "events-"+major+".") {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			line = strings.TrimSpace(line)
			if !slices.Contains(current, line) && !slices.Contains(current, strings.Replace(line, "? ", " ", 1)) {
				t.Errorf("%s has %q, and version %s does not", file, line, SchemaVersion)
			}
		}
	}
}

// Every type with a method kind is in the list that makes the schema.
func TestEveryEventIsPublished(t *testing.T) {
	var listed []string
	for _, p := range published {
		listed = append(listed, reflect.TypeOf(p.event).Name())
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != "kind" || f.Recv == nil {
				continue
			}
			found++
			if id, ok := f.Recv.List[0].Type.(*ast.Ident); !ok || !slices.Contains(listed, id.Name) {
				t.Errorf("%s: an event is missing in published: %v", name, f.Recv.List[0].Type)
			}
		}
	}
	if found < 30 {
		t.Errorf("found only %d events", found)
	}
}

// Every field of an event says what it means. The lines of export contrasts are
// described in docs/analysis.md.
func TestEveryFieldIsDescribed(t *testing.T) {
	for _, e := range Schema() {
		for _, f := range e.Fields {
			if f.Doc == "" && !strings.ContainsAny(f.Path, "[{") && !foreign(e.Name, f.Path) {
				t.Errorf("%s.%s has no description", e.Name, f.Path)
			}
		}
	}
}

// foreign reports fields of types of other packages, whose names explain themselves.
func foreign(event, path string) bool {
	if event == "contrast" {
		return true
	}
	for _, prefix := range []string{"entry.", "evidence.", "work.", "provenance."} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// An event has exactly the fields that the schema lists, with their types, even if
// nothing in it is set.
func TestEventsFollowTheSchema(t *testing.T) {
	docs := make(map[string]EventDoc)
	for _, d := range Schema() {
		docs[d.Name] = d
	}
	for _, p := range published {
		var b bytes.Buffer
		if err := writeEvent(&b, p.event); err != nil {
			t.Errorf("%T: %v", p.event, err)
			continue
		}
		var got map[string]any
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%T: %v", p.event, err)
		}
		name := got["type"].(string)
		delete(got, "type")
		if slices.ContainsFunc(docs[name].Fields, func(f FieldDoc) bool { return f.Path == "type" }) {
			t.Errorf("%s has a field type beside the type of the event", name)
		}
		for _, f := range docs[name].Fields {
			if strings.ContainsAny(f.Path, "[{") {
				continue
			}
			parent, field := got, f.Path
			if head, rest, nested := strings.Cut(f.Path, "."); nested && name != "build" {
				inner, ok := got[head].(map[string]any)
				if !ok {
					continue // an optional object that is absent
				}
				parent, field = inner, rest
				if strings.Contains(rest, ".") {
					continue
				}
			}
			v, ok := parent[field]
			if !ok && !f.Optional {
				t.Errorf("%s lacks %s", b.String(), f.Path)
			}
			if ok && !hasType(v, f.Type) {
				t.Errorf("%s of %s is %v, want %s", f.Path, name, v, f.Type)
			}
		}
		for field := range got {
			if !slices.ContainsFunc(docs[name].Fields, func(f FieldDoc) bool { return f.Path == field }) {
				t.Errorf("%s has a field %s that the schema lacks", name, field)
			}
		}
	}
}

func hasType(v any, want string) bool {
	if want, ok := strings.CutSuffix(want, " or null"); ok {
		return v == nil || hasType(v, want)
	}
	switch v := v.(type) {
	case nil:
		return want == "any"
	case string:
		return want == "string" || want == "any"
	case bool:
		return want == "boolean" || want == "any"
	case float64:
		return want == "number" || want == "integer" && v == float64(int(v)) || want == "any"
	case []any:
		return strings.HasPrefix(want, "array of ") || want == "any"
	case map[string]any:
		return strings.HasPrefix(want, "object") || want == "any"
	}
	return false
}
