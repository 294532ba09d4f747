package ablate_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ablate/hcl"
	"ablate/pipeline/graph"
	"ablate/stages"
)

var snippet = regexp.MustCompile("(?s)```hcl\n(.*?)```")

// Every study in the docs loads, and stands in canonical layout.
func TestSnippetsInTheDocs(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("examples/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(append(pages, examples...), "README.md") {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range snippet.FindAllStringSubmatch(string(raw), -1) {
			found++
			checkStudy(t, page, m[1])
		}
	}
	if found < 2 {
		t.Errorf("only %d snippets found", found)
	}
}

func checkStudy(t *testing.T, page, text string) {
	t.Helper()
	formatted, diags := hcl.Format("study.hcl", []byte(text))
	if err := diags.Err(); err != nil {
		t.Errorf("%s: %v", page, err)
		return
	}
	if string(formatted) != text {
		t.Errorf("%s: a study is not in canonical layout; want\n%s", page, formatted)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var vars []hcl.Var
	if strings.Contains(text, `variable "corpus"`) {
		vars = append(vars, hcl.Var{Name: "corpus", Value: "corpus.txt"})
	}
	study, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: graph.LanguageKinds(stages.All()), Vars: vars})
	if err := diags.Err(); err != nil {
		t.Errorf("%s: %v", page, err)
		return
	}
	_, diags = graph.Build(study, stages.All())
	if err := diags.Err(); err != nil {
		t.Errorf("%s: %v", page, err)
	}
}
