package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/text/unicode/norm"
)

// generated are the names of files and folders that editors and interpreters make
// by themselves. Like hidden ones they are left out, unless they are named.
var generated = []string{"__pycache__", "*~", "#*#"}

// errNotRegular refuses what cannot be read twice.
var errNotRegular = errors.New("it is a pipe, a socket or a device, and files are read more than once")

// Expand implements Sources. A folder stands for the files below it, through links
// to folders. In globs, ** matches any number of folders. Hidden files, and what
// editors, interpreters and ablate itself make, are left out where only a folder or a
// glob leads to them. exclude lists globs: one without a slash matches a name at any depth, another
// a path relative to the study's folder.
func (s Folder) Expand(pattern string, exclude ...string) ([]string, error) {
	if pattern == "" { // a variable that was set to nothing, rather than the study's folder
		return nil, errors.New("the name is empty")
	}
	for _, e := range exclude {
		if !doublestar.ValidatePattern(e) {
			return nil, fmt.Errorf("bad pattern %q in exclude", e)
		}
	}
	full := existingForm(s.resolve(pattern))
	info, err := os.Stat(full)
	switch {
	case err == nil && info.Mode().IsRegular():
		return []string{full}, nil
	case err == nil && info.IsDir():
		return s.walk(full, "", exclude)
	case err == nil:
		return nil, errNotRegular
	case !os.IsNotExist(err) && !errors.Is(err, syscall.ENOTDIR): // a glob below a file matches nothing
		return nil, err
	}
	if isLink(full) {
		return nil, errDangling(full)
	}
	return s.glob(pattern, exclude)
}

func errDangling(name string) error {
	return fmt.Errorf("%s is a link to a file that does not exist", name)
}

func isLink(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// unreadable names what cannot be read, which need not be what the pattern names.
func unreadable(name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// existingForm returns the Unicode form of a path that exists. The language
// normalizes its strings to NFC, and some systems store names in NFD.
func existingForm(name string) string {
	if _, err := os.Lstat(name); err != nil {
		if nfd := norm.NFD.String(name); nfd != name {
			if _, err := os.Lstat(nfd); err == nil {
				return nfd
			}
		}
	}
	return name
}

// glob lists the files that a pattern matches. Only the pattern is one: the study's
// folder may have any name.
func (s Folder) glob(pattern string, exclude []string) ([]string, error) {
	pattern = path.Clean(filepath.ToSlash(pattern))
	if !doublestar.ValidatePattern(pattern) {
		return nil, fmt.Errorf("bad pattern %q", pattern)
	}
	base, rest := doublestar.SplitPattern(pattern)
	dir := existingForm(s.resolve(filepath.FromSlash(base)))
	if info, err := os.Stat(dir); os.IsNotExist(err) || errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir() {
		return nil, nil
	}
	return s.walk(dir, rest, exclude)
}

// walk lists the files below a folder that match a glob; "" matches all of them.
func (s Folder) walk(dir, pattern string, exclude []string) ([]string, error) {
	w := walker{root: s.Dir, dir: dir, pattern: pattern, exclude: exclude}
	err := w.enter(dir, "", pattern == "")
	slices.Sort(w.found)
	return w.found, err
}

// walker lists files below a folder.
type walker struct {
	root    string // of excluded paths
	dir     string
	pattern string // relative to dir
	exclude []string

	open  []fs.FileInfo // the folder that is being read, and those it lies in
	found []string
}

// enter reads a folder. rel is its path below dir; all takes every file.
func (w *walker) enter(name, rel string, all bool) error {
	info, err := os.Stat(name)
	if err != nil {
		return unreadable(name, err)
	}
	if slices.ContainsFunc(w.open, func(above fs.FileInfo) bool { return os.SameFile(above, info) }) {
		return fmt.Errorf("%s is a link to a folder that contains it", name)
	}
	w.open = append(w.open, info)
	defer func() { w.open = w.open[:len(w.open)-1] }()
	entries, err := os.ReadDir(name)
	if err != nil {
		return unreadable(name, err)
	}
	for _, e := range entries {
		if err := w.visit(filepath.Join(name, e.Name()), path.Join(rel, e.Name()), all); err != nil {
			return err
		}
	}
	return nil
}

// visit takes a file that matches, or reads a folder in which one may.
func (w *walker) visit(name, rel string, all bool) error {
	if w.leavesOut(name, rel) {
		return nil
	}
	matches := all || match(w.pattern, rel)
	if !matches && !w.mayMatchBelow(rel) {
		return nil
	}
	info, err := os.Stat(name)
	switch {
	case err != nil && !matches && isLink(name):
		return nil // no folder
	case errors.Is(err, fs.ErrNotExist) && matches:
		return errDangling(name)
	case err != nil:
		return unreadable(name, err)
	case info.IsDir():
		return w.enter(name, rel, matches)
	case !matches:
		return nil
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %w", name, errNotRegular)
	case isOwn(w.root, name):
		return nil
	}
	w.found = append(w.found, name)
	return nil
}

// leavesOut reports whether a name is excluded, hidden or generated.
func (w *walker) leavesOut(name, rel string) bool {
	base := filepath.Base(name)
	below, err := filepath.Rel(w.root, name)
	for _, e := range w.exclude {
		if !strings.Contains(e, "/") && match(e, base) || err == nil && match(strings.TrimPrefix(e, "./"), filepath.ToSlash(below)) {
			return true
		}
	}
	if strings.HasPrefix(base, ".") && !strings.Contains("/"+w.pattern, "/.") { // the pattern .* names them
		return true
	}
	return slices.ContainsFunc(generated, func(g string) bool {
		return match(g, base) && !strings.Contains(w.pattern, strings.Trim(g, "*"))
	})
}

// mayMatchBelow reports whether a file below a folder may match. Without ** the
// number of folders is that of the pattern.
func (w *walker) mayMatchBelow(rel string) bool {
	return strings.Contains(w.pattern, "**") || strings.Count(rel, "/") < strings.Count(w.pattern, "/")
}

// match compares a path with a glob in the Unicode form that the language uses.
func match(pattern, name string) bool {
	ok, err := doublestar.Match(pattern, norm.NFC.String(name))
	return ok && err == nil
}
