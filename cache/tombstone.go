package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Tombstone says why an entry was disowned. Its result is refused from then on,
// wherever it comes from; the next run computes the action again.
type Tombstone struct {
	Entry  Entry     `json:"entry"`
	Reason string    `json:"reason"`
	Time   time.Time `json:"time"`
	// All refuses every result that comes from elsewhere: a tombstone of the key
	// was damaged, and what it said is not known.
	All bool   `json:"all,omitempty"`
	Sum Digest `json:"sum,omitzero"` // of the tombstone without it; earlier versions wrote none
}

func (t Tombstone) sum() Digest {
	t.Sum = Digest{}
	raw, err := json.Marshal(t)
	if err != nil {
		panic("cache: a tombstone does not marshal: " + err.Error())
	}
	return DigestOf(raw)
}

// DisownedError reports that a result was disowned in this store.
type DisownedError struct {
	Key    Key
	Reason string
}

func (e *DisownedError) Error() string {
	return fmt.Sprintf("the result of %s was disowned here: %s", e.Key, e.Reason)
}

func (s *Local) tombstonePath(k Key) string {
	hex := k.String()
	return s.path("disowned", hex[:2], hex+".json")
}

// tombstones reads the tombstones of a key.
func (s *Local) tombstones(k Key) ([]Tombstone, error) {
	raw, err := s.readFile(s.tombstonePath(k))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Tombstone
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	for _, t := range list {
		if !t.Sum.IsZero() && t.Sum != t.sum() {
			return nil, errors.New("its checksum does not match")
		}
	}
	if len(list) == 0 {
		return nil, errors.New("it is empty")
	}
	return list, nil
}

// Disown removes an entry from the store and leaves a tombstone.
func (s *Local) Disown(e Entry, reason string, now time.Time) error {
	list, err := s.tombstones(e.Key)
	if isReadError(err) {
		return fmt.Errorf("reading an earlier tombstone: %w", err)
	}
	if err != nil {
		list = []Tombstone{{Entry: Entry{Key: e.Key}, Reason: "an earlier tombstone was damaged", Time: now.UTC(), All: true}}
	}
	list = append(list, Tombstone{Entry: e.Shared(), Reason: reason, Time: now.UTC()})
	for i := range list {
		list[i].Sum = list[i].sum()
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	// The tombstone comes first: a crash in between leaves an entry that can be
	// disowned again, never one that is gone and comes back from a remote.
	if err := s.writeFile(s.tombstonePath(e.Key), raw); err != nil {
		return advise(fmt.Errorf("writing the tombstone: %w", err))
	}
	hex := e.Key.String()
	for _, name := range []string{s.entryPath(e.Key), s.path("sealed", hex[:2], hex), s.path(indexName), s.path(legacyName)} {
		if err := s.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return advise(fmt.Errorf("removing the entry: %w", err))
		}
	}
	return nil
}

// Disowned returns a *DisownedError for an entry whose result was disowned. A
// tombstone that cannot be read refuses every result of its key.
func (s *Local) Disowned(e Entry) error {
	list, err := s.tombstones(e.Key)
	if err != nil {
		return &DisownedError{e.Key, fmt.Sprintf("its tombstone %s cannot be read (%v), so nothing is accepted", s.tombstonePath(e.Key), err)}
	}
	for _, t := range list {
		if t.All || t.Entry.SameArtifacts(e) {
			return &DisownedError{e.Key, t.Reason}
		}
	}
	return nil
}

// LastTombstone returns the newest tombstone of a key. ok is false if its result was
// never disowned, or if the tombstone cannot be read.
func (s *Local) LastTombstone(k Key) (t Tombstone, ok bool) {
	list, err := s.tombstones(k)
	if err != nil || len(list) == 0 {
		return Tombstone{}, false
	}
	return list[len(list)-1], true
}

// retracted reports whether an entry's result was disowned, and not confirmed here since.
func (s *Local) retracted(e Entry) bool { return s.Disowned(e) != nil && !s.reinstated(e) }

// reinstated reports whether an entry was computed here after its key was last
// disowned: the same result is then confirmed, not retracted.
func (s *Local) reinstated(e Entry) bool {
	if e.Origin != Computed {
		return false
	}
	last := s.lastDisowned(e.Key)
	return !last.IsZero() && e.Created.After(last)
}

// lastDisowned is when a key was last disowned; zero for never. Of a tombstone that
// cannot be read it is when its file was written.
func (s *Local) lastDisowned(k Key) (last time.Time) {
	list, err := s.tombstones(k)
	if err != nil {
		if info, err := s.fs.Stat(s.tombstonePath(k)); err == nil {
			last = info.ModTime()
		}
		return last
	}
	for _, t := range list {
		if t.Time.After(last) {
			last = t.Time
		}
	}
	return last
}

// disownedKeys lists the keys that have a tombstone.
func (s *Local) disownedKeys() (map[Key]bool, error) {
	dirs, err := s.readNames(s.path("disowned"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: no result is accepted, because a disowned one could return. Restore the folder from a copy; only if nothing was disowned, remove it", err)
	}
	keys := make(map[Key]bool)
	for _, dir := range dirs {
		if !isPrefixFolder(dir) {
			continue
		}
		names, err := s.readNames(s.path("disowned", dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: no result is accepted, because a disowned one could return. Restore the folder from a copy", err)
		}
		for _, name := range names {
			if k, err := ParseKey(strings.TrimSuffix(name, ".json")); err == nil {
				keys[k] = true
			}
		}
	}
	return keys, nil
}
