package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
)

// Entries yields the entries of one kind, newest first. Empty strings stand for
// any.
func (s *Local) Entries(ctx context.Context, block, typ string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		s.mu.Lock()
		err := s.complete(ctx)
		var list []Entry
		for _, e := range s.index.entries {
			if (block == "" || e.Block == block) && (typ == "" || e.Type == typ) {
				list = append(list, *e)
			}
		}
		s.mu.Unlock()
		if err != nil {
			yield(Entry{}, fmt.Errorf("reading the index: %w", err))
			return
		}
		slices.SortFunc(list, func(a, b Entry) int {
			if c := b.Created.Compare(a.Created); c != 0 {
				return c
			}
			return bytes.Compare(a.Key[:], b.Key[:])
		})
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// complete reads the index and adds the entries that it lacks. It drops those
// that were disowned since. The caller holds mu.
func (s *Local) complete(ctx context.Context) error {
	if err := s.refresh(ctx); err != nil {
		return err
	}
	disowned, err := s.disownedKeys()
	if err != nil {
		return err
	}
	for k := range disowned {
		e, err := s.entryFile(k)
		if err != nil || s.retracted(e) {
			delete(s.index.entries, k)
		}
	}
	var unindexed []Entry
	for k, err := range s.keysIn("entries") {
		if err != nil {
			continue // garbage collection, which needs all of them, fails
		}
		if _, ok := s.index.entries[k]; ok || disowned[k] {
			continue
		}
		if e, err := s.entryFile(k); err == nil {
			unindexed = append(unindexed, e)
		}
	}
	s.learn(ctx, unindexed)
	return nil
}

// keysIn yields the keys that name files of entries, or of their sealed forms, in
// order, and errors of listing them.
func (s *Local) keysIn(folder string) iter.Seq2[Key, error] {
	return func(yield func(Key, error) bool) {
		dirs, err := s.readNames(s.path(folder))
		if err != nil && !yield(Key{}, err) {
			return
		}
		slices.Sort(dirs)
		for _, dir := range dirs {
			if !isPrefixFolder(dir) {
				continue
			}
			names, err := s.readNames(s.path(folder, dir))
			if err != nil && !errors.Is(err, fs.ErrNotExist) && !yield(Key{}, err) {
				return
			}
			slices.Sort(names)
			for _, name := range names {
				if k, err := ParseKey(name); err == nil && !yield(k, nil) {
					return
				}
			}
		}
	}
}

// entryFiles reads every entry from its file. Damaged ones are restored or moved
// aside. doubts are errors of reading. The caller holds mu.
func (s *Local) entryFiles() (all []Entry, doubts []error) {
	for k, err := range s.keysIn("entries") {
		var e Entry
		if err == nil {
			e, err = s.entryFile(k)
		}
		switch {
		case err == nil:
			all = append(all, e)
		case errors.Is(err, fs.ErrNotExist): // moved aside, or the folder is
		default:
			doubts = append(doubts, err)
		}
	}
	return all, doubts
}

// entryFile reads an entry's own file, which decides where the index says
// something else. A damaged file is moved aside and restored from the index
// where that has a copy; otherwise the entry is absent. The caller holds mu.
func (s *Local) entryFile(k Key) (Entry, error) {
	e, err := s.readEntry(k)
	var damaged *DamagedError
	if !errors.As(err, &damaged) {
		return e, err
	}
	damaged.InPlace = !s.quarantine(damaged.Path, damagedEntry)
	if s.index.entries == nil {
		s.readIndex() // without it there is no copy
	}
	copied, ok := s.index.entries[k]
	if ok {
		ok = s.writeFile(s.entryPath(k), EncodeEntry(*copied)) == nil
	}
	if !ok {
		s.healed(err)
		return Entry{}, &fs.PathError{Op: "open", Path: damaged.Path, Err: fs.ErrNotExist}
	}
	s.healed(fmt.Errorf("entry %s was damaged (%s): %w; it was restored from the index", k, damaged.Path, damaged.Err))
	s.fs.Remove(s.path("damaged", damagedEntry+k.String()))
	return *copied, nil
}

// readEntry reads an entry from its file.
func (s *Local) readEntry(k Key) (Entry, error) {
	raw, err := s.readFile(s.entryPath(k))
	if isReadError(err) {
		return Entry{}, unread(err)
	}
	var e Entry
	if err == nil {
		e, err = DecodeEntry(raw)
	}
	if err == nil && e.Key != k {
		err = fmt.Errorf("it is the entry of %s", e.Key)
	}
	if err != nil {
		return Entry{}, &DamagedError{What: "entry " + k.String(), Path: s.entryPath(k), Err: err}
	}
	return e, nil
}

func (s *Local) entryPath(k Key) string {
	hex := k.String()
	return s.path("entries", hex[:2], hex)
}
