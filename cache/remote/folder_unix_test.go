//go:build unix

package remote

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ablate/cache/cachetest"
)

// What a user pushes to a folder is for all users of the folder, whatever their umask.
func TestFolderIsForItsUsers(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o775|fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	from, e := cachetest.Published(t, "shared")
	if _, err := connect(t, Options{URL: "file://" + dir}).Push(t.Context(), from, e, nil); err != nil {
		t.Fatal(err)
	}
	want := map[bool]fs.FileMode{true: fs.ModeDir | fs.ModeSetgid | 0o775, false: 0o644}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode() != want[d.IsDir()] {
			t.Errorf("%s has the mode %v, want %v", path, info.Mode(), want[d.IsDir()])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFolderSaysWhoDeniesAccess(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("the superuser may write everywhere")
	}
	dir := t.TempDir()
	r := connect(t, Options{URL: "file://" + dir})
	if err := os.Chmod(filepath.Join(dir, "tmp"), 0o500); err != nil {
		t.Fatal(err)
	}
	from, e := cachetest.Published(t, "shared")
	if _, err := r.Push(t.Context(), from, e, nil); err == nil || !strings.Contains(err.Error(), "access denied in "+dir) {
		t.Errorf("pushing: %v", err)
	}
}
