package cache

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"ablate/cache/fsys"
)

// The index repeats every entry in one append-only file, so that asking for
// 10,000 keys reads one file. It can be rebuilt from the entries at any time,
// and is when it is missing, old or damaged. A record is its length, a
// checksum, and the entry; of several records for a key the last counts.
const indexHead = "ablate index 2\n"

// index is what this process has read of the index file.
type index struct {
	entries map[Key]Entry
	offset  int64       // how far the file has been read
	file    fs.FileInfo // the file that was read, to notice a rebuilt one
	words   map[string]string
	rooms   []Artifact // where the artifacts of the next entries go
}

// recordSize is about what a record takes.
const recordSize = 300

func newIndex(size int64) index {
	return index{entries: make(map[Key]Entry, size/recordSize), words: make(map[string]string)}
}

// Lookup implements Store.
func (s *Local) Lookup(_ context.Context, keys ...Key) ([]Found, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(); err != nil {
		return nil, advise(fmt.Errorf("reading the index: %w", err))
	}
	out := make([]Found, len(keys))
	for i, k := range keys {
		e, ok := s.index.entries[k]
		if !ok {
			e, ok = s.unindexed(k)
		}
		if ok {
			out[i] = Found{OK: true, Entry: e}
		}
	}
	if len(keys) > few {
		s.absentees(out)
		return out, nil
	}
	for i := range out {
		out[i].Absent = s.absentArtifacts(out[i].Entry, nil)
	}
	return out, nil
}

// unindexed finds an entry that a crash kept out of the index.
func (s *Local) unindexed(k Key) (Entry, bool) {
	e, ok := s.readOrQuarantine(k)
	if ok {
		s.index.entries[k] = e
	}
	return e, ok
}

// few is the number of keys up to which blobs are looked at one by one instead
// of listing all folders.
const few = 64

// absentees fills in which artifacts are absent, with one look into each
// folder of blobs.
func (s *Local) absentees(all []Found) {
	type asked struct{ found, artifact int }
	var byFolder [256][]asked
	for i, f := range all {
		for j, a := range f.Entry.Artifacts {
			byFolder[a.Digest[0]] = append(byFolder[a.Digest[0]], asked{i, j})
		}
	}
	here := make(map[Digest]bool)
	for folder, list := range byFolder {
		if len(list) == 0 {
			continue
		}
		clear(here)
		names, _ := readNames(s.fs, s.path("blobs", "sha256", fmt.Sprintf("%02x", folder))) // unreadable is absent
		for _, name := range names {
			if h, err := parseHash(strings.TrimSuffix(name, zstdSuffix)); err == nil {
				here[h] = true
			}
		}
		for _, x := range list {
			f := &all[x.found]
			if a := f.Entry.Artifacts[x.artifact]; !here[a.Digest] {
				f.Absent = append(f.Absent, a.Name)
			}
		}
	}
	for i := range all {
		slices.Sort(all[i].Absent)
	}
}

func readNames(f fsys.FS, dir string) ([]string, error) {
	d, err := f.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// refresh reads what the index file has gained. Called with mu held.
func (s *Local) refresh() error {
	err := s.readIndex()
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errIndexDamaged) {
		return err
	}
	if errors.Is(err, errIndexDamaged) && !errors.Is(err, errIndexTorn) {
		s.healed(fmt.Errorf("the index %s is damaged; it is made again from the entries", s.path("index")))
	}
	if err := s.rebuild(); err != nil {
		return err
	}
	return s.readIndex()
}

// errIndexDamaged is any index that cannot be read whole; errIndexTorn, one that
// ends in the middle of a record, as a crash leaves it, or a writer for a moment.
var (
	errIndexDamaged = errors.New("the index is damaged")
	errIndexTorn    = fmt.Errorf("%w: its last record is cut short", errIndexDamaged)
)

func (s *Local) readIndex() error {
	f, err := s.fs.Open(s.path("index"))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	ix := &s.index
	if ix.file == nil || !os.SameFile(ix.file, info) || info.Size() < ix.offset {
		*ix = newIndex(info.Size())
	}
	if ix.offset == info.Size() && ix.file != nil {
		return nil
	}
	raw := make([]byte, info.Size()-ix.offset)
	if _, err := f.ReadAt(raw, ix.offset); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if ix.offset == 0 {
		if !bytes.HasPrefix(raw, []byte(indexHead)) {
			return errIndexDamaged
		}
		raw, ix.offset = raw[len(indexHead):], int64(len(indexHead))
	}
	ix.file = info
	return ix.take(raw)
}

// take decodes whole records. A record that is cut short at the end may be
// under way; the next read sees it whole, or rebuilds.
func (ix *index) take(raw []byte) error {
	for len(raw) > 0 {
		size, n := binary.Uvarint(raw)
		if n <= 0 || uint64(len(raw)-n) < size+4 || size > 1<<30 {
			return errIndexTorn
		}
		sum := binary.BigEndian.Uint32(raw[n:])
		body := raw[n+4:][:size]
		if crc32.ChecksumIEEE(body) != sum {
			return errIndexDamaged
		}
		e, err := ix.decode(body)
		if err != nil {
			return errIndexDamaged
		}
		ix.entries[e.Key] = e
		used := n + 4 + int(size)
		ix.offset += int64(used)
		raw = raw[used:]
	}
	return nil
}

// remember appends an entry to the index.
func (s *Local) remember(e Entry) error {
	unlock, err := s.lockIndex()
	if err != nil {
		return err
	}
	defer unlock()
	f, err := s.fs.OpenFile(s.path("index"), os.O_WRONLY|os.O_APPEND, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the next Lookup rebuilds it, this entry included
	}
	if err != nil {
		return advise(fmt.Errorf("opening the index: %w", err))
	}
	_, err = f.Write(appendRecord(nil, e))
	if err := errors.Join(err, f.Close()); err != nil {
		return advise(fmt.Errorf("appending to the index: %w", err))
	}
	return nil
}

// rebuild writes the index anew from the entries. Called with mu held.
func (s *Local) rebuild() error {
	unlock, err := s.lockIndex()
	if err != nil {
		return err
	}
	defer unlock()
	raw := []byte(indexHead)
	for e := range s.allEntries() {
		raw = appendRecord(raw, e)
	}
	return fsys.WriteAtomic(s.fs, s.path("index"), raw)
}

// lockIndex waits for the index's lock, which is held for moments only. Where
// the file system has no locks, two writers may spoil the index, which is
// rebuilt then.
func (s *Local) lockIndex() (func() error, error) {
	for {
		unlock, ok, _, err := s.lock(s.path("locks", "index"))
		if ok || err != nil {
			return unlock, advise(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// allEntries reads every entry's file; damaged ones are moved aside.
func (s *Local) allEntries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		dirs, _ := readNames(s.fs, s.path("entries")) // none yet
		slices.Sort(dirs)
		for _, dir := range dirs {
			names, _ := readNames(s.fs, s.path("entries", dir))
			slices.Sort(names)
			for _, name := range names {
				k, err := ParseKey(name)
				if err != nil {
					continue // not ours
				}
				if e, ok := s.readOrQuarantine(k); ok && !yield(e) {
					return
				}
			}
		}
	}
}

// readOrQuarantine reads an entry's file; a damaged one is moved aside.
func (s *Local) readOrQuarantine(k Key) (Entry, bool) {
	e, err := s.readEntry(k)
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		s.quarantine(damaged.Path)
		s.healed(err)
	}
	return e, err == nil
}

// Entries yields the entries of one kind, newest first; empty words stand for
// any.
func (s *Local) Entries(_ context.Context, block, typ string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		s.mu.Lock()
		err := s.refresh()
		var list []Entry
		for _, e := range s.index.entries {
			if (block == "" || e.Block == block) && (typ == "" || e.Type == typ) {
				list = append(list, e)
			}
		}
		s.mu.Unlock()
		if err != nil {
			yield(Entry{}, advise(fmt.Errorf("reading the index: %w", err)))
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
