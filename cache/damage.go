package cache

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// DamagedError reports that a file of the store no longer holds what was
// written. The file was moved aside, so that it counts as absent from now on,
// unless it is InPlace.
type DamagedError struct {
	What, Path string
	Err        error
	InPlace    bool // it could not be moved, as in a store that is read-only
}

func (e *DamagedError) Error() string {
	then := "it was moved to the store's damaged folder and will be fetched or computed again"
	if e.InPlace {
		then = "it could not be moved out of the way: remove it, so that it is fetched or computed again"
	}
	return fmt.Sprintf("%s is damaged (%s): %v; %s", e.What, e.Path, e.Err, then)
}

// Unwrap returns what is wrong with the file.
func (e *DamagedError) Unwrap() error { return e.Err }

// IsLost reports whether an error says that a blob is missing or damaged.
func IsLost(err error) bool {
	var damaged *DamagedError
	return errors.Is(err, fs.ErrNotExist) || errors.As(err, &damaged)
}

// damagedEntry begins the names of damaged entries in the damaged folder. It
// keeps them apart from blobs: garbage collection must not treat the blobs of
// an entry that cannot be read as unused.
const damagedEntry = "entry-"

// quarantine moves a damaged file aside. A failure to do so changes nothing,
// because every read is verified again.
func (s *Local) quarantine(path, prefix string) (moved bool) {
	name := prefix + filepath.Base(path)
	if prefix != damagedEntry {
		name += "." + rand.Text()[:8] // the same blob may be damaged again
	}
	s.makeFolder(s.path("damaged"))
	s.fs.Rename(path, s.path("damaged", name))
	_, err := s.fs.Stat(path)
	return isAbsent(err) // also if another process was faster
}

// DamageCount is the number of damaged files that were moved aside, by any process.
func (s *Local) DamageCount() int {
	names, _ := s.readNames(s.path("damaged")) // unreadable is none
	return len(names)
}
