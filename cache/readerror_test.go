package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/afero"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// A file that cannot be read for a moment is not damaged: it stays where it is.
func TestReadErrorIsNoDamage(t *testing.T) {
	ctx := context.Background()
	f := &cachetest.Unreadable{FS: fsys.NewMemory()}
	s := open(t, f, "/store")
	e := kept(t, s, "k")
	small, large := "a line\n", strings.Repeat("a line\n", 3<<20)
	readers := map[string]func() error{
		"sealed": func() error { _, _, err := s.Sealed(e.Key); return err },
		"disown": func() error { return s.Disown(e, "again", time.Now()) },
	}
	for name, d := range map[string]cache.Digest{
		"small": put(t, s, rawType, small), "small, packed": put(t, s, packedType, small),
		"large": put(t, s, rawType, large), "large, packed": put(t, s, packedType, large),
	} {
		readers[name] = func() error { _, err := cache.ReadAll(ctx, s, d); return err }
		readers[name+", mapped"] = func() error { _, err := s.Map(ctx, d); return err }
		readers[name+", streamed"] = func() error {
			r, _, err := s.Stream(ctx, d)
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			return err
		}
	}
	if err := errors.Join(s.Disown(e, "wrong", time.Now()), s.PutSealed(e.Key, []byte("sealed"))); err != nil {
		t.Fatal(err)
	}
	for _, cause := range []error{syscall.EIO, syscall.ESTALE} {
		for name, read := range readers {
			f.Err = cause
			err := read()
			f.Err = nil
			var damaged *cache.DamagedError
			if !errors.Is(err, cause) || errors.As(err, &damaged) {
				t.Errorf("%s with %v: %v", name, cause, err)
			}
			if want := "remove the file"; cause == syscall.EIO && name != "disown" && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say what to do", name, err)
			}
		}
	}
	if n := s.DamageCount(); n > 0 {
		t.Errorf("%d files were moved aside", n)
	}
	for name, read := range readers {
		if err := read(); err != nil {
			t.Errorf("%s, once it can be read: %v", name, err)
		}
	}
}

// What cannot be looked at may be there: a lookup that reported it as missing would make
// a run compute it again, and a publication would replace the entry.
func TestReadErrorIsNotAbsence(t *testing.T) {
	ctx := context.Background()
	f := &cachetest.Unreadable{FS: fsys.NewMemory(), Stats: true}
	s := open(t, f, "/store")
	mustLookup(t, s) // writes an index
	empty, err := afero.ReadFile(f, "/store/index.2")
	if err != nil {
		t.Fatal(err)
	}
	e := kept(t, s, "k")
	publish(t, s, e)
	many := []cache.Key{e.Key}
	for i := range 100 {
		x := entryOf(t, s, fmt.Sprint("many ", i), "content")
		publish(t, s, x)
		many = append(many, x.Key)
	}
	mustLookup(t, s, many...)
	other := e
	other.Provenance = e.Ingredients
	f.Only = "/store/blobs"
	for name, use := range map[string]func() error{
		"few":     func() error { _, err := s.Lookup(ctx, e.Key); return err },
		"many":    func() error { _, err := s.Lookup(ctx, many...); return err },
		"publish": func() error { _, err := s.Publish(ctx, other); return err },
		"has":     func() error { _, err := s.Has(e.Ingredients); return err },
		"replace": func() error { return s.ReplaceDocuments(ctx, e.Key, e.Ingredients, e.Ingredients) },
	} {
		checkUnread(t, f, name, use)
	}
	if err := afero.WriteFile(f, "/store/index.2", empty, 0o644); err != nil {
		t.Fatal(err)
	}
	unindexed := open(t, f, "/store") // finds entries by their files
	f.Only = "/store/entries"
	checkUnread(t, f, "entry", func() error { _, err := unindexed.Lookup(ctx, e.Key); return err })
	if found := mustLookup(t, unindexed, e.Key); !found[0].OK {
		t.Error("the entry that the index lacks is not found")
	}
	if err := s.Disown(e, "wrong", time.Now()); err != nil {
		t.Fatal(err)
	}
	publish(t, s, e) // the same result, computed again
	f.Only = "/store/disowned/" + e.Key.String()[:2] + "/"
	checkUnread(t, f, "tombstone", func() error { _, err := s.Lookup(ctx, e.Key); return err })
	e.Created = mustLookup(t, s, e.Key)[0].Entry.Created
	if found := mustLookup(t, s, e.Key); !found[0].OK || !found[0].Entry.Same(e) || len(found[0].Absent)+len(found[0].Lost) > 0 {
		t.Errorf("once it can be read: %v", found)
	}
}

// Another version may have replaced the entry of which a document is gone: while its file
// cannot be read, the lookup does not answer with the entry that the index has.
func TestReadErrorOfStaleEntry(t *testing.T) {
	f := &cachetest.Unreadable{FS: fsys.NewMemory(), Only: "/store/entries"}
	s := open(t, f, "/store")
	e := kept(t, s, "k")
	publish(t, s, e)
	mustLookup(t, s, e.Key)
	blobs, err := afero.Glob(f, "/store/blobs/sha256/*/"+e.Ingredients.Hex()+"*")
	if err != nil || len(blobs) != 1 {
		t.Fatal(blobs, err)
	}
	if err := f.Remove(blobs[0]); err != nil {
		t.Fatal(err)
	}
	checkUnread(t, f, "lost ingredients", func() error { _, err := s.Lookup(t.Context(), e.Key); return err })
	if found := mustLookup(t, s, e.Key); !found[0].OK || len(found[0].Lost) != 1 {
		t.Errorf("once it can be read: %v", found)
	}
}

func checkUnread(t *testing.T, f *cachetest.Unreadable, name string, use func() error) {
	t.Helper()
	for _, cause := range []error{syscall.EIO, syscall.ESTALE, fs.ErrPermission} {
		f.Err = cause
		err := use()
		f.Err = nil
		if !errors.Is(err, cause) {
			t.Errorf("%s with %v: %v", name, cause, err)
		}
		if want := "make it readable"; errors.Is(cause, fs.ErrPermission) && (err == nil || strings.Count(err.Error(), want) != 1) {
			t.Errorf("%s: %v does not say what to do", name, err)
		}
	}
}

func mustLookup(t *testing.T, s *cache.Local, keys ...cache.Key) []cache.Found {
	t.Helper()
	found, err := s.Lookup(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Damage in a store that cannot be written stays where it is, and the message says so.
func TestDamageInReadOnlyStore(t *testing.T) {
	disk := fsys.NewMemory()
	d := put(t, open(t, disk, "/store"), rawType, "a line\n")
	blob := "/store/blobs/sha256/" + d.Hex()[:2] + "/" + d.Hex()
	if err := afero.WriteFile(disk, blob, []byte("another line\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := &cachetest.Faulty{FS: disk, At: 1, Err: syscall.EROFS, Crash: true}
	s := open(t, f, "/store")
	for _, tt := range []struct {
		inPlace bool
		want    string
	}{{true, "could not be moved"}, {false, "was moved to"}} {
		_, err := cache.ReadAll(t.Context(), s, d)
		var damaged *cache.DamagedError
		if !errors.As(err, &damaged) || damaged.InPlace != tt.inPlace || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ReadAll = %v, want that it %s", err, tt.want)
		}
		f.At = 0 // can be written again
		f.Crash = false
	}
}

// linkless is a file system without hard links, as on a memory card.
type linkless struct{ fsys.FS }

func (linkless) Link(a, b string) error {
	return &os.LinkError{Op: "link", Old: a, New: b, Err: syscall.EPERM}
}

func TestStoreWithoutLinks(t *testing.T) {
	s := open(t, linkless{fsys.NewMemory()}, "/store")
	w, err := s.Create(t.Context(), rawType)
	if err != nil {
		t.Fatal(err)
	}
	_, _, commit := w.Commit()
	_, _, lock := s.TryLock(cache.Key{1})
	for what, err := range map[string]error{"Commit": commit, "TryLock": lock} {
		if err == nil || !strings.Contains(err.Error(), "has no hard links") || strings.Contains(err.Error(), "writable") {
			t.Errorf("%s = %v, want what the file system lacks", what, err)
		}
	}
}
