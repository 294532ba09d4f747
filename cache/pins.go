package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Pin protects an entry from garbage collection. An entry has a pin for each of those
// that were pinned and depend on it.
type Pin struct {
	Key     Key       `json:"key"`
	For     Key       `json:"for,omitzero"`    // the entry that was pinned; earlier versions wrote none
	Study   string    `json:"study,omitempty"` // of the address; earlier versions wrote none
	Address string    `json:"address"`
	Time    time.Time `json:"time"`
}

func (s *Local) pinPath(p Pin) string {
	name := p.Key.String()
	if !p.For.IsZero() {
		name += "." + p.For.String()
	}
	return s.path("pins", name+".json")
}

// AddPin pins an entry.
func (s *Local) AddPin(p Pin) error { return s.writeDocument(s.pinPath(p), p) }

// Unpin removes some pins. free are those of what no other pin protects.
func (s *Local) Unpin(which func(Pin) bool) (free []Pin, err error) {
	pins, err := s.Pins()
	if err != nil {
		return nil, err
	}
	listed := make(map[Key]bool) // and those that another pin protects
	var removed []Pin
	for _, p := range pins {
		if !which(p) {
			listed[p.Key] = true
			continue
		}
		if err := s.fs.Remove(s.pinPath(p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, advise(fmt.Errorf("removing a pin: %w", err))
		}
		removed = append(removed, p)
	}
	for _, p := range removed {
		if !listed[p.Key] {
			listed[p.Key] = true
			free = append(free, p)
		}
	}
	return free, nil
}

// Pins lists the pins, oldest first.
func (s *Local) Pins() ([]Pin, error) {
	var out []Pin
	err := s.readDocuments("pins", func(raw []byte) error {
		var p Pin
		if err := json.Unmarshal(raw, &p); err != nil {
			return err
		}
		out = append(out, p)
		return nil
	})
	slices.SortStableFunc(out, func(a, b Pin) int { return a.Time.Compare(b.Time) })
	return out, err
}

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
	path := s.RootPath(study, dir)
	raw, err := s.readFile(path, maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		raw, err = checkDocument(raw)
	}
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		err = fmt.Errorf("%s cannot be read: %w", path, err)
	}
	return r, err
}

// Roots lists the recorded roots, newest first. With an error for those that
// cannot be read it returns the others.
func (s *Local) Roots() ([]Root, error) {
	var out []Root
	err := s.readDocuments("roots", func(raw []byte) error {
		var r Root
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		out = append(out, r)
		return nil
	})
	slices.SortFunc(out, func(a, b Root) int { return b.Time.Compare(a.Time) })
	return out, err
}

// sumField ends a document: the digest of the rest, as JSON that earlier
// versions skip.
const sumField = `,"sum":"`

// writeDocument writes a document with its digest.
func (s *Local) writeDocument(name string, doc any) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	sealed := fmt.Appendf(nil, `%s%s%s"}`, raw[:len(raw)-1], sumField, DigestOf(raw))
	return advise(s.writeFile(name, sealed))
}

// checkDocument returns a document without its digest, and an error if that
// does not match. Earlier versions wrote none.
func checkDocument(raw []byte) ([]byte, error) {
	body, rest, ok := strings.Cut(string(raw), sumField)
	if !ok {
		return raw, nil
	}
	body += "}"
	if DigestOf([]byte(body)).String()+`"}` != rest {
		return nil, errors.New("its digest does not match")
	}
	return []byte(body), nil
}

// readDocuments calls f for each document of a folder. The error names those
// that cannot be read; the others are read all the same.
func (s *Local) readDocuments(dir string, f func(raw []byte) error) error {
	names, err := s.readNames(s.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	slices.Sort(names)
	for _, name := range names {
		if !strings.HasSuffix(name, ".json") || strings.HasPrefix(name, ".") {
			continue
		}
		raw, e := s.readFile(s.path(dir, name), maxDocument)
		if errors.Is(e, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if e == nil {
			raw, e = checkDocument(raw)
		}
		if e == nil {
			e = f(raw)
		}
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s cannot be read: %w", s.path(dir, name), e))
		}
	}
	return err
}
