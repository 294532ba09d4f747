package cache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// The index repeats all entries in one append-only file, so that a lookup of
// 10,000 keys reads one file. It is rebuilt from the entries whenever it is
// missing or damaged, and entries that it lacks are added when they are found.
// A record is its length, a checksum and the entry; the last record of a key
// counts.
//
// Each format has a file of its own, so that versions of the program which know
// different formats can use a store in turn. The index of an earlier format is
// removed when entries are added that it lacks: those versions build it anew.
const (
	indexName  = "index.2"
	indexHead  = "ablate index 2\n"
	legacyName = "index" // of format 1
)

// index is what this process has read of the index file.
type index struct {
	entries map[Key]*Entry    // never changed, since answers of Lookup share them
	offset  int64             // how far the file has been read
	file    fs.FileInfo       // the file that was read, to notice that it was replaced
	unsaved bool              // built from the entries, in a store that cannot be written
	strings map[string]string // interned
	spare   spare             // where the next entries are allocated
}

// spare is memory for entries: one allocation for many takes less than one for each.
type spare struct {
	entries   []Entry
	artifacts []Artifact
}

// spareBlock is how many entries or artifacts are allocated at a time.
const spareBlock = 256

func (s *spare) entry() *Entry {
	if len(s.entries) == 0 {
		s.entries = make([]Entry, spareBlock)
	}
	e := &s.entries[0]
	s.entries = s.entries[1:]
	return e
}

// list returns n artifacts.
func (s *spare) list(n uint64) []Artifact {
	if uint64(len(s.artifacts)) < n {
		s.artifacts = make([]Artifact, max(n, spareBlock))
	}
	list := s.artifacts[:n:n]
	s.artifacts = s.artifacts[n:]
	return list
}

// Sizes of the index, in bytes. recordSize is an average.
const (
	recordSize   = 300
	expectedSize = 64 << 20 // for which memory is reserved
	indexPiece   = 1 << 18  // that is read at a time, at most
	maxIndexSize = 2 << 30
)

func newIndex(size int64) index {
	return index{entries: make(map[Key]*Entry, size/recordSize), strings: make(map[string]string)}
}

// errIndexDamaged is any index that cannot be read whole. errIndexTorn is one
// that ends in the middle of a record: a crash leaves that, and so does another
// process for a moment.
var (
	errIndexDamaged = errors.New("the index is damaged")
	errIndexTorn    = fmt.Errorf("%w: its last record is incomplete", errIndexDamaged)
)

// refresh reads what the index file has gained, and rebuilds a file that cannot
// be used. The caller holds mu.
func (s *Local) refresh(ctx context.Context) error {
	err := s.readIndex()
	switch {
	case err == nil || s.index.unsaved && errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, errIndexTorn) || errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, errIndexDamaged) || errors.Is(err, errUnfit):
		s.healed(fmt.Errorf("the index %s was damaged; it was rebuilt from the entries", s.path(indexName)))
	default:
		return unread(err)
	}
	return s.rebuild(ctx)
}

func (s *Local) readIndex() error {
	if now, err := s.fs.Stat(s.path(indexName)); err == nil && s.index.isCurrent(now) {
		return nil
	}
	f, err := s.openFile(s.path(indexName))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > maxIndexSize {
		return errIndexDamaged
	}
	ix := &s.index
	if ix.file == nil || !os.SameFile(ix.file, info) || info.Size() < ix.offset {
		*ix = newIndex(min(info.Size(), expectedSize))
	}
	if ix.offset == info.Size() && ix.file != nil {
		return nil
	}
	body := io.NewSectionReader(f, ix.offset, info.Size()-ix.offset)
	piece := min(body.Size(), indexPiece)
	if ix.offset == 0 {
		head := make([]byte, len(indexHead))
		if _, err := io.ReadFull(body, head); notEnd(err) != nil {
			return err
		}
		if string(head) != indexHead {
			return errIndexDamaged
		}
		ix.offset = int64(len(indexHead))
	}
	ix.file = info
	return ix.takeAll(body, make([]byte, piece))
}

// notEnd returns an error of reading, unless it is that the file ended.
func notEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// takeAll decodes the records of a file, as much of it at a time as the buffer holds.
// The buffer grows where it is smaller than a record.
func (ix *index) takeAll(r io.Reader, buf []byte) error {
	filled := 0
	for {
		n, err := io.ReadFull(r, buf[filled:])
		if notEnd(err) != nil {
			return err
		}
		filled += n
		before := ix.offset
		torn := ix.take(buf[:filled])
		if err != nil || torn != nil && !errors.Is(torn, errIndexTorn) { // at the end of the file
			return torn
		}
		filled = copy(buf, buf[ix.offset-before:filled])
		if filled == len(buf) { // less than one record
			buf = slices.Grow(buf, len(buf))[:2*len(buf)]
		}
	}
}

// isCurrent reports whether a file is the one that was read, and has not grown.
func (ix *index) isCurrent(now fs.FileInfo) bool {
	return ix.file != nil && os.SameFile(ix.file, now) && now.Size() == ix.offset
}

// take decodes whole records.
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

// rebuild builds the index from the entries, and writes it where the store can
// be written. The caller holds mu.
func (s *Local) rebuild(ctx context.Context) error {
	unlock, err := s.lockIndex(ctx)
	if err != nil && !unwritable(err) {
		return err
	}
	if err == nil {
		defer unlock()
	}
	known := s.index.entries // of damaged entries, these are copies
	if known == nil {
		known = make(map[Key]*Entry)
	}
	s.index = newIndex(0)
	s.index.entries = known
	all, doubts := s.entryFiles()
	if len(doubts) > 0 {
		return doubts[0]
	}
	raw := []byte(indexHead)
	for _, e := range all {
		raw = appendRecord(raw, e)
	}
	if err := s.writeFile(s.path(indexName), raw); err != nil && !unwritable(err) {
		return err
	} else if err == nil {
		s.index = newIndex(int64(len(raw)))
		return s.readIndex()
	}
	s.index = newIndex(int64(len(raw)))
	s.index.unsaved = true
	for i := range all {
		s.index.entries[all[i].Key] = &all[i]
	}
	return nil
}

// appendIndex adds entries to the index.
func (s *Local) appendIndex(ctx context.Context, entries ...Entry) error {
	unlock, err := s.lockIndex(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	var raw []byte
	for _, e := range entries {
		raw = appendRecord(raw, e)
	}
	if err := s.appendFile(s.path(indexName), raw); err != nil {
		return advise(fmt.Errorf("appending to the index: %w", err))
	}
	if err := s.fs.Remove(s.path(legacyName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return advise(fmt.Errorf("removing an index of an earlier format: %w", err))
	}
	return nil
}

// appendFile appends to a file, or leaves it as it was. One that does not exist
// is left to the next lookup, which builds it from the entries.
func (s *Local) appendFile(name string, raw []byte) error {
	info, err := s.fs.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := s.fs.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	if _, err = f.Write(raw); err != nil {
		err = errors.Join(err, f.Truncate(info.Size())) // else later records follow half a one
	}
	return errors.Join(err, f.Close())
}

// lockIndex waits for the lock of the index, which is only held briefly. Where
// the file system has no locks, two writers may damage the index, which is then
// rebuilt.
func (s *Local) lockIndex(ctx context.Context) (func() error, error) {
	const longest = 50 * time.Millisecond
	for pause := time.Millisecond; ; pause = min(2*pause, longest) {
		unlock, ok, _, err := s.lock(s.path("locks", "index"))
		if ok || err != nil {
			return unlock, advise(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
