package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Fault is a blob of an entry that is damaged, unreadable or missing.
type Fault struct {
	Entry    Entry
	Artifact string // or ingredients, provenance
	Digest   Digest
	Err      error
	Missing  bool // damaged or unreadable otherwise
	Evicted  bool // missing because it may have been evicted or never pulled, which is no damage
}

// Verify reads every blob that the given entries name and calls f for what is
// damaged, unreadable or missing. Damaged blobs are moved aside. All faults are
// found in one pass.
func (s *Local) Verify(ctx context.Context, entries []Entry, f func(Fault)) (checked int, err error) {
	results := make(map[Digest]error)
	for _, e := range entries {
		for _, a := range e.Blobs() {
			if err := ctx.Err(); err != nil {
				return checked, context.Cause(ctx)
			}
			err, seen := results[a.Digest]
			if !seen {
				checked++
				err = s.verifyBlob(ctx, a.Digest)
				results[a.Digest] = err
			}
			if err == nil {
				continue
			}
			missing := errors.Is(err, fs.ErrNotExist)
			f(Fault{Entry: e, Artifact: a.Name, Digest: a.Digest, Err: err, Missing: missing,
				Evicted: missing && (e.Block == StateBlock || !e.isDocument(a.Digest) && s.Retention(e, a) != Keep)})
		}
	}
	return checked, nil
}

func (e Entry) isDocument(d Digest) bool { return d == e.Ingredients || d == e.Provenance }

func (s *Local) verifyBlob(ctx context.Context, d Digest) error {
	r, err := s.Open(ctx, d)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// Reindex reads every entry's file and writes the index anew. Files that are
// damaged or missing are restored from the index where it has a copy. lost
// lists the damaged entries for which it has none, and lost folders.
func (s *Local) Reindex(ctx context.Context) (lost []error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dirs, err := s.readNames(s.path("entries"))
	if err != nil {
		return nil, unread(err)
	}
	for _, dir := range dirs {
		if isPrefixFolder(dir) {
			s.restoreFolder(s.path("entries", dir))
		}
	}
	if err := s.refresh(ctx); err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	disowned, err := s.disownedKeys()
	if err != nil {
		return nil, err
	}
	for k, e := range s.index.entries {
		if _, err := s.fs.Stat(s.entryPath(k)); errors.Is(err, fs.ErrNotExist) && !disowned[k] {
			if err := s.writeFile(s.entryPath(k), EncodeEntry(*e)); err != nil && !unwritable(err) {
				return nil, advise(err)
			}
		}
	}
	all, doubts := s.entryFiles()
	if len(doubts) > 0 {
		return nil, doubts[0]
	}
	read := make(map[Key]bool, len(all))
	for _, e := range all {
		read[e.Key] = true
	}
	return s.unreadableEntries(read), s.rebuild(ctx)
}
