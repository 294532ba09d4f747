//go:build unix

package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// A folder of the store that was replaced by something else is made anew, and the
// damage is reported. Where it said what the store needs, nothing is collected until a
// user decides.
func TestFoldersAreRestored(t *testing.T) {
	ctx := context.Background()
	for _, folder := range []string{"roots", "memo", "pins", "entries", "blobs", "blobs/sha256", "locks", "leases", "tmp", "damaged", "trash", "sealed", "evidence", "logs"} {
		t.Run(folder, func(t *testing.T) {
			dir := populated(t)
			path := filepath.Join(dir, folder)
			if err := errors.Join(os.RemoveAll(path), syscall.Mkfifo(path, 0o644)); err != nil {
				t.Fatal(err)
			}
			s := open(t, fsys.NewOS(), dir)
			var reported []error
			s.OnHealed(func(err error) { reported = append(reported, err) })
			if len(reported) == 0 || !strings.Contains(reported[0].Error(), path) {
				t.Errorf("reported %v, want that %s was not a folder", reported, path)
			}
			e := kept(t, s, "new")
			publish(t, s, e)
			memo := s.Memo(cache.Digest{1})
			if _, err := memo.Digest(cache.String("x"), func() (cache.Digest, error) { return cache.Digest{}, nil }); err != nil {
				t.Fatal(err)
			}
			unlock, ok, err := s.TryLock(e.Key)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if err := errors.Join(unlock(), memo.Save(), s.PutRoot(cache.Root{Study: "s"}), s.AddPin(cache.Pin{Key: e.Key}),
				s.PutSealed(e.Key, []byte("sealed")), s.AddEvidence(e.Key, cache.Evidence{})); err != nil {
				t.Error(err)
			}
			mustHit(t, s, e.Key)
			if _, err := s.Reindex(t.Context()); err != nil {
				t.Errorf("Reindex: %v", err)
			}
			_, err = s.Collect(ctx, cache.CollectOptions{Now: time.Now().Add(time.Hour)})
			var doubt *cache.DoubtError
			decides := folder == "roots" || folder == "pins" || folder == "sealed" || folder == "entries" || folder == "damaged"
			if errors.As(err, &doubt) != decides {
				t.Errorf("Collect: %v, in doubt should be %v", err, decides)
			}
		})
	}
}

// Launchers find the folders of logs in place.
func TestFolderOfLogsIsRestored(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(open(t, fsys.NewOS(), dir).LogDir(), "ab")
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, fsys.NewOS(), dir)
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		t.Errorf("%v, %v, want a folder", info, err)
	}
}

// A folder of entries that was replaced is restored from the index.
func TestFolderOfEntriesIsRestored(t *testing.T) {
	dir := t.TempDir()
	s := open(t, fsys.NewOS(), dir)
	e := kept(t, s, "k")
	publish(t, s, e)
	if _, err := s.Lookup(context.Background()); err != nil { // writes the index
		t.Fatal(err)
	}
	path := filepath.Join(dir, "entries", e.Key.String()[:2])
	if err := errors.Join(os.RemoveAll(path), syscall.Mkfifo(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	if lost, err := open(t, fsys.NewOS(), dir).Reindex(t.Context()); err != nil || len(lost) != 1 {
		t.Errorf("Reindex = %v, %v, want the lost folder", lost, err)
	}
	if _, err := os.Stat(filepath.Join(path, e.Key.String())); err != nil {
		t.Error(err)
	}
}

// Clean-up jobs delete empty folders, and files that have not been read for a long time.
func TestFoldersAreMadeWhereMissing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, fsys.NewOS(), dir)
	e := kept(t, s, "k")
	publish(t, s, e)
	mustHit(t, s, e.Key)
	gone := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	gone("locks", "index.2")
	mustHit(t, open(t, fsys.NewOS(), dir), e.Key)
	gone("tmp")
	d := cachetest.Put(t, s, "made again")
	gone("tmp")
	publish(t, s, kept(t, s, "other"))
	gone("locks", "tmp")
	unlock, ok, err := s.TryLock(cachetest.Key("locked"))
	if err != nil || !ok || unlock() != nil {
		t.Error(ok, err)
	}
	gone(filepath.Join("entries", e.Key.String()[:2]))
	if err := s.Evict(t.Context(), e.Provenance); err != nil {
		t.Fatal(err)
	}
	if err := s.ReplaceDocuments(t.Context(), e.Key, d, d); err != nil {
		t.Errorf("replacing the documents of an entry that only the index has: %v", err)
	}
	gone("index.2")
	mustHit(t, open(t, fsys.NewOS(), dir), e.Key)
}

// What file managers leave in the folders of a store is no part of it.
func TestForeignFiles(t *testing.T) {
	dir := populated(t)
	for _, folder := range []string{"", "entries", "blobs", "blobs/sha256", "disowned", "roots", "pins", "sealed", "evidence", "leases", "locks", "memo", "logs", "damaged"} {
		name := filepath.Join(dir, folder, ".DS_Store")
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte("x"), 0o644), syscall.Mkfifo(filepath.Join(dir, folder, "pipe"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, fsys.NewOS(), dir)
	s.OnHealed(func(err error) { t.Errorf("reported as damage: %v", err) })
	mustHit(t, s, cachetest.Key("k"))
	if lost, err := s.Reindex(t.Context()); err != nil || len(lost) > 0 {
		t.Errorf("Reindex = %v, %v", lost, err)
	}
	if _, err := s.Collect(context.Background(), cache.CollectOptions{Now: time.Now()}); err != nil {
		t.Errorf("Collect: %v", err)
	}
}

// An index that was replaced by a folder is written anew once.
func TestFolderInPlaceOfIndex(t *testing.T) {
	dir := t.TempDir()
	e := kept(t, open(t, fsys.NewOS(), dir), "k")
	publish(t, open(t, fsys.NewOS(), dir), e)
	if err := os.MkdirAll(filepath.Join(dir, "index.2", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	mustHit(t, open(t, fsys.NewOS(), dir), e.Key)
	s := open(t, fsys.NewOS(), dir)
	s.OnHealed(func(err error) { t.Errorf("reported again: %v", err) })
	mustHit(t, s, e.Key)
}
