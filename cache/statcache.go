package cache

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// StatCache remembers digests of the user's files by what stat says of them.
// Times only decide whether to read a file again; they never reach a key.
type StatCache struct {
	fs   fsys.FS
	path string
	now  func() time.Time

	mu      sync.Mutex
	known   map[string]statRecord
	changed bool
}

type statRecord struct {
	ID     fsys.ID `json:"id"`
	Digest Digest  `json:"digest"`
	Size   int64   `json:"size"`
}

// racy is how young a file must be for its time stamps not to be trusted: a
// second edit within the clock's grain would go unnoticed (git's rule).
const racy = 2 * time.Second

// StatCache loads the store's digests of source files. A damaged file of them
// is forgotten.
func (s *Local) StatCache() *StatCache {
	c := &StatCache{fs: s.fs, path: s.path("memo", "sources.json"), now: time.Now, known: make(map[string]statRecord)}
	if raw, err := afero.ReadFile(s.fs, c.path); err == nil {
		if json.Unmarshal(raw, &c.known) != nil {
			c.known = make(map[string]statRecord)
		}
	}
	return c
}

// Digest returns what is known of a file, or computes it. Variant tells apart
// digests of different views of the file.
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
	if !after.Equal(before) || c.now().Sub(after.MTime) < racy || c.now().Sub(after.CTime) < racy {
		return d, size, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[name] = statRecord{after, d, size}
	c.changed = true
	return d, size, nil
}

// Save writes what was learnt. Losing it costs time, nothing else.
func (c *StatCache) Save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed {
		return nil
	}
	raw, err := json.Marshal(c.known)
	if err != nil {
		return fmt.Errorf("writing digests of sources: %w", err)
	}
	c.changed = false
	return advise(fsys.WriteAtomic(c.fs, c.path, raw))
}
