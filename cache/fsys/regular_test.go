//go:build unix

package fsys_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ablate/cache/fsys"
)

func TestReadRegular(t *testing.T) {
	dir := t.TempDir()
	pipe, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(file, []byte("text"), 0o600), os.Symlink("/dev/zero", filepath.Join(dir, "zero"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, filepath.Join(dir, "zero"), dir} {
		if _, err := fsys.ReadRegular(name, 100); !errors.Is(err, fsys.ErrIrregular) {
			t.Errorf("%s: %v, want ErrIrregular", name, err)
		}
	}
	if raw, err := fsys.ReadRegular(file, 4); err != nil || string(raw) != "text" {
		t.Errorf("%q, %v", raw, err)
	}
	if _, err := fsys.ReadRegular(file, 3); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a file above the limit: %v", err)
	}
}
