//go:build unix

package source_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ablate/pipeline/source"
)

// tree makes files, and links where a name has an arrow, in a folder whose name looks
// like a pattern.
func tree(t *testing.T, names ...string) source.Folder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lab [gpu]*")
	for _, name := range names {
		from, to, link := strings.Cut(name, " -> ")
		path := filepath.Join(dir, from)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil && link {
			err = os.Symlink(to, path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return source.Folder{Dir: dir}
}

func TestExpand(t *testing.T) {
	s := tree(t, "a.txt", "d/b.txt", "d/e/c.txt", "d/e/f/g.txt", "d/.hidden.txt", "d/.git/x.txt", "d/__pycache__/m.pyc", "d/b.txt~", "d/#b.txt#",
		"broken/a/h.txt", "broken/loop -> loop", "broken/gone -> nowhere", "link -> d/e", "other/in -> ../d", "cafe\u0301/n.txt", "d/e/log.csv")
	for name, c := range map[string]struct {
		pattern string
		exclude []string
		want    string
	}{
		"a file":                     {"a.txt", nil, "a.txt"},
		"a hidden file by its name":  {"d/.hidden.txt", nil, "d/.hidden.txt"},
		"a generated one likewise":   {"d/b.txt~", nil, "d/b.txt~"},
		"a glob of hidden files":     {"d/.*.txt", nil, "d/.hidden.txt"},
		"a folder":                   {"d", nil, "d/b.txt d/e/c.txt d/e/f/g.txt d/e/log.csv"},
		"a link to a folder":         {"link", nil, "link/c.txt link/f/g.txt link/log.csv"},
		"a folder with a link":       {"other", nil, "other/in/b.txt other/in/e/c.txt other/in/e/f/g.txt other/in/e/log.csv"},
		"one level":                  {"d/*.txt", nil, "d/b.txt"},
		"any number of levels":       {"d/**/*.txt", nil, "d/b.txt d/e/c.txt d/e/f/g.txt"},
		"any number from the top":    {"**/g.txt", nil, "d/e/f/g.txt link/f/g.txt other/in/e/f/g.txt"},
		"a glob that matches folder": {"d/e*", nil, "d/e/c.txt d/e/f/g.txt d/e/log.csv"},
		"alternatives":               {"d/e/*.{txt,csv}", nil, "d/e/c.txt d/e/log.csv"},
		"an excluded name":           {"d", []string{"*.csv"}, "d/b.txt d/e/c.txt d/e/f/g.txt"},
		"an excluded folder":         {"d", []string{"e"}, "d/b.txt"},
		"an excluded path":           {"d", []string{"d/e/**"}, "d/b.txt"},
		"another form of Unicode":    {"caf\u00e9/n.txt", nil, "cafe\u0301/n.txt"},
		"and of a glob":              {"caf\u00e9/*", nil, "cafe\u0301/n.txt"},
		"beside broken links":        {"broken/*/h.txt", nil, "broken/a/h.txt"},
		"nothing":                    {"x*", nil, ""},
		"nothing in a missing place": {"x/*", nil, ""},
		"a missing file":             {"x.txt", nil, ""},
	} {
		found, err := s.Expand(c.pattern, c.exclude...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, path := range found {
			found[i], _ = filepath.Rel(s.Dir, path)
		}
		if got := strings.Join(found, " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if !slices.IsSorted(found) {
			t.Errorf("%s: not sorted: %q", name, found)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	s := tree(t, "loop/a.txt", "loop/b/up -> ..", "dangling/a -> nowhere", "fifo/a.txt", "deep/a/b/c -> ../..", "self/a/b -> b")
	if err := syscall.Mkfifo(filepath.Join(s.Dir, "fifo", "pipe"), 0o600); err != nil {
		t.Skip(err)
	}
	for pattern, want := range map[string]string{
		"loop": "is a link to a folder that contains it", "loop/**": "is a link to a folder that contains it", "deep": "is a link to a folder that contains it",
		"dangling": "is a link to a file that does not exist", "dangling/*": "is a link to a file that does not exist", "dangling/a": "is a link to a file that does not exist",
		"self": "self/a/b: too many levels", "self/**": "self/a/b: too many levels", "self/a/b": "too many levels",
		"fifo": "pipe: it is a pipe, a socket or a device", "fifo/pipe": "it is a pipe", "[": "bad pattern", "": "the name is empty",
	} {
		if found, err := s.Expand(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %q", pattern, found, err, want)
		}
	}
	if found, err := s.Expand("fifo", "pipe"); err != nil || len(found) != 1 {
		t.Errorf("an excluded pipe: %v, %v", found, err)
	}
	if _, err := s.Expand("fifo", "["); err == nil {
		t.Error("a bad pattern in exclude is accepted")
	}
}
