package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"ablate/cache/fsys"
)

// storeFormat is the content of a store's format file. A store of another
// format is never touched.
const storeFormat = "ablate store 1\n"

// Local is a store in a folder. Many processes may use one folder at once.
type Local struct {
	// Set once.
	fs        fsys.FS
	dir       string
	healed    func(error)                              // reports damage that healed; never nil
	opened    []error                                  // damage that healed before OnHealed
	retention func(e Entry, artifact string) Retention // of entries without one; never nil

	mu    sync.Mutex // guards index
	index index

	leases leases
}

// Open opens the store in a folder and creates it if there is none.
func Open(f fsys.FS, dir string) (*Local, error) {
	s := &Local{fs: f, dir: dir, leases: newLeases(), retention: func(Entry, string) Retention { return "" }}
	s.healed = func(err error) { s.opened = append(s.opened, err) } // until Open returns
	got, err := s.readFile(s.path("format"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = s.init()
	case errors.Is(err, errUnfit) || err == nil && !strings.HasPrefix(string(got), "ablate store "):
		return nil, fmt.Errorf("the file %s is damaged, so the format of the store is not known. If this version of ablate created the store, remove the file, and it is written again; otherwise set ABLATE_CACHE_DIR to another folder", s.path("format"))
	case err == nil && string(got) != storeFormat:
		return nil, fmt.Errorf("the store at %s has format %q, but this program needs %q: use the program that created it, or set ABLATE_CACHE_DIR to another folder",
			dir, strings.TrimSpace(string(got)), strings.TrimSpace(storeFormat))
	}
	if err != nil {
		return nil, advise(fmt.Errorf("opening the store at %s: %w", dir, err))
	}
	s.restoreFolders()
	s.healed = func(error) {}
	return s, nil
}

func (s *Local) init() error {
	for _, sub := range []string{"blobs/sha256", "entries", "locks", "logs", "memo", "roots", "tmp", "damaged"} {
		if err := s.makeFolder(s.path(sub)); err != nil {
			return err
		}
	}
	return s.writeFile(s.path("format"), []byte(storeFormat))
}

// OnHealed sets a function that is called with damage that caused no error: an
// entry moved aside or restored, an index written anew, and at once with what Open
// found. Set it before the store is used; the function must not use the store.
func (s *Local) OnHealed(f func(error)) {
	s.healed = f
	for _, err := range s.opened {
		f(err)
	}
	s.opened = nil
}

// OnUnclassified sets a function that classifies artifacts of entries that do
// not declare a retention, because an earlier version published them. Set it
// before the store is used.
func (s *Local) OnUnclassified(f func(e Entry, artifact string) Retention) { s.retention = f }

// Retention is what an entry declares about an artifact, or what
// OnUnclassified says where it declares nothing.
func (s *Local) Retention(e Entry, a Artifact) Retention {
	if a.Retention != "" {
		return a.Retention
	}
	return s.retention(e, a.Name)
}

// Dir is the store's folder.
func (s *Local) Dir() string { return s.dir }

// LogDir is the folder for the logs of actions.
func (s *Local) LogDir() string { return s.path("logs") }

// RunDir is the folder for the journals of runs.
func (s *Local) RunDir() string { return s.path("runs") }

func (s *Local) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// ReadAll returns the bytes of a blob.
func ReadAll(ctx context.Context, s Store, d Digest) ([]byte, error) {
	r, err := s.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if b, ok := r.(*blobReader); ok {
		return b.all()
	}
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
