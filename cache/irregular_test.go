//go:build unix

package cache_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/afero"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// A FIFO, a device, a folder or a huge file in place of any file of the store is
// damage. It neither blocks nor fills the memory.
func TestIrregularFiles(t *testing.T) {
	kinds := map[string]func(path string) error{
		"fifo":   func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o755) },
		"huge": func(path string) error {
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				return err
			}
			return os.Truncate(path, 1<<40)
		},
	}
	for kind, put := range kinds {
		patterns := []string{
			"format", "index.2", "index", "entries/*/*", "blobs/sha256/*/*.zst", "roots/*", "pins/*",
			"disowned/*/*", "sealed/*/*", "memo/*", "leases/*", "evidence/*/*",
		}
		if kind != "folder" {
			patterns = append(patterns, "entries/??", "entries", "blobs/sha256/??", "roots", "pins", "disowned/??", "disowned", "leases", "damaged", "trash")
		}
		for _, pattern := range patterns {
			t.Run(kind+" "+pattern, func(t *testing.T) {
				dir := populated(t)
				names, err := filepath.Glob(filepath.Join(dir, pattern))
				if err != nil || len(names) == 0 {
					t.Fatalf("%s matches %v, %v", pattern, names, err)
				}
				for _, name := range names {
					if err := os.Rename(name, filepath.Join(t.TempDir(), "was")); err != nil {
						t.Fatal(err)
					}
					if err := put(name); err != nil {
						t.Fatal(err)
					}
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					useAll(dir)
				}()
				select {
				case <-done:
				case <-time.After(time.Minute):
					t.Fatal("the store hangs")
				}
			})
		}
	}
}

// populated is a store that has everything that a store can have.
func populated(t *testing.T) string {
	t.Helper()
	ctx := context.Background()
	dir, _ := format1(t)
	s := open(t, fsys.NewOS(), dir)
	if _, err := s.Lookup(ctx); err != nil {
		t.Fatal(err)
	}
	e := kept(t, s, "k")
	publish(t, s, e)
	bad := entryOf(t, s, "bad", "bad")
	publish(t, s, bad)
	stats := s.StatCache()
	if _, _, err := stats.Digest(filepath.Join(dir, "format"), "", func() (cache.Digest, int64, error) { return cache.Digest{}, 0, nil }); err != nil {
		t.Fatal(err)
	}
	memo := s.Memo(cache.Digest{})
	if _, err := memo.Digest(cache.String("x"), func() (cache.Digest, error) { return cache.Digest{}, nil }); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.TryLock(cachetest.Key("locked")); !ok || err != nil {
		t.Fatal(ok, err)
	}
	t.Cleanup(func() { s.Forget(cachetest.Key("locked")) })
	for _, err := range []error{
		s.Disown(bad, "bad", time.Now()), s.AddPin(cache.Pin{Key: e.Key}), s.PutRoot(cache.Root{Study: "s", Keys: []cache.Key{e.Key}}),
		s.PutSealed(e.Key, []byte("sealed")), s.AddEvidence(e.Key, cache.Evidence{}), stats.Save(), memo.Save(),
		os.MkdirAll(filepath.Join(dir, "trash"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Lookup(ctx); err != nil { // writes the index that Disown removed
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index"), []byte("ablate index 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// useAll does everything that a store can do. It must return; with what does not
// matter.
func useAll(dir string) {
	ctx := context.Background()
	s, err := cache.Open(fsys.NewOS(), dir)
	if err != nil {
		return
	}
	s.OnHealed(func(error) {})
	k := cachetest.Key("k")
	s.Lookup(ctx, k, cachetest.Key("bad"), cachetest.Key("new"))
	var entries []cache.Entry
	for e, err := range s.Entries(ctx, "", "") {
		if err == nil {
			entries = append(entries, e)
		}
	}
	s.Verify(ctx, entries, func(cache.Fault) {})
	for _, e := range entries {
		if m, err := s.Map(ctx, e.Ingredients); err == nil {
			m.Close()
		}
		s.Disowned(e)
		s.Import(ctx, e)
		s.Publish(ctx, e)
	}
	if unlock, ok, err := s.TryLock(k); ok && err == nil {
		unlock()
	}
	s.Locked(cachetest.Key("locked"))
	s.Sealed(k)
	s.Evidence(k)
	s.Roots()
	s.RootOf("s", "")
	s.Pins()
	s.StatCache()
	s.Memo(cache.Digest{})
	s.Usage(ctx)
	s.Reindex(ctx)
	if c, err := s.Collect(ctx, cache.CollectOptions{Now: time.Now()}); err == nil {
		c.Apply(ctx)
	}
	if w, err := s.Create(ctx, "text/plain"); err == nil {
		w.Commit()
	}
}

// What is no regular file gives way to the blob or the entry of its name.
func TestIrregularFilesAreReplaced(t *testing.T) {
	ctx := context.Background()
	for kind, put := range map[string]func(path string) error{
		"fifo":   func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		for _, pattern := range []string{"blobs/sha256/*/*", "entries/*/*"} {
			dir := t.TempDir()
			e := kept(t, open(t, fsys.NewOS(), dir), "k")
			publish(t, open(t, fsys.NewOS(), dir), e)
			names, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(names) == 0 {
				t.Fatal(names, err)
			}
			for _, name := range names {
				if err := errors.Join(os.Remove(name), put(name)); err != nil {
					t.Fatal(err)
				}
			}
			os.Remove(filepath.Join(dir, "index.2"))
			s := open(t, fsys.NewOS(), dir)
			again := kept(t, s, "k")
			publish(t, s, again)
			if found, err := s.Lookup(ctx, e.Key); err != nil || len(found) != 1 || len(found[0].Absent) > 0 {
				t.Errorf("%s in place of %s: %v, %v", kind, pattern, found, err)
			}
			if r, err := s.Open(ctx, again.Ingredients); err != nil {
				t.Errorf("%s in place of %s: %v", kind, pattern, err)
			} else {
				r.Close()
			}
		}
	}
}

// A store that cannot be written answers, and is verified, also where a copy left out
// empty folders.
func TestReadOnlyStore(t *testing.T) {
	ctx := context.Background()
	dir, keys := format1(t) // without an index of the present format
	for i, readOnly := range []error{syscall.EROFS, fs.ErrPermission, syscall.EROFS} {
		if i == 2 {
			if err := errors.Join(os.Remove(filepath.Join(dir, "tmp")), os.Remove(filepath.Join(dir, "locks"))); err != nil {
				t.Fatal(err)
			}
		}
		f := &cachetest.Faulty{FS: fsys.NewOS(), At: 1, Err: readOnly, Crash: true}
		s, err := cache.Open(lockless{f}, dir)
		if err != nil {
			t.Fatal(err)
		}
		s.OnHealed(func(err error) { t.Errorf("reported as damage: %v", err) })
		for range 2 {
			mustHit(t, s, keys...)
		}
		var entries []cache.Entry
		for e, err := range s.Entries(ctx, "", "") {
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, e)
		}
		if lost, err := s.Reindex(t.Context()); err != nil || len(lost) > 0 {
			t.Errorf("Reindex = %v, %v", lost, err)
		}
		if n, err := s.Verify(ctx, entries, func(f cache.Fault) { t.Errorf("%s: %v", f.Artifact, f.Err) }); n == 0 || err != nil {
			t.Errorf("Verify = %d, %v", n, err)
		}
		if _, err := s.Publish(ctx, cachetest.Entry(cachetest.Key("k"), entries[0].Ingredients, 1)); !errors.Is(err, readOnly) {
			t.Errorf("Publish = %v, want %v", err, readOnly)
		}
	}
}

// lockless cannot create lock files either. A folder that is missing is noticed first.
type lockless struct{ *cachetest.Faulty }

func (l lockless) TryLock(name string) (func() error, bool, error) { return nil, false, l.create(name) }

func (l lockless) OpenFile(name string, flag int, mode fs.FileMode) (afero.File, error) {
	if flag&os.O_CREATE != 0 {
		return nil, l.create(name)
	}
	return l.Faulty.OpenFile(name, flag, mode)
}

func (l lockless) create(name string) error {
	if _, err := l.Stat(filepath.Dir(name)); err != nil {
		return err
	}
	return l.Err
}
