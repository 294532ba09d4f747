package action

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ablate/pipeline/source"
)

// What is read is what was planned: other content is an error, and a file that
// the key does not hold cannot be read.
func TestPlannedSources(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.txt", "one")
	write("b.txt", "two")
	sources := newPlannedSources(source.Folder{Dir: dir})
	found, err := sources.Expand("*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if _, _, err := sources.Digest(path); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) error {
		r, err := sources.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.ReadAll(r)
		return err
	}
	write("b.txt", "TWO")
	write("c.txt", "three")
	if again, err := sources.Expand("*.txt"); err != nil || !slices.Equal(again, found) {
		t.Errorf("a second Expand finds %v, %v, want %v", again, err, found)
	}
	for name, want := range map[string]string{"a.txt": "", "b.txt": "changed since", "c.txt": "not part of the key"} {
		err := read(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("reading %s: %v, want %q", name, err, want)
		}
	}
	write("b.txt", "two, and more than was planned")
	if err := read("b.txt"); err == nil {
		t.Error("a longer file is read")
	}
	sources = newPlannedSources(sources)
	if again, err := sources.Expand("*.txt"); err != nil || len(again) != 3 {
		t.Errorf("a new description finds %v, %v", again, err)
	}
}
