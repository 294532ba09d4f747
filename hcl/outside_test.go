package hcl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/hcl"
)

// A study reads files of its own folder only, unless the user trusts it: what it reads
// may become part of an address from which it fetches.
func TestFileReadsTheStudysFolder(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "study")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secret", "study/own", "study/sub/own"} {
		if err := os.WriteFile(filepath.Join(parent, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"out": filepath.Join(parent, "secret"), "in": "sub/own", "up": parent} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for path, outside := range map[string]bool{
		"own": false, "sub/../own": false, "in": false, filepath.Join(dir, "own"): false,
		"../secret": true, filepath.Join(parent, "secret"): true, "out": true, "up/secret": true, "up/study/own": false,
	} {
		text := fmt.Sprintf("locals {\n  a = file(%q)\n}\n", path)
		if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: testKinds()})
		if refused := strings.Contains(render(diags), "is not in the study's folder"); refused != outside || diags.HasErrors() != outside {
			t.Errorf("file(%q) reports %q", path, render(diags))
		}
		if _, diags = hcl.Load(hcl.Options{Dir: dir, Kinds: testKinds(), Outside: true}); diags.HasErrors() {
			t.Errorf("file(%q) in a trusted folder reports %q", path, render(diags))
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte("locals {\n  a = file(\"/dev/zero\")\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, diags := hcl.Load(hcl.Options{Dir: dir, Kinds: testKinds(), Outside: true}); !strings.Contains(render(diags), "a device, not a regular file") {
		t.Errorf("a device is reported as %q", render(diags))
	}
}
