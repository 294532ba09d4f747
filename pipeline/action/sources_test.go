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

// A large file is read by a goroutine of its own, and compared all the same.
func TestLargePlannedSource(t *testing.T) {
	name := filepath.Join(t.TempDir(), "large")
	content := make([]byte, largeSource+5)
	sources := newPlannedSources(source.Folder{})
	for _, last := range []byte{0, 1} {
		content[len(content)-1] = last
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := sources.Digest(name); err != nil {
			t.Fatal(err)
		}
		r, err := sources.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		switch changed := last != 0; {
		case !changed && (err != nil || int(n) != len(content)):
			t.Errorf("reading %d of %d bytes: %v", n, len(content), err)
		case changed && (err == nil || !strings.Contains(err.Error(), "changed since")):
			t.Errorf("reading other content: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
