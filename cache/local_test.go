package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/afero"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

func TestLocalInMemory(t *testing.T) {
	cachetest.TestStore(t, func(t *testing.T) cache.Store { return open(t, fsys.NewMemory(), "/store") })
}

func TestLocalOnDisk(t *testing.T) {
	cachetest.TestStore(t, func(t *testing.T) cache.Store { return open(t, fsys.NewOS(), t.TempDir()) })
}

func open(t *testing.T, f fsys.FS, dir string) *cache.Local {
	t.Helper()
	s, err := cache.Open(f, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var errCrash = errors.New("crashed")

// scenario writes the index and a blob, a second blob without checking the error
// of Write, and publishes two entries of the first.
func scenario(f fsys.FS) error {
	s, err := cache.Open(f, "/store")
	if err != nil {
		return err
	}
	if _, err := s.Lookup(context.Background()); err != nil {
		return err
	}
	d, err := cachetest.TryPut(s, "hello")
	if err != nil {
		return err
	}
	w, err := s.Create(context.Background(), "application/octet-stream")
	if err != nil {
		return err
	}
	io.WriteString(w, "careless")
	if _, _, err := w.Commit(); err != nil {
		return err
	}
	for _, name := range []string{"one", "two"} {
		if _, err := s.Publish(context.Background(), cachetest.Entry(cachetest.Key(name), d, 5)); err != nil {
			return err
		}
	}
	return nil
}

// TestFaultsAtEveryOperation crashes or fails at each operation in turn. The store
// never returns a wrong result, and the scenario succeeds afterwards.
func TestFaultsAtEveryOperation(t *testing.T) {
	for _, fault := range []struct {
		name  string
		err   error
		crash bool
	}{{"crash", errCrash, true}, {"ENOSPC", syscall.ENOSPC, false}, {"EIO", syscall.EIO, false}, {"EROFS", syscall.EROFS, true}} {
		t.Run(fault.name, func(t *testing.T) {
			points := 0
			for at := 1; ; at++ {
				memory := fsys.NewMemory()
				f := &cachetest.Faulty{FS: memory, At: at, Err: fault.err, Crash: fault.crash}
				err := scenario(f)
				if f.Count() < at {
					break
				}
				points++
				if err == nil && fault.crash {
					t.Errorf("operation %d: a crash went unnoticed", at)
				}
				checkHonest(t, at, memory)
				if err := scenario(memory); err != nil {
					t.Fatalf("operation %d: the store did not heal: %v", at, err)
				}
				if !honest(t, memory, true) {
					t.Errorf("operation %d: after healing, something is missing", at)
				}
			}
			if points < 10 {
				t.Errorf("only %d operations were tried", points)
			}
			t.Logf("%d operations tried, all healed", points)
		})
	}
}

func checkHonest(t *testing.T, at int, memory fsys.FS) {
	t.Helper()
	if !honest(t, memory, false) {
		t.Errorf("operation %d: the store returns a wrong result", at)
	}
}

// honest reports whether every entry that the store has can be read back. With
// complete, it must have both.
func honest(t *testing.T, f fsys.FS, complete bool) bool {
	t.Helper()
	s, err := cache.Open(f, "/store")
	if err != nil {
		return !complete // a store that was never created has no entries
	}
	ctx := context.Background()
	for _, text := range []string{"hello", "careless"} { // a partly written blob never has the name of the whole
		var damaged *cache.DamagedError
		if _, err := cache.ReadAll(ctx, s, cache.DigestOf([]byte(text))); errors.As(err, &damaged) {
			return false
		}
	}
	found, err := s.Lookup(ctx, cachetest.Key("one"), cachetest.Key("two"))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range found {
		if !x.OK || len(x.Absent) > 0 {
			if complete {
				return false
			}
			continue
		}
		got, err := cache.ReadAll(ctx, s, x.Entry.Artifacts[0].Digest)
		if err != nil || string(got) != "hello" {
			return false
		}
	}
	return true
}

// damage applies f to the only file that matches.
func damage(t *testing.T, dir, pattern string, f func(path string, content []byte)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%s matches %v, %v", pattern, paths, err)
	}
	raw, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(paths[0], 0o644); err != nil {
		t.Fatal(err)
	}
	f(paths[0], raw)
}

func flip(t *testing.T) func(string, []byte) {
	return func(path string, raw []byte) {
		raw[len(raw)/2] ^= 1
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func cut(t *testing.T) func(string, []byte) {
	return func(path string, raw []byte) {
		if err := os.WriteFile(path, raw[:len(raw)-3], 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t *testing.T) func(string, []byte) {
	return func(path string, _ []byte) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamage: wrong bytes are never returned, publishing again heals what is damaged,
// and an index is rebuilt.
func TestDamage(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		name, pattern string
		harm          func(*testing.T) func(string, []byte)
		stillHit      bool
		healed        string // what is reported without an error
	}{
		{"a flipped bit in a blob", "blobs/sha256/*/*", flip, false, ""},
		{"a truncated blob", "blobs/sha256/*/*", cut, false, ""},
		{"a deleted blob", "blobs/sha256/*/*", remove, false, ""},
		{"a flipped bit in the index", "index.2", flip, true, "the index"},
		{"a torn index", "index.2", cut, true, ""},
		{"a deleted index", "index.2", remove, true, ""},
		{"a flipped bit in an entry, index gone", "entries/*/*", flip, false, "entry " + cachetest.Key("k").String()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, fsys.NewOS(), dir)
			d := cachetest.Put(t, s, "hello")
			k := cachetest.Key("k")
			if _, err := s.Lookup(ctx, k); err != nil { // makes the index
				t.Fatal(err)
			}
			if _, err := s.Publish(ctx, cachetest.Entry(k, d, 5)); err != nil {
				t.Fatal(err)
			}
			damage(t, dir, tt.pattern, tt.harm(t))
			if strings.Contains(tt.name, "index gone") {
				damage(t, dir, "index.2", remove(t))
			}
			s = open(t, fsys.NewOS(), dir)
			healed := ""
			s.OnHealed(func(err error) { healed += err.Error() })
			got, err := cache.ReadAll(ctx, s, d)
			if err == nil && string(got) != "hello" {
				t.Fatalf("wrong bytes are returned: %q", got)
			}
			var damaged *cache.DamagedError
			if err != nil && !errors.As(err, &damaged) && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("reading = %v, want a damaged or a missing blob", err)
			}
			found, err := s.Lookup(ctx, k)
			if err != nil {
				t.Fatal(err)
			}
			if hit := found[0].OK && len(found[0].Absent) == 0; hit != tt.stillHit {
				t.Errorf("hit = %v, want %v", hit, tt.stillHit)
			}
			if !strings.HasPrefix(healed, tt.healed) || tt.healed == "" && healed != "" {
				t.Errorf("reported %q, want %q", healed, tt.healed)
			}
			if cachetest.Put(t, s, "hello") != d {
				t.Fatal("another digest")
			}
			if _, err := s.Publish(ctx, cachetest.Entry(k, d, 5)); err != nil {
				t.Fatal(err)
			}
			if got, err := cache.ReadAll(ctx, s, d); err != nil || string(got) != "hello" {
				t.Errorf("after publishing again: %q, %v", got, err)
			}
			if found, err := s.Lookup(ctx, k); err != nil || !found[0].OK || len(found[0].Absent) > 0 {
				t.Errorf("after publishing again: %+v, %v, want a hit", found, err)
			}
		})
	}
}

func TestAnEntryThatTheIndexMissedIsFound(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	s := open(t, fsys.NewOS(), dir)
	d := cachetest.Put(t, s, "hello")
	for i := range 3 {
		if _, err := s.Publish(ctx, cachetest.Entry(cachetest.Key(fmt.Sprint(i)), d, 5)); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := s.Lookup(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	// As after a crash between the entry and the index.
	raw, err := os.ReadFile(filepath.Join(dir, "index.2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.2"), raw[:len("ablate index 2\n")], 0o644); err != nil {
		t.Fatal(err)
	}
	found, err := open(t, fsys.NewOS(), dir).Lookup(ctx, cachetest.Key("0"), cachetest.Key("2"))
	if err != nil || !found[0].OK || !found[1].OK {
		t.Errorf("Lookup = %v, %v, want both entries", found, err)
	}
}

func TestANewerStoreIsNotTouched(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "format"), []byte("ablate store 2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Open(fsys.NewOS(), dir); err == nil || !strings.Contains(err.Error(), "ABLATE_CACHE_DIR") {
		t.Errorf("Open = %v, want an error that says what to do", err)
	}
}

func TestStatCache(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "text")
	s := open(t, fsys.NewOS(), filepath.Join(dir, "store"))
	computed := 0
	compute := func() (cache.Digest, int64, error) {
		computed++
		raw, err := os.ReadFile(file)
		return cache.DigestOf(raw), int64(len(raw)), err
	}
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(file, then, then); err != nil {
			t.Fatal(err)
		}
	}
	c := s.StatCache()
	ask := func(want string) {
		t.Helper()
		d, _, err := c.Digest(file, "v", compute)
		if err != nil || d != cache.DigestOf([]byte(want)) {
			t.Errorf("Digest = %s, %v, want that of %q", d, err, want)
		}
	}
	write("one", time.Hour) // its change time is now, so it is not trusted yet
	ask("one")
	ask("one")
	if computed != 2 {
		t.Errorf("computed %d times, want 2: so young a file may change unnoticed", computed)
	}
	write("two", time.Hour) // the same size and modification time
	ask("two")
	if err := os.WriteFile(filepath.Join(dir, "store", "memo", "sources.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	c = s.StatCache()
	ask("two")
}

func TestMemo(t *testing.T) {
	f := fsys.NewMemory()
	s := open(t, f, "/store")
	exe, other := cache.DigestOf([]byte("a")), cache.DigestOf([]byte("b"))
	what := cache.String("step")
	value := cache.DigestOf([]byte("fingerprint"))
	computed := 0
	ask := func(m *cache.Memo) {
		t.Helper()
		d, err := m.Digest(what, func() (cache.Digest, error) { computed++; return value, nil })
		if err != nil || d != value {
			t.Errorf("Digest = %s, %v", d, err)
		}
	}
	m := s.Memo(exe)
	ask(m)
	ask(m)
	if err := m.Save(); err != nil {
		t.Fatal(err)
	}
	ask(s.Memo(exe))
	if computed != 1 {
		t.Errorf("computed %d times, want once", computed)
	}
	ask(s.Memo(other))
	if computed != 2 {
		t.Error("another executable uses what this one computed")
	}
	if err := afero.WriteFile(f, "/store/memo/"+exe.Hex(), []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	ask(s.Memo(exe))
	if computed != 3 {
		t.Error("a damaged file is used")
	}
	failed := errors.New("no")
	if _, err := m.Digest(cache.String("x"), func() (cache.Digest, error) { return cache.Digest{}, failed }); !errors.Is(err, failed) {
		t.Errorf("a failure comes back as %v", err)
	}
}

func TestRoots(t *testing.T) {
	s := open(t, fsys.NewMemory(), "/store")
	now := time.Unix(100, 0).UTC()
	for i, r := range []cache.Root{{Study: "a", Dir: "/x", Time: now}, {Study: "a", Dir: "/y", Time: now.Add(1)}, {Study: "a", Dir: "/x", Time: now.Add(2), Keys: []cache.Key{cachetest.Key("k")}}} {
		if err := s.PutRoot(r); err != nil {
			t.Fatalf("root %d: %v", i, err)
		}
	}
	roots, err := s.Roots()
	if err != nil || len(roots) != 2 || roots[0].Dir != "/x" || len(roots[0].Keys) != 1 {
		t.Errorf("Roots = %+v, %v, want the last of each folder, newest first", roots, err)
	}
}
