package cache

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Lookup implements Store.
func (s *Local) Lookup(ctx context.Context, keys ...Key) ([]Found, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(ctx); err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	disowned, err := s.disownedKeys()
	if err != nil {
		return nil, fmt.Errorf("reading which results were disowned: %w", err)
	}
	out := make([]Found, len(keys))
	var uncertain []int // of keys
	for i, k := range keys {
		e, ok := s.index.entries[k]
		if !ok || disowned[k] {
			uncertain = append(uncertain, i)
		} else {
			out[i] = Found{OK: true, Entry: e}
		}
	}
	if err := s.readEntries(ctx, keys, uncertain, disowned, out); err != nil {
		return nil, err
	}
	if err := s.findAbsent(out); err != nil {
		return nil, err
	}
	return out, s.rereadStale(ctx, out)
}

// readEntries sets what was found for the keys at some places, from the files of
// their entries. A crash, or another version, may have kept them out of the index.
// The caller holds mu.
func (s *Local) readEntries(ctx context.Context, keys []Key, places []int, disowned map[Key]bool, out []Found) error {
	var unindexed []Entry
	for _, i := range s.withFiles(keys, places) {
		k := keys[i]
		e, err := s.entryFile(k)
		switch {
		case isAbsent(err):
			continue
		case err != nil: // without it, what is cached would be computed again
			return err
		}
		if _, indexed := s.index.entries[k]; !indexed {
			unindexed = append(unindexed, e)
		}
		if disowned[k] {
			if _, err := s.tombstones(k); isReadError(err) {
				return unread(err)
			}
			if s.retracted(e) {
				continue
			}
		}
		out[i] = Found{OK: true, Entry: &e}
	}
	s.learn(ctx, unindexed)
	return nil
}

// withFiles drops the places of keys that certainly have no file of an entry. It lists
// a folder where many keys would be in it: most of them were never published.
func (s *Local) withFiles(keys []Key, places []int) []int {
	const many = 16
	var folders [256][]int
	for _, i := range places {
		folders[keys[i][0]] = append(folders[keys[i][0]], i)
	}
	var out []int
	for folder, in := range folders {
		if len(in) >= many {
			in = s.listed(byte(folder), keys, in)
		}
		out = append(out, in...)
	}
	slices.Sort(out)
	return out
}

// listed drops the places of keys that have no file in their folder of entries. One
// that cannot be listed may hold all of them.
func (s *Local) listed(folder byte, keys []Key, places []int) []int {
	names, err := s.readNames(s.path("entries", fmt.Sprintf("%02x", folder)))
	if err != nil && !isAbsent(err) {
		return places
	}
	present := make(map[Key]bool, len(names))
	for _, name := range names {
		if k, err := ParseKey(name); err == nil {
			present[k] = true
		}
	}
	return slices.DeleteFunc(places, func(i int) bool { return !present[keys[i]] })
}

// learn adds entries to the index that it lacked. Where the store cannot be
// written, only this process knows them. The caller holds mu.
func (s *Local) learn(ctx context.Context, entries []Entry) {
	for i := range entries {
		s.index.entries[entries[i].Key] = &entries[i]
	}
	if len(entries) > 0 {
		s.appendIndex(ctx, entries...) // the next process finds the same entries again
	}
}

// rereadStale reads the files of indexed entries that have lost something, and looks
// for each of their blobs: another version of the program may have replaced them, and
// a network file system may list a folder as it was. The caller holds mu.
func (s *Local) rereadStale(ctx context.Context, found []Found) error {
	for i := range found {
		f := &found[i]
		if !f.OK || len(f.Lost) == 0 && len(s.kept(*f.Entry, f.Absent)) == 0 {
			continue
		}
		e, err := s.entryFile(f.Entry.Key)
		if isAbsent(err) {
			continue
		}
		if err != nil {
			return err
		}
		if !e.Same(*f.Entry) {
			s.learn(ctx, []Entry{e})
		}
		*f = Found{OK: true, Entry: &e}
		if f.Absent, f.Lost, err = s.missing(e); err != nil {
			return err
		}
	}
	return nil
}

// fewKeys is the number of keys up to which blobs are checked one by one.
// Beyond it, listing all folders of blobs is faster.
const fewKeys = 64

// findAbsent sets Absent and Lost.
func (s *Local) findAbsent(all []Found) (err error) {
	if len(all) > fewKeys {
		return s.listAbsent(all)
	}
	for i := range all {
		if f := &all[i]; f.OK {
			if f.Absent, f.Lost, err = s.missing(*f.Entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// listers is the number of folders that are listed at a time. On a network drive
// most of that time is waiting.
const listers = 4

// listAbsent lists each folder of blobs once.
func (s *Local) listAbsent(all []Found) error {
	folders := blobsByFolder(all)
	var next atomic.Int32
	var workers errgroup.Group
	for range listers {
		workers.Go(func() error {
			present := make(map[Digest]bool)
			for folder := int(next.Add(1)) - 1; folder < len(folders); folder = int(next.Add(1)) - 1 {
				if len(folders[folder]) == 0 {
					continue
				}
				if err := s.listBlobs(byte(folder), present); err != nil {
					return err
				}
				folders[folder] = slices.DeleteFunc(folders[folder], func(r blobReference) bool { return present[r.digest(all[r.found].Entry)] })
			}
			return nil
		})
	}
	if err := workers.Wait(); err != nil {
		return err
	}
	for _, missing := range folders {
		for _, r := range missing {
			r.note(&all[r.found])
		}
	}
	for i := range all {
		slices.Sort(all[i].Absent)
		slices.Sort(all[i].Lost)
	}
	return nil
}

// blobReference is one blob of one of many entries. It is small, since a large
// study has several for each trial.
type blobReference struct {
	found    int32 // the place of the entry
	artifact int32 // the place of the artifact in the entry, or one of the documents
}

const (
	ingredientsDocument = -1 - iota
	provenanceDocument
)

// digest is the blob's digest. The entry is the one that found points at.
func (r blobReference) digest(e *Entry) Digest {
	switch r.artifact {
	case ingredientsDocument:
		return e.Ingredients
	case provenanceDocument:
		return e.Provenance
	}
	return e.Artifacts[r.artifact].Digest
}

// note records that the store does not hold the blob.
func (r blobReference) note(f *Found) {
	switch r.artifact {
	case ingredientsDocument:
		f.Lost = append(f.Lost, "ingredients")
	case provenanceDocument:
		f.Lost = append(f.Lost, "provenance")
	default:
		f.Absent = append(f.Absent, f.Entry.Artifacts[r.artifact].Name)
	}
}

// blobsByFolder groups the blobs of all entries by the folder that holds them.
func blobsByFolder(all []Found) (out [256][]blobReference) {
	add := func(d Digest, found, artifact int) {
		out[d[0]] = append(out[d[0]], blobReference{int32(found), int32(artifact)})
	}
	for i := range all {
		if e := all[i].Entry; all[i].OK {
			for j := range e.Artifacts {
				add(e.Artifacts[j].Digest, i, j)
			}
			add(e.Ingredients, i, ingredientsDocument)
			add(e.Provenance, i, provenanceDocument)
		}
	}
	return out
}

// listBlobs sets present to the blobs of one folder.
func (s *Local) listBlobs(folder byte, present map[Digest]bool) error {
	clear(present)
	names, err := s.readNames(s.path("blobs", "sha256", fmt.Sprintf("%02x", folder)))
	if err != nil && !isAbsent(err) {
		return fmt.Errorf("looking for blobs: %w", unread(err))
	}
	for _, name := range names {
		if h, err := parseHash(strings.TrimSuffix(name, zstdSuffix)); err == nil {
			present[h] = true
		}
	}
	return nil
}
