//go:build unix

package hcl_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ablate/hcl"
)

// Files that are not regular are refused, wherever they are read.
func TestSpecialFiles(t *testing.T) {
	for _, name := range []string{"study.hcl", "study.hclvars", "a.auto.hclvars", "text"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(local(`file("text")`)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: testKinds()}); !strings.Contains(render(diags), "it is a named pipe, not a regular file") {
			t.Errorf("%s: Load reports %s", name, render(diags))
		}
	}
}

// A link to nowhere is an error, also for the variables file that need not exist.
func TestDanglingLinks(t *testing.T) {
	for _, name := range []string{"study.hcl", "study.hclvars", "a.auto.hclvars"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(local("1")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("nowhere", filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: testKinds()}); !strings.Contains(render(diags), "Cannot read "+name) {
			t.Errorf("%s: Load reports %s", name, render(diags))
		}
	}
}
