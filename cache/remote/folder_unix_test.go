//go:build unix

package remote

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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
	r := connect(t, Options{URL: "file://" + dir})
	for _, empty := range []string{"ac", "cas", "tmp"} { // which a cleaner removes
		if err := os.Remove(filepath.Join(dir, empty)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Push(t.Context(), from, e, nil); err != nil {
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
	dir := t.TempDir()
	r := connect(t, Options{URL: "file://" + dir})
	if err := os.Chmod(filepath.Join(dir, "tmp"), 0o500); err != nil {
		t.Fatal(err)
	}
	from, e := cachetest.Published(t, "shared")
	_, err := r.Push(t.Context(), from, e, nil)
	if os.Getuid() == 0 { // permissions do not stop the superuser
		err = (&folder{dir: dir}).explain(fs.ErrPermission)
	}
	if err == nil || !strings.Contains(err.Error(), "access denied in "+dir) {
		t.Errorf("pushing: %v", err)
	}
}

func TestFolderLosesLeftovers(t *testing.T) {
	dir := t.TempDir()
	open := func() { connect(t, Options{URL: "file://" + dir}) }
	open()
	for name, age := range map[string]time.Duration{"killed": 25 * time.Hour, "running": time.Hour} {
		path := filepath.Join(dir, "tmp", name)
		at := time.Now().Add(-age)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	open()
	left, err := filepath.Glob(filepath.Join(dir, "tmp", "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "running" {
		t.Errorf("left are %v, %v, want the file of a running transfer", left, err)
	}
}
