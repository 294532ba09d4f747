package cache_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// format1 copies a store that a program with index format 1 made: a table of
// results, a norm and an analysis. It returns the keys.
func format1(t *testing.T) (dir string, keys []cache.Key) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/format1")); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"damaged", "leases", "locks", "logs", "tmp"} { // empty, and Git keeps no empty folders
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "entries", "*", "*"))
	if err != nil || len(names) != 3 {
		t.Fatalf("the fixture has the entries %v, %v, want 3", names, err)
	}
	for _, name := range names {
		k, err := cache.ParseKey(filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return dir, keys
}

// openSilent opens a store that must report no damage.
func openSilent(t *testing.T, dir string) *cache.Local {
	t.Helper()
	s := open(t, fsys.NewOS(), dir)
	s.OnHealed(func(err error) { t.Errorf("reported as damage: %v", err) })
	return s
}

// mustHit checks that the store has all keys with all their blobs.
func mustHit(t *testing.T, s *cache.Local, keys ...cache.Key) {
	t.Helper()
	found, err := s.Lookup(context.Background(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range found {
		if !f.OK || len(f.Absent)+len(f.Lost) > 0 {
			t.Errorf("Lookup(%s) = %+v, want a hit with all blobs", keys[i], f)
		}
	}
}

func mustMiss(t *testing.T, s *cache.Local, k cache.Key) {
	t.Helper()
	if found, err := s.Lookup(context.Background(), k); err != nil || found[0].OK {
		t.Errorf("Lookup(%s) = %+v, %v, want a miss", k, found[0], err)
	}
}

func TestStoreOfFormat1(t *testing.T) {
	ctx := context.Background()
	dir, keys := format1(t)
	before, err := os.ReadFile(filepath.Join(dir, "index"))
	if err != nil {
		t.Fatal(err)
	}
	s := openSilent(t, dir)
	mustHit(t, s, keys...)
	listed := 0
	for _, err := range s.Entries(ctx, "", "") {
		if err != nil {
			t.Fatal(err)
		}
		listed++
	}
	if listed != len(keys) {
		t.Errorf("%d entries are listed, want %d", listed, len(keys))
	}
	c, err := s.Collect(ctx, cache.CollectOptions{Budget: 0, Now: time.Now().Add(time.Hour)})
	if err != nil || len(c.Items) > 0 {
		t.Errorf("Collect = %+v, %v, want nothing to remove", c, err)
	}
	mustHit(t, openSilent(t, dir), keys...)
	if after, err := os.ReadFile(filepath.Join(dir, "index")); err != nil || string(after) != string(before) {
		t.Errorf("reading the store changed the index of format 1: %v", err)
	}
}

// version1 does to a store what programs with index format 1 do.
type version1 struct {
	t   *testing.T
	dir string
}

// lookup builds the index anew, which must be missing since it lacked entries.
func (v version1) lookup() {
	v.t.Helper()
	if _, err := os.Stat(filepath.Join(v.dir, "index")); !errors.Is(err, fs.ErrNotExist) {
		v.t.Errorf("the index of format 1 stays (%v): those programs would collect the blobs of what it lacks", err)
	}
	v.write("index", []byte("ablate index 1\n"))
}

// publish writes an entry, and replaces one that lost a blob. Its record in the index
// does not matter here.
func (v version1) publish(e cache.Entry) {
	v.t.Helper()
	v.write(filepath.Join("entries", e.Key.String()[:2], e.Key.String()), cache.EncodeEntry(e.Shared()))
}

// disown leaves a tombstone and removes the entry with the index.
func (v version1) disown(e cache.Entry, tombstone string) {
	v.t.Helper()
	hex := e.Key.String()
	v.write(filepath.Join("disowned", hex[:2], hex+".json"), []byte(tombstone))
	for _, name := range []string{filepath.Join("entries", hex[:2], hex), "index"} {
		if err := os.Remove(filepath.Join(v.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			v.t.Fatal(err)
		}
	}
}

func (v version1) write(name string, raw []byte) {
	v.t.Helper()
	path := filepath.Join(v.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		v.t.Fatal(err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		v.t.Fatal(err)
	}
}

// entryOf stores a text and describes an entry for it.
func entryOf(t *testing.T, s *cache.Local, name, text string) cache.Entry {
	t.Helper()
	return cachetest.Entry(cachetest.Key(name), cachetest.Put(t, s, text), len(text))
}

// Two versions of the program use a store in turn. Each finds what the other
// published, neither reports damage, and neither collects what the other needs.
func TestTwoVersionsInTurn(t *testing.T) {
	ctx := context.Background()
	dir, keys := format1(t)
	old := version1{t, dir}
	s := openSilent(t, dir)
	for i, name := range []string{"a", "b", "c"} {
		e := entryOf(t, s, name, "result "+name)
		if i%2 == 0 {
			old.publish(e)
		} else {
			publish(t, s, e)
			old.lookup()
		}
		keys = append(keys, e.Key)
		mustHit(t, s, keys...)
		mustHit(t, openSilent(t, dir), keys...)
	}

	// The earlier version replaces a result that lost its blob.
	lost := entryOf(t, s, "lost", "first result")
	publish(t, s, lost)
	old.lookup()
	if err := s.Evict(ctx, lost.Artifacts[0].Digest); err != nil {
		t.Fatal(err)
	}
	again := entryOf(t, s, "lost", "second result")
	old.publish(again)
	found, err := s.Lookup(ctx, lost.Key)
	if err != nil || !found[0].Entry.SameArtifacts(again) || len(found[0].Absent) > 0 {
		t.Errorf("Lookup of a result that the earlier version replaced = %+v, %v, want the new one", found[0], err)
	}

	// The earlier version disowns a result; this one publishes another.
	bad := entryOf(t, s, "a", "result a")
	raw := `[{"entry":` + string(cache.EncodeEntry(bad)[len("ablate entry 1 sha256:")+65:]) + `,"reason":"bad memory","time":"2026-01-02T03:04:05Z"}]`
	old.disown(bad, raw)
	mustMiss(t, s, bad.Key)
	mustMiss(t, openSilent(t, dir), bad.Key)
	if _, err := s.Import(ctx, bad); err == nil {
		t.Error("a result that the earlier version disowned is imported")
	}
	good := entryOf(t, s, "a", "another result a")
	publish(t, s, good)
	old.lookup()
	mustHit(t, s, keys...)
	mustHit(t, openSilent(t, dir), keys...)
}
