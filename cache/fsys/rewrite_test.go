//go:build unix

package fsys_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ablate/cache/fsys"
)

// A file of the user keeps its mode and the links to it, and nothing beside it is
// touched.
func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	file, link, other := filepath.Join(dir, "real", "file"), filepath.Join(dir, "link"), filepath.Join(dir, "real", "file.tmp")
	err := errors.Join(os.Mkdir(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("old"), 0o600), os.Chmod(file, 0o664),
		os.WriteFile(other, []byte("other"), 0o600), os.Symlink(filepath.Join("real", "file"), link), fsys.Rewrite(link, []byte("new")))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{file: "new", link: "new", other: "other"} {
		if raw, err := os.ReadFile(name); err != nil || string(raw) != want {
			t.Errorf("%s = %q, %v, want %q", name, raw, err, want)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o664 {
		t.Errorf("the mode is %v, %v, want 0664", info.Mode(), err)
	}
	if at, err := os.Readlink(link); err != nil || at != filepath.Join("real", "file") {
		t.Errorf("the link leads to %s, %v", at, err)
	}
	if err := fsys.Rewrite(filepath.Join(dir, "new"), []byte("new")); err != nil {
		t.Errorf("a file that does not exist yet: %v", err)
	}
}
