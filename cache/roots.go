package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// Root records what a run needs: all keys that it planned and, until it ends, its copies
// of the files that the study declares.
type Root struct {
	Study string    `json:"study"`
	Dir   string    `json:"dir"`
	Time  time.Time `json:"time"`
	Keys  []Key     `json:"keys"`
	Files []Digest  `json:"files,omitempty"` // earlier versions wrote none
}

// KeySet returns the keys for lookups.
func (r Root) KeySet() map[Key]bool {
	set := make(map[Key]bool, len(r.Keys))
	for _, k := range r.Keys {
		set[k] = true
	}
	return set
}

// RootPath is the file that records a root.
func (s *Local) RootPath(study, dir string) string {
	return s.path("roots", DigestOf([]byte(study + "\x00" + dir)).Hex()[:16]+".json")
}

// PutRoot records a root. It replaces the one of the same study and folder.
func (s *Local) PutRoot(r Root) error {
	if err := s.writeDocument(s.RootPath(r.Study, r.Dir), r); err != nil {
		return fmt.Errorf("recording the run: %w", err)
	}
	return nil
}

// RootOf returns what the last run of a study in a folder needed; a study that
// never ran needs nothing.
func (s *Local) RootOf(study, dir string) (Root, error) {
	r := Root{Study: study, Dir: dir}
	err := s.readDocument(s.RootPath(study, dir), &r)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return r, err
}

// Roots lists the recorded roots, newest first. With an error for those that
// cannot be read it returns the others.
func (s *Local) Roots() ([]Root, error) {
	all, err := readDocuments[Root](s, "roots")
	slices.SortFunc(all, func(a, b Root) int { return b.Time.Compare(a.Time) })
	return all, err
}
