package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every change finds its place in the source, and the test that it names exists.
func TestChangesApply(t *testing.T) {
	const root = "../.."
	for _, c := range slices.Concat(mutations, refactorings) {
		source, err := os.ReadFile(filepath.Join(root, c.file))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !strings.Contains(string(source), c.old) {
			t.Errorf("%s: %s has no %q", c.name, c.file, c.old)
		}
		if c.test != "" && !hasTest(t, root, c.test) {
			t.Errorf("%s: there is no test %s", c.name, c.test)
		}
	}
}

// hasTest reports whether a package has a test that matches, both in one text as in
// the field test of a change.
func hasTest(t *testing.T, root, text string) bool {
	pkg, run, _ := strings.Cut(text, " ")
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func Test\w*` + strings.TrimPrefix(run, "Test"))
	return slices.ContainsFunc(files, func(name string) bool {
		source, err := os.ReadFile(name)
		return err == nil && declared.Match(source)
	})
}
