package ablate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ablate/hcl"
	"ablate/pipeline/graph"
	"ablate/stages"
)

// configuration matches a block of a configuration file.
var configuration = regexp.MustCompile(`^(?:cache|remote|trust|notify|executor) [^=\n]*\{\n`)

// Every study and every configuration in the docs loads and is in canonical layout.
func TestSnippets(t *testing.T) {
	found := 0
	for _, page := range pagesOfTheDocs(t) {
		for _, block := range codeBlocks(t, page) {
			switch {
			case block.language == "hcl":
				checkStudy(t, page, block.text)
			case configuration.MatchString(block.text):
				checkConfiguration(t, page, block.text)
			default:
				continue
			}
			found++
		}
	}
	if found < 20 {
		t.Errorf("only %d snippets found", found)
	}
}

// canonical checks the layout of a snippet.
func canonical(t *testing.T, page, text string) bool {
	t.Helper()
	formatted, diags := hcl.Format("study.hcl", []byte(text))
	if err := diags.Err(); err != nil {
		t.Errorf("%s: %v", page, err)
		return false
	}
	if string(formatted) != text {
		t.Errorf("%s: a snippet is not in canonical layout, want\n%s", page, formatted)
	}
	return true
}

func checkConfiguration(t *testing.T, page, text string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	canonical(t, page, text)
	if _, diags := hcl.ReadConfig(name); diags.Err() != nil {
		t.Errorf("%s: %v", page, diags.Err())
	}
}

func checkStudy(t *testing.T, page, text string) {
	t.Helper()
	if !canonical(t, page, text) {
		return
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

// filePath matches a path in backquotes: a file below the root, or a folder.
var filePath = regexp.MustCompile("`([a-zA-Z0-9_.-]+(?:/[a-zA-Z0-9_.-]+)*)`")

// Every file and package that ARCHITECTURE.md and CONTRIBUTING.md name exists.
func TestPathsInTheDocs(t *testing.T) {
	for _, page := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md"} {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range filePath.FindAllStringSubmatch(string(raw), -1) {
			if !strings.Contains(m[1], "/") && filepath.Ext(m[1]) != ".go" {
				continue // a word, or the name of a package
			}
			if strings.Contains(m[1], "NAME") || strings.HasPrefix(m[1], "hashicorp/") || strings.HasPrefix(m[1], "TestScripts") {
				continue
			}
			found++
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s names %s, which does not exist", page, m[1])
			}
		}
		if found < 10 {
			t.Errorf("only %d paths found in %s", found, page)
		}
	}
}

// toolPath matches a script, an example or a benchmark in prose, commands or links.
var toolPath = regexp.MustCompile(`(?:^|[\s\x60(./])((?:scripts|examples|bench)/[a-zA-Z0-9_./-]*[a-zA-Z0-9_])`)

// Every script, example and benchmark that a page names exists.
func TestToolsInTheDocs(t *testing.T) {
	found := 0
	for _, page := range pagesOfTheDocs(t) {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range toolPath.FindAllStringSubmatch(string(raw), -1) {
			found++
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s names %s, which does not exist", page, m[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d paths found", found)
	}
}

// Every test that ARCHITECTURE.md names exists.
func TestTestsInTheDocs(t *testing.T) {
	raw, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`(Test[A-Za-z]+)[^`]*` in `([a-z/_.]+)`").FindAllStringSubmatch(string(raw), -1) {
		files := []string{m[2]}
		if filepath.Ext(m[2]) == "" {
			files, _ = filepath.Glob(m[2] + "/*_test.go") // the pattern is well-formed
		}
		found := slices.ContainsFunc(files, func(name string) bool {
			source, err := os.ReadFile(name)
			return err == nil && strings.Contains(string(source), "func "+m[1]+"(")
		})
		if !found {
			t.Errorf("ARCHITECTURE.md names %s in %s, which does not exist", m[1], m[2])
		}
	}
}

// ARCHITECTURE.md has a row for every package, or for the folder that it is in.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	raw, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, "ablate/")
		if first, _, _ := strings.Cut(path, "/"); first == "bench" || first == "scripts" {
			continue
		}
		for !strings.Contains(string(raw), "`"+path+"`") {
			parent := filepath.Dir(path)
			if parent == "." || parent == "stages" || parent == "pipeline" || parent == "hcl" {
				t.Errorf("ARCHITECTURE.md does not name the package %s", p.ImportPath)
				break
			}
			path = parent
		}
	}
}

// The page of the language lists every function of expressions.
func TestFunctionsAreListed(t *testing.T) {
	page, err := os.ReadFile("docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| functions | of |")
	table, _, _ = strings.Cut(table, "\n\n")
	listed := []string{"env", "file"} // in sentences of their own
	for _, m := range regexp.MustCompile("(?m)^ *\\| `([a-z ]+)`").FindAllStringSubmatch(table, -1) {
		listed = append(listed, strings.Fields(m[1])...)
	}
	message := func(call string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte("locals {\n  a = "+call+"\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, diags := hcl.Load(hcl.Options{Dir: dir})
		return fmt.Sprint(diags)
	}
	for _, name := range listed {
		if text := message(name + "()"); strings.Contains(text, "There is no function") {
			t.Error(text)
		}
	}
	if text := message("no_such_function()"); !strings.Contains(text, fmt.Sprintf("and %d more", len(listed)-10)) {
		t.Errorf("docs/language.md lists %d functions, and a message says %s", len(listed), text)
	}
}
