package cache

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// folders are the folders of a store that heal. disowned is not among them: its
// tombstones say which results may not return, so without them nothing is accepted.
var folders = []string{
	"damaged", "blobs", "blobs/sha256", "entries", "locks", "leases", "roots", "pins", "memo", "logs", "runs", "sealed", "evidence", "tmp", "trash",
}

// damagedFolder begins the names of files that stood in place of a folder, in the
// damaged folder.
const damagedFolder = "folder-"

// restoreFolders replaces what is no folder although the layout says so: a pipe, a
// device or a file. Reading and writing below it would fail until someone removes it.
func (s *Local) restoreFolders() {
	for _, name := range folders {
		s.restoreFolder(s.path(name))
	}
	names, _ := s.readNames(s.LogDir()) // what cannot be listed fails where it is used
	for _, name := range names {
		if isPrefixFolder(name) { // launchers write below it, and know no damage
			s.restoreFolder(s.path("logs", name))
		}
	}
}

// restoreFolder moves a file aside that stands in place of a folder. A folder that is
// missing stays so: it may be a link to a disk that is not mounted.
func (s *Local) restoreFolder(dir string) {
	if !s.isNoFolder(dir) {
		return
	}
	rel, err := filepath.Rel(s.dir, dir)
	if err != nil || strings.HasPrefix(rel, "disowned") {
		return
	}
	name := damagedFolder + strings.ReplaceAll(filepath.ToSlash(rel), "/", "-") + "." + rand.Text()[:8]
	aside := s.path("damaged", name)
	if rel == "damaged" {
		aside = s.path(name)
	}
	s.fs.MkdirAll(filepath.Dir(aside), 0o755)
	if s.fs.Rename(dir, aside) != nil {
		return // read-only, or another process was faster
	}
	if !s.isNoFolder(aside) { // another process restored the folder meanwhile
		s.fs.Rename(aside, dir)
		return
	}
	s.fs.MkdirAll(dir, 0o755)
	s.fs.Rename(aside, s.path("damaged", name))
	s.healed(fmt.Errorf("%s was not a folder; it was moved to %s", dir, s.path("damaged", name)))
}

// isNoFolder reports whether a name exists and is no folder.
func (s *Local) isNoFolder(name string) bool {
	info, err := s.fs.Stat(name)
	return err == nil && !info.IsDir()
}

// makeFolder creates a folder of the store, in place of whatever else has its name.
func (s *Local) makeFolder(dir string) error {
	err := s.fs.MkdirAll(dir, 0o755)
	if err == nil {
		return nil
	}
	rel, relErr := filepath.Rel(s.dir, dir)
	if relErr != nil {
		return err
	}
	at := s.dir
	for part := range strings.SplitSeq(rel, string(filepath.Separator)) {
		at = filepath.Join(at, part)
		s.restoreFolder(at)
	}
	return s.fs.MkdirAll(dir, 0o755)
}

// decides reports whether a file in the damaged folder stood in place of one that
// says what the store needs.
func decides(damaged string) bool {
	name, ok := strings.CutPrefix(damaged, damagedFolder)
	return ok && slices.ContainsFunc([]string{"roots", "pins", "sealed", "entries", "damaged"}, func(folder string) bool {
		return strings.HasPrefix(name, folder)
	})
}

// LostFolderError reports that a folder was replaced by something else, so that what
// it said is lost.
type LostFolderError struct {
	Path string // where what replaced it was moved
}

func (e *LostFolderError) Error() string {
	folder, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(e.Path), damagedFolder), ".")
	return fmt.Sprintf("the folder %s was lost, and with it what the store needs: run your studies, pin your results and push to this store again, then remove %s", folder, e.Path)
}

// isPrefixFolder reports whether a name is that of a folder for hashes with the same
// first two digits. Others, which file managers make, are no part of the store.
func isPrefixFolder(name string) bool {
	return len(name) == 2 && strings.Trim(name, "0123456789abcdef") == ""
}
