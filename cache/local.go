package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// format is the first line of a store's format file. A store of another
// format is never touched.
const format = "ablate store 1\n"

// Local is a store in a folder. Many processes may use one folder at once.
type Local struct {
	fs     fsys.FS
	dir    string
	healed func(error) // told of damage that heals without an error; never nil

	mu    sync.Mutex // guards index
	index index

	leases leases
}

// Open opens the store in a folder, and makes it if there is none.
func Open(f fsys.FS, dir string) (*Local, error) {
	s := &Local{fs: f, dir: dir, healed: func(error) {}, leases: newLeases()}
	got, err := afero.ReadFile(f, s.path("format"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = s.init()
	case err == nil && string(got) != format:
		return nil, fmt.Errorf("the store at %s says %q, and this program knows %q: use the program that made it, or another folder with ABLATE_CACHE_DIR",
			dir, strings.TrimSpace(string(got)), strings.TrimSpace(format))
	}
	if err != nil {
		return nil, advise(fmt.Errorf("opening the store at %s: %w", dir, err))
	}
	return s, nil
}

func (s *Local) init() error {
	for _, sub := range []string{"blobs/sha256", "entries", "locks", "logs", "memo", "roots", "tmp", "damaged"} {
		if err := s.fs.MkdirAll(s.path(sub), 0o755); err != nil {
			return err
		}
	}
	return fsys.WriteAtomic(s.fs, s.path("format"), []byte(format))
}

// OnHealed says who is told of damage that is no error to anybody: an entry that
// was moved aside and so is a miss, an index that is written anew. It is set
// before the store is used, and must not use the store itself.
func (s *Local) OnHealed(f func(error)) { s.healed = f }

// Dir is the store's folder.
func (s *Local) Dir() string { return s.dir }

// LogDir is where the logs of actions are kept.
func (s *Local) LogDir() string { return s.path("logs") }

func (s *Local) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// advise adds what to do to errors that only the user can mend.
func advise(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: free some space, or move the store with ABLATE_CACHE_DIR", err)
	case errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: make the folder writable, or choose another with ABLATE_CACHE_DIR", err)
	}
	return err
}

// Publish implements Store.
func (s *Local) Publish(ctx context.Context, e Entry, evicted ...string) (Entry, error) {
	if err := ctx.Err(); err != nil {
		return Entry{}, context.Cause(ctx)
	}
	if lost := s.absent(e, evicted); len(lost) > 0 {
		return Entry{}, fmt.Errorf("entry %s names blobs that are not here: %s", e.Key, strings.Join(lost, ", "))
	}
	slices.SortFunc(e.Artifacts, func(a, b Artifact) int { return strings.Compare(a.Name, b.Name) })
	name := s.entryPath(e.Key)
	if err := s.createFile(name, EncodeEntry(e)); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			return Entry{}, advise(fmt.Errorf("publishing entry %s: %w", e.Key, err))
		}
		winner, err := s.readEntry(e.Key)
		if err == nil && len(s.absentArtifacts(winner, evicted)) == 0 {
			return winner, s.remember(winner)
		}
		// What is there is damaged or has lost its blobs: replace it.
		if err := fsys.WriteAtomic(s.fs, name, EncodeEntry(e)); err != nil {
			return Entry{}, advise(fmt.Errorf("replacing entry %s: %w", e.Key, err))
		}
	}
	return e, s.remember(e)
}

// createFile makes a file durable under a name that must be free.
func (s *Local) createFile(name string, content []byte) error {
	tmp, err := afero.TempFile(s.fs, s.path("tmp"), "file-*")
	if err != nil {
		return err
	}
	defer s.fs.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return s.link(tmp.Name(), name)
}

// link gives a finished temporary file its final name, durably.
func (s *Local) link(tmp, name string) error {
	dir := filepath.Dir(name)
	if err := s.fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := s.fs.Chmod(tmp, 0o444); err != nil {
		return err
	}
	if err := s.fs.Link(tmp, name); err != nil {
		return err
	}
	return s.fs.SyncDir(dir)
}

func (s *Local) entryPath(k Key) string {
	hex := k.String()
	return s.path("entries", hex[:2], hex)
}

// readEntry reads an entry from its own file.
func (s *Local) readEntry(k Key) (Entry, error) {
	raw, err := afero.ReadFile(s.fs, s.entryPath(k))
	if err != nil {
		return Entry{}, err
	}
	e, err := DecodeEntry(raw)
	if err == nil && e.Key != k {
		err = fmt.Errorf("it is the entry of %s", e.Key)
	}
	if err != nil {
		return Entry{}, &DamagedError{What: "entry " + k.String(), Path: s.entryPath(k), Err: err}
	}
	return e, nil
}

// entryHead begins an entry's file; the digest of what follows ends the line.
const entryHead = "ablate entry 1 "

// EncodeEntry writes an entry as JSON behind its own digest.
func EncodeEntry(e Entry) []byte {
	body, err := json.Marshal(e)
	if err != nil {
		panic("cache: an entry does not marshal: " + err.Error())
	}
	return append([]byte(entryHead+DigestOf(body).String()+"\n"), body...)
}

// DecodeEntry reads what EncodeEntry wrote, and refuses anything else.
func DecodeEntry(raw []byte) (Entry, error) {
	head, body, ok := strings.Cut(string(raw), "\n")
	sum, known := strings.CutPrefix(head, entryHead)
	if !ok || !known {
		return Entry{}, errors.New("it does not begin like an entry")
	}
	if DigestOf([]byte(body)).String() != sum {
		return Entry{}, errors.New("its digest does not match")
	}
	var e Entry
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// DamagedError says that something in the store is not what it was. It has
// been moved out of the way, so that it counts as absent from now on.
type DamagedError struct {
	What, Path string
	Err        error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged (%s): %v; it is moved aside, and made again when it is needed", e.What, e.Path, e.Err)
}

// Unwrap returns what was found.
func (e *DamagedError) Unwrap() error { return e.Err }

// quarantine moves a damaged file aside; a failure to do so changes nothing,
// since every read is verified again.
func (s *Local) quarantine(path string) {
	s.fs.MkdirAll(s.path("damaged"), 0o755)
	s.fs.Rename(path, s.path("damaged", filepath.Base(path)))
}

// ReadAll returns a blob's bytes.
func ReadAll(ctx context.Context, s Store, d Digest) ([]byte, error) {
	r, err := s.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// WriteJSON stores a document as a blob of JSON.
func WriteJSON(ctx context.Context, s Store, doc any) (Digest, error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return Digest{}, err
	}
	w, err := s.Create(ctx, "application/json")
	if err != nil {
		return Digest{}, err
	}
	if _, err := w.Write(b); err != nil {
		return Digest{}, errors.Join(err, w.Abort())
	}
	d, _, err := w.Commit()
	return d, err
}
