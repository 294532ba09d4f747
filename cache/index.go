package cache

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
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

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// The index repeats every entry in one append-only file, so that asking for
// 10,000 keys reads one file. It can be rebuilt from the entries at any time,
// and is when it is missing, old or damaged. A record is its length, a
// checksum, and the entry; of several records for a key the last counts.
const indexHead = "ablate index 1\n"

// index is what this process has read of the index file.
type index struct {
	entries map[Key]Entry
	offset  int64       // how far the file has been read
	file    fs.FileInfo // the file that was read, to notice a rebuilt one
	words   map[string]string
}

// Lookup implements Store.
func (s *Local) Lookup(_ context.Context, keys ...Key) ([]Found, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(); err != nil {
		return nil, advise(fmt.Errorf("reading the index: %w", err))
	}
	here := s.presence(len(keys))
	out := make([]Found, len(keys))
	for i, k := range keys {
		e, ok := s.index.entries[k]
		if !ok {
			e, ok = s.unindexed(k)
		}
		if !ok {
			continue
		}
		out[i] = Found{OK: true, Entry: e}
		for _, a := range e.Artifacts {
			if !here(a.Digest) {
				out[i].Absent = append(out[i].Absent, a.Name)
			}
		}
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

// presence answers whether blobs are here.
func (s *Local) presence(keys int) func(Digest) bool {
	if keys <= few {
		return s.hasBlob
	}
	here := make(map[Digest]bool)
	dirs, _ := readNames(s.fs, s.path("blobs", "sha256")) // unreadable is absent
	for _, dir := range dirs {
		names, _ := readNames(s.fs, s.path("blobs", "sha256", dir))
		for _, name := range names {
			if h, err := parseHash(strings.TrimSuffix(name, zstdSuffix)); err == nil {
				here[h] = true
			}
		}
	}
	return func(d Digest) bool { return here[d] }
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
	if err := s.rebuild(); err != nil {
		return err
	}
	return s.readIndex()
}

var errIndexDamaged = errors.New("the index is damaged")

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
		*ix = index{entries: make(map[Key]Entry), words: make(map[string]string)}
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
			return errIndexDamaged
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

// appendRecord encodes one entry for the index.
func appendRecord(b []byte, e Entry) []byte {
	var body []byte
	body = append(body, e.Key[:]...)
	body = append(body, e.Ingredients[:]...)
	body = append(body, e.Provenance[:]...)
	body = binary.AppendVarint(body, e.Created.UnixNano())
	for _, s := range []string{e.Block, e.Type, e.Class} {
		body = appendWord(body, s)
	}
	body = binary.AppendUvarint(body, uint64(len(e.Artifacts)))
	for _, a := range e.Artifacts {
		body = appendWord(appendWord(body, a.Name), a.MediaType)
		body = append(body, a.Digest[:]...)
		body = binary.AppendVarint(body, a.Size)
	}
	b = binary.AppendUvarint(b, uint64(len(body)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(body))
	return append(b, body...)
}

func appendWord(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decode reads one record's body. Words that recur are shared.
func (ix *index) decode(body []byte) (Entry, error) {
	r := recordReader{rest: body, words: ix.words}
	var e Entry
	r.hash((*[32]byte)(&e.Key))
	r.hash((*[32]byte)(&e.Ingredients))
	r.hash((*[32]byte)(&e.Provenance))
	e.Created = time.Unix(0, r.varint()).UTC()
	e.Block, e.Type, e.Class = r.word(), r.word(), r.word()
	n := r.uvarint()
	if n > uint64(len(r.rest)) { // each artifact takes more than a byte
		return Entry{}, errIndexDamaged
	}
	e.Artifacts = make([]Artifact, n)
	for i := range e.Artifacts {
		a := &e.Artifacts[i]
		a.Name, a.MediaType = r.word(), r.word()
		r.hash((*[32]byte)(&a.Digest))
		a.Size = r.varint()
	}
	if r.bad || len(r.rest) > 0 {
		return Entry{}, errIndexDamaged
	}
	return e, nil
}

// recordReader reads fields off a record; bad says that it ended too early.
type recordReader struct {
	rest  []byte
	words map[string]string
	bad   bool
}

func (r *recordReader) next(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *recordReader) hash(to *[32]byte) { copy(to[:], r.next(32)) }

func (r *recordReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.next(uint64(max(n, 0)))
	r.bad = r.bad || n <= 0
	return v
}

func (r *recordReader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.next(uint64(max(n, 0)))
	r.bad = r.bad || n <= 0
	return v
}

func (r *recordReader) word() string {
	b := r.next(r.uvarint())
	if w, ok := r.words[string(b)]; ok {
		return w
	}
	w := string(b)
	r.words[w] = w
	return w
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

// lockIndex waits for the index's lock, which is held for moments only.
func (s *Local) lockIndex() (func() error, error) {
	for {
		unlock, ok, err := s.fs.TryLock(s.path("locks", "index"))
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

// Usage is what part of the store takes.
type Usage struct {
	Block, Type string
	Entries     int
	Artifacts   int
	Bytes       int64 // plain, each blob counted once
	Stored      int64 // at rest
}

// Usage sums the store up by kind, sorted, with each blob under the first kind
// that names it.
func (s *Local) Usage(ctx context.Context) ([]Usage, error) {
	byKind := make(map[string]*Usage)
	seen := make(map[Digest]bool)
	for e, err := range s.Entries(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		id := e.Block + "\x00" + e.Type
		u := byKind[id]
		if u == nil {
			u = &Usage{Block: e.Block, Type: e.Type}
			byKind[id] = u
		}
		u.Entries++
		for _, a := range e.Artifacts {
			if seen[a.Digest] {
				continue
			}
			seen[a.Digest] = true
			u.Artifacts++
			u.Bytes += a.Size
			u.Stored += s.storedSize(a.Digest)
		}
	}
	var out []Usage
	for _, u := range byKind {
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b Usage) int { return strings.Compare(a.Block+"\x00"+a.Type, b.Block+"\x00"+b.Type) })
	return out, nil
}

func (s *Local) storedSize(d Digest) int64 {
	for _, suffix := range []string{zstdSuffix, ""} {
		if info, err := s.fs.Stat(s.blobPath(d, suffix)); err == nil {
			return info.Size()
		}
	}
	return 0
}

// Root is what a run needs to be kept: all keys that it planned.
type Root struct {
	Study string    `json:"study"`
	Dir   string    `json:"dir"`
	Time  time.Time `json:"time"`
	Keys  []Key     `json:"keys"`
}

// PutRoot records a root under a name that stands for the study and its folder.
func (s *Local) PutRoot(r Root) error {
	id := DigestOf([]byte(r.Study + "\x00" + r.Dir)).Hex()[:16]
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := fsys.WriteAtomic(s.fs, s.path("roots", id+".json"), raw); err != nil {
		return advise(fmt.Errorf("recording the run: %w", err))
	}
	return nil
}

// Roots lists the recorded roots, newest first.
func (s *Local) Roots() ([]Root, error) {
	names, err := afero.Glob(s.fs, s.path("roots", "*.json"))
	if err != nil {
		return nil, err
	}
	var out []Root
	for _, name := range names {
		raw, err := afero.ReadFile(s.fs, name)
		if err != nil {
			return nil, err
		}
		var r Root
		if json.Unmarshal(raw, &r) == nil { // a damaged root protects nothing
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Root) int { return b.Time.Compare(a.Time) })
	return out, nil
}
