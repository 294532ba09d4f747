package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// Tombstone says why an entry was disowned. Its result is refused from then
// on, wherever it comes from; the next run makes another one.
type Tombstone struct {
	Entry  Entry     `json:"entry"`
	Reason string    `json:"reason"`
	Time   time.Time `json:"time"`
}

func (s *Local) tombstonePath(k Key) string {
	hex := k.String()
	return s.path("disowned", hex[:2], hex+".json")
}

// Disown takes an entry out of the store and keeps a tombstone.
func (s *Local) Disown(e Entry, reason string, now time.Time) error {
	var list []Tombstone
	raw, err := afero.ReadFile(s.fs, s.tombstonePath(e.Key))
	if err == nil {
		err = json.Unmarshal(raw, &list)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the tombstones of %s: %w", e.Key, err)
	}
	if raw, err = json.Marshal(append(list, Tombstone{e, reason, now.UTC()})); err != nil {
		return err
	}
	// The tombstone first: a crash between leaves an entry that can be disowned
	// again, never one that is gone and comes back from a remote.
	if err := fsys.WriteAtomic(s.fs, s.tombstonePath(e.Key), raw); err != nil {
		return advise(fmt.Errorf("writing the tombstone: %w", err))
	}
	hex := e.Key.String()
	for _, name := range []string{s.entryPath(e.Key), s.path("sealed", hex[:2], hex), s.path("index")} {
		if err := s.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return advise(fmt.Errorf("removing the entry: %w", err))
		}
	}
	return nil
}

// Disowned reports whether an entry's result was disowned. Another result of
// the same key is another matter.
func (s *Local) Disowned(e Entry) bool {
	raw, err := afero.ReadFile(s.fs, s.tombstonePath(e.Key))
	var list []Tombstone
	if err != nil || json.Unmarshal(raw, &list) != nil {
		return false
	}
	for _, t := range list {
		if sameArtifacts(t.Entry, e) {
			return true
		}
	}
	return false
}

func sameArtifacts(a, b Entry) bool {
	if len(a.Artifacts) != len(b.Artifacts) {
		return false
	}
	for i := range a.Artifacts {
		if a.Artifacts[i].Name != b.Artifacts[i].Name || a.Artifacts[i].Digest != b.Artifacts[i].Digest {
			return false
		}
	}
	return true
}
