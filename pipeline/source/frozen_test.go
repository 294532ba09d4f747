package source_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/pipeline"
	"ablate/pipeline/source"
)

// TestFreezeExcluding freezes a folder without what the stage excludes: a file that is
// added or edited afterwards does not show.
func TestFreezeExcluding(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program, left := write("a.py", "1"), write("old.bak", "2")
	folder := source.Folder{Dir: dir}
	f, err := source.Freeze(t.Context(), cachetest.Memory(t), folder, pipeline.FilesOf([]string{"."}, "*.bak"))
	if err != nil {
		t.Fatal(err)
	}
	write("a.py", "3")
	added := write("b.py", "4")
	if got, err := f.Expand(".", "*.bak"); err != nil || !slices.Equal(got, []string{program}) {
		t.Errorf("Expand = %v, %v, want the file of before", got, err)
	}
	if d, _, err := f.Digest(program); err != nil || d != cache.DigestOf([]byte("1")) {
		t.Errorf("Digest = %v, %v, want that of the first content", d, err)
	}
	if got := f.Only(pipeline.FilesOf([]string{"."}, "*.bak")); len(got.Files) != 1 {
		t.Errorf("Only = %v, want one file", got)
	}
	// Without the exclusion it is another declaration, which was not frozen.
	if got, err := f.Expand("."); err != nil || !slices.Equal(got, []string{program, added, left}) {
		t.Errorf("Expand without exclusion = %v, %v", got, err)
	}
}

// checkpointing is a database whose log is moved into it when the log is read.
type checkpointing struct {
	source.Folder
	t *testing.T
}

func (c checkpointing) Open(path string) (io.ReadCloser, error) {
	if log := filepath.Join(c.Dir, "x.db-wal"); path == log {
		if err := os.WriteFile(filepath.Join(c.Dir, "x.db"), []byte("old new"), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	return c.Folder.Open(path)
}

// A database and its log are copied as they were at one moment.
func TestFreezeDatabaseInUse(t *testing.T) {
	for _, patterns := range [][]string{{"x.db", "x.db-wal"}, {"."}} {
		dir := t.TempDir()
		for name, text := range map[string]string{"x.db": "old", "x.db-wal": "new", "y-z": "other"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		folder := source.Folder{Dir: dir}
		if _, err := source.Freeze(t.Context(), cachetest.Memory(t), folder, pipeline.FilesOf(patterns)); err != nil {
			t.Errorf("%v: %v", patterns, err)
		}
		_, err := source.Freeze(t.Context(), cachetest.Memory(t), checkpointing{folder, t}, pipeline.FilesOf(patterns))
		if err == nil || !strings.Contains(err.Error(), "x.db into the store: it changed while x.db-wal was copied: run again") {
			t.Errorf("%v, with a checkpoint: %v", patterns, err)
		}
	}
}
