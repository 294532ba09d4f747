package cache

import (
	"fmt"
	"sync"
	"time"

	"ablate/cache/fsys"
)

// StatCache caches digests of the user's files by their stat data. Times only
// decide whether a file is read again; they never enter a key.
type StatCache struct {
	store *Local
	path  string
	now   func() time.Time

	mu      sync.Mutex
	known   map[string]statRecord
	changed bool
}

type statRecord struct {
	ID     fsys.ID `json:"id"`
	Digest Digest  `json:"digest"`
	Size   int64   `json:"size"`
}

// racyAge is the age below which a file's time stamps are not trusted: a second
// edit within the resolution of the clock would go unnoticed (git's rule).
const racyAge = 2 * time.Second

// StatCache loads the store's digests of source files. A damaged file is
// ignored.
func (s *Local) StatCache() *StatCache {
	c := &StatCache{store: s, path: s.path("memo", "sources.json"), now: time.Now}
	if s.readDocument(c.path, &c.known) != nil || c.known == nil {
		c.known = make(map[string]statRecord)
	}
	return c
}

// Digest returns the cached digest of a file, or computes it. variant separates
// digests of different views of one file.
func (c *StatCache) Digest(path, variant string, compute func() (Digest, int64, error)) (Digest, int64, error) {
	before, err := fsys.StatID(path)
	if err != nil {
		return Digest{}, 0, err
	}
	name := variant + ":" + path
	c.mu.Lock()
	r, ok := c.known[name]
	c.mu.Unlock()
	if ok && r.ID.Equal(before) {
		return r.Digest, r.Size, nil
	}
	d, size, err := compute()
	if err != nil {
		return Digest{}, 0, err
	}
	after, err := fsys.StatID(path)
	if err != nil {
		return Digest{}, 0, err
	}
	if !after.Equal(before) || c.now().Sub(after.MTime) < racyAge || c.now().Sub(after.CTime) < racyAge {
		return d, size, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[name] = statRecord{ID: after, Digest: d, Size: size}
	c.changed = true
	return d, size, nil
}

// Save writes new digests. Losing them only costs time.
func (c *StatCache) Save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed {
		return nil
	}
	c.changed = false
	if err := c.store.writeDocument(c.path, c.known); err != nil {
		return fmt.Errorf("writing digests of sources: %w", err)
	}
	return nil
}
