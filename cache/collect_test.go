package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/afero"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// everything are options that protect nothing by its age.
func everything() cache.CollectOptions {
	return cache.CollectOptions{Budget: 0, Now: time.Now().Add(time.Hour)}
}

// kept is an entry whose artifact always stays.
func kept(t *testing.T, s *cache.Local, name string) cache.Entry {
	t.Helper()
	e := entryOf(t, s, name, "measured by "+name)
	e.Artifacts[0].Retention = cache.Keep
	e.Ingredients, e.Provenance = cachetest.Put(t, s, "ingredients of "+name), cachetest.Put(t, s, "provenance of "+name)
	return e
}

func publish(t *testing.T, s *cache.Local, e cache.Entry) {
	t.Helper()
	if _, err := s.Publish(context.Background(), e); err != nil {
		t.Fatal(err)
	}
}

// Whatever keeps an entry out of the index or out of its file, garbage
// collection either knows about it or removes nothing.
func TestCollectInDoubt(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		name  string
		harm  func(t *testing.T, dir string, e cache.Entry)
		doubt string // "": there is none, and everything is still there
		lost  bool   // the entry itself
	}{
		{"index without the entry", func(t *testing.T, dir string, _ cache.Entry) {
			overwrite(t, filepath.Join(dir, "index.2"), []byte("ablate index 2\n"))
		}, "", false},
		{"damaged index", func(t *testing.T, dir string, _ cache.Entry) {
			damage(t, dir, "index.2", flip(t))
		}, "", false},
		{"damaged entry", func(t *testing.T, dir string, e cache.Entry) {
			damage(t, dir, "entries/*/"+e.Key.String(), flip(t))
		}, "", false},
		{"missing entry file", func(t *testing.T, dir string, e cache.Entry) {
			damage(t, dir, "entries/*/"+e.Key.String(), remove(t))
		}, "is missing", false},
		{"damaged entry without index", func(t *testing.T, dir string, e cache.Entry) {
			damage(t, dir, "index.2", remove(t))
			damage(t, dir, "entries/*/"+e.Key.String(), flip(t))
		}, "is damaged", true},
		{"truncated entry without index", func(t *testing.T, dir string, e cache.Entry) {
			damage(t, dir, "index.2", remove(t))
			damage(t, dir, "entries/*/"+e.Key.String(), cut(t))
		}, "is damaged", true},
		{"entry that an earlier version moved aside", func(t *testing.T, dir string, e cache.Entry) {
			damage(t, dir, "index.2", remove(t))
			hex := e.Key.String()
			if err := os.Rename(filepath.Join(dir, "entries", hex[:2], hex), filepath.Join(dir, "damaged", hex)); err != nil {
				t.Fatal(err)
			}
		}, "is damaged", true},
		{"no folder of entries", func(t *testing.T, dir string, _ cache.Entry) {
			if err := os.Rename(filepath.Join(dir, "entries"), filepath.Join(dir, "elsewhere")); err != nil {
				t.Fatal(err)
			}
		}, "folder of entries", true},
		{"no folder of entries and no index", func(t *testing.T, dir string, _ cache.Entry) {
			damage(t, dir, "index.2", remove(t))
			if err := os.Rename(filepath.Join(dir, "entries"), filepath.Join(dir, "elsewhere")); err != nil {
				t.Fatal(err)
			}
		}, "folder of entries", true},
		{"a file in place of a folder of entries", func(t *testing.T, dir string, e cache.Entry) {
			sub := filepath.Join(dir, "entries", e.Key.String()[:2])
			damage(t, dir, "index.2", remove(t))
			if err := os.Rename(sub, filepath.Join(dir, "elsewhere")); err != nil {
				t.Fatal(err)
			}
			overwrite(t, sub, nil)
		}, "not a folder", true},
		{"damaged root", func(t *testing.T, dir string, _ cache.Entry) {
			damage(t, dir, "roots/*", flip(t))
		}, "roots", false},
		{"truncated root", func(t *testing.T, dir string, _ cache.Entry) {
			damage(t, dir, "roots/*", cut(t))
		}, "roots", false},
		{"damaged pin", func(t *testing.T, dir string, _ cache.Entry) {
			damage(t, dir, "pins/*", flip(t))
		}, "pins", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, fsys.NewOS(), dir)
			if _, err := s.Lookup(ctx); err != nil { // writes the index
				t.Fatal(err)
			}
			e, rooted := kept(t, s, "k"), entryOf(t, s, "rooted", "needed by a run")
			publish(t, s, e)
			publish(t, s, rooted)
			if err := s.PutRoot(cache.Root{Study: "s", Dir: "d", Keys: []cache.Key{rooted.Key}}); err != nil {
				t.Fatal(err)
			}
			if err := s.AddPin(cache.Pin{Key: rooted.Key, Address: "a"}); err != nil {
				t.Fatal(err)
			}
			garbage := cachetest.Put(t, s, "no entry names it")
			tt.harm(t, dir, e)

			s = open(t, fsys.NewOS(), dir)
			c, err := s.Collect(ctx, everything())
			var doubt *cache.DoubtError
			if tt.doubt != "" {
				if !errors.As(err, &doubt) || !strings.Contains(err.Error(), tt.doubt) {
					t.Errorf("Collect = %v, want a doubt about %q", err, tt.doubt)
				}
			} else if err != nil {
				t.Errorf("Collect = %v, want no doubt", err)
			} else if _, err := c.Apply(ctx); err != nil {
				t.Errorf("Apply: %v", err)
			}
			if _, err := cache.ReadAll(ctx, s, garbage); (err == nil) != (tt.doubt != "") {
				t.Errorf("reading garbage afterwards: %v, want it gone only without doubts", err)
			}
			for _, d := range []cache.Digest{e.Ingredients, e.Provenance, e.Artifacts[0].Digest, rooted.Artifacts[0].Digest} {
				if _, err := cache.ReadAll(ctx, s, d); err != nil {
					t.Errorf("a blob that was needed: %v", err)
				}
			}
			if !tt.lost {
				mustHit(t, s, e.Key, rooted.Key)
			}
		})
	}
}

func overwrite(t *testing.T, name string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(name, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A doubt ends when the entry is published again, or verify has written it.
func TestDoubtsEnd(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, fsys.NewOS(), dir)
	e := kept(t, s, "k")
	publish(t, s, e)
	if _, err := s.Lookup(ctx); err != nil {
		t.Fatal(err)
	}
	damage(t, dir, "entries/*/*", remove(t))
	if _, err := s.Collect(ctx, everything()); err == nil {
		t.Error("Collect has no doubt about a missing file")
	}
	if lost, err := s.Reindex(t.Context()); err != nil || len(lost) > 0 {
		t.Errorf("Reindex = %v, %v, want the file restored from the index", lost, err)
	}
	if _, err := s.Collect(ctx, everything()); err != nil {
		t.Errorf("Collect after Reindex: %v", err)
	}
	damage(t, dir, "index.2", remove(t))
	damage(t, dir, "entries/*/*", flip(t))
	s = open(t, fsys.NewOS(), dir)
	if lost, err := s.Reindex(t.Context()); err != nil || len(lost) != 1 {
		t.Errorf("Reindex = %v, %v, want the damaged entry", lost, err)
	}
	if _, err := s.Collect(ctx, everything()); err == nil {
		t.Error("Collect has no doubt about a damaged entry")
	}
	publish(t, s, kept(t, s, "k"))
	if _, err := s.Collect(ctx, everything()); err != nil {
		t.Errorf("Collect after the entry was published again: %v", err)
	}
}

func TestCollectWithUnreadableFolders(t *testing.T) {
	for _, dir := range []string{"entries", "entries/" + cachetest.Key("k").String()[:2], "roots", "pins", "leases", "damaged", "disowned"} {
		t.Run(dir, func(t *testing.T) {
			ctx := context.Background()
			memory := fsys.NewMemory()
			s := open(t, memory, "/store")
			e := kept(t, s, "k")
			publish(t, s, e)
			if err := s.PutRoot(cache.Root{Study: "s", Keys: []cache.Key{e.Key}}); err != nil {
				t.Fatal(err)
			}
			if err := s.AddPin(cache.Pin{Key: e.Key}); err != nil {
				t.Fatal(err)
			}
			if _, ok, err := s.TryLock(e.Key); !ok || err != nil {
				t.Fatal(ok, err)
			}
			if err := s.Disown(entryOf(t, s, "bad", "bad"), "bad", time.Now()); err != nil {
				t.Fatal(err)
			}
			s = open(t, &cachetest.Unreadable{FS: memory, Err: syscall.EIO, Only: "/store/" + dir}, "/store")
			var doubt *cache.DoubtError
			if _, err := s.Collect(ctx, everything()); !errors.As(err, &doubt) {
				t.Errorf("Collect = %v, want a doubt", err)
			}
		})
	}
}

// A garbage collection after a crash or a full disk at any operation removes
// nothing that an entry needs, and all temporary files.
func TestCollectAfterFaults(t *testing.T) {
	ctx := context.Background()
	for _, fault := range []struct {
		name  string
		err   error
		crash bool
	}{{"crash", errCrash, true}, {"ENOSPC", syscall.ENOSPC, false}} {
		t.Run(fault.name, func(t *testing.T) {
			for at := 1; ; at++ {
				memory := fsys.NewMemory()
				f := &cachetest.Faulty{FS: memory, At: at, Err: fault.err, Crash: fault.crash}
				scenario(f) // fails
				if f.Count() < at {
					return
				}
				s, err := cache.Open(memory, "/store")
				if err != nil {
					continue
				}
				published, err := entriesOf(memory)
				if err != nil {
					t.Fatal(err)
				}
				c, err := s.Collect(ctx, everything())
				if err != nil {
					t.Fatalf("operation %d: Collect: %v", at, err)
				}
				if _, err := c.Apply(ctx); err != nil {
					t.Fatalf("operation %d: Apply: %v", at, err)
				}
				if left := leftovers(t, memory); len(left) > 0 {
					t.Errorf("operation %d: leftovers stay: %v", at, left)
				}
				for _, e := range published {
					for _, d := range []cache.Digest{e.Ingredients, e.Provenance} {
						if _, err := cache.ReadAll(ctx, s, d); err != nil {
							t.Errorf("operation %d: %v", at, err)
						}
					}
				}
			}
		})
	}
}

// leftovers lists temporary files, whatever folder they are in.
func leftovers(t *testing.T, f fsys.FS) (left []string) {
	t.Helper()
	temporary := regexp.MustCompile(`-\d+$`)
	err := afero.Walk(f, "/store", func(path string, info fs.FileInfo, err error) error {
		if err == nil && !info.IsDir() && temporary.MatchString(path) {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// entriesOf reads every entry that has a file.
func entriesOf(f fsys.FS) ([]cache.Entry, error) {
	names, err := afero.Glob(f, "/store/entries/*/*")
	if err != nil {
		return nil, err
	}
	var out []cache.Entry
	for _, name := range names {
		raw, err := afero.ReadFile(f, name)
		if err != nil {
			return nil, err
		}
		if e, err := cache.DecodeEntry(raw); err == nil {
			out = append(out, e)
		}
	}
	return out, nil
}

// A collection that is killed or fails at any of its operations loses nothing:
// the next one puts back what is needed.
func TestCollectionsThatFail(t *testing.T) {
	ctx := context.Background()
	for at := 1; ; at++ {
		memory := fsys.NewMemory()
		s := open(t, memory, "/store")
		e := kept(t, s, "k")
		cachetest.Put(t, s, "garbage")
		f := &cachetest.Faulty{FS: memory, At: at, Err: errCrash, Crash: true}
		failing := open(t, memory, "/store")
		c, err := failing.Collect(ctx, everything())
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Items) < 4 {
			t.Fatalf("%d items, want the blobs of the unpublished entry and a garbage one", len(c.Items))
		}
		c.Use(f)
		c.Apply(ctx) // fails; meanwhile, an action publishes an entry that needs some of it
		if f.Count() < at {
			return
		}
		if _, err := s.Publish(ctx, e); err != nil { // some are in the trash
			kept(t, s, "k")
			publish(t, s, e)
		}
		c, err = s.Collect(ctx, everything())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Apply(ctx); err != nil {
			t.Fatal(err)
		}
		mustHit(t, s, e.Key)
	}
}

// Logs and journals do not grow without bound. Those of needed results and of recent
// runs stay.
func TestCollectRecords(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s, err := cache.Open(fsys.NewOS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	needed, other := kept(t, s, "needed"), kept(t, s, "other")
	publish(t, s, needed)
	publish(t, s, other)
	huge := kept(t, s, "huge")
	publish(t, s, huge)
	if err := s.PutRoot(cache.Root{Study: "s", Dir: "d", Time: time.Now(), Keys: []cache.Key{needed.Key, huge.Key}}); err != nil {
		t.Fatal(err)
	}
	log := func(k cache.Key) string { return filepath.Join(s.LogDir(), k.String()[:2], k.String()+".log") }
	write := func(path string, size int64, age time.Duration) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600), os.Truncate(path, size)); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write(log(needed.Key), 1000, 30*time.Hour)
	write(log(other.Key), 1000, 30*time.Hour)
	write(log(huge.Key), 300<<20, 40*time.Hour) // a sparse file
	young := filepath.Join(s.LogDir(), "young.log")
	write(young, 1000, time.Hour)
	journal := func(i int) string { return filepath.Join(s.RunDir(), fmt.Sprintf("%02d.jsonl", i)) }
	for i := range 30 {
		write(journal(i), 100, time.Duration(100+i)*time.Hour)
	}

	c, err := s.Collect(ctx, cache.CollectOptions{Budget: -1, Grace: 24 * time.Hour, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(ctx); err != nil {
		t.Fatal(err)
	}
	stays := func(path string, want bool) {
		t.Helper()
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v, want it to stay: %v", path, err, want)
		}
	}
	stays(log(needed.Key), true)
	stays(log(other.Key), false)
	stays(log(huge.Key), false)
	stays(young, true)
	for i := range 30 {
		stays(journal(i), i < 20)
	}
}

// What several pinned entries depend on is protected until none of them is pinned.
func TestUnpin(t *testing.T) {
	s := open(t, fsys.NewMemory(), "/store")
	data, a, b, old := cachetest.Key("data"), cachetest.Key("a"), cachetest.Key("b"), cachetest.Key("old")
	for i, p := range []cache.Pin{{Key: data, For: a}, {Key: a, For: a}, {Key: data, For: b}, {Key: b, For: b}, {Key: old}} {
		p.Time = time.Unix(int64(i), 0)
		if err := s.AddPin(p); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		of   cache.Key
		free []cache.Key
		left int
	}{
		{a, []cache.Key{a}, 3},
		{a, nil, 3},
		{b, []cache.Key{data, b}, 1},
		{cache.Key{}, []cache.Key{old}, 0},
	} {
		free, err := s.Unpin(func(p cache.Pin) bool { return p.For == tt.of })
		var got []cache.Key
		for _, p := range free {
			got = append(got, p.Key)
		}
		if err != nil || !slices.Equal(got, tt.free) {
			t.Errorf("Unpin(%v) = %v, %v, want %v", tt.of, got, err, tt.free)
		}
		if left, err := s.Pins(); err != nil || len(left) != tt.left {
			t.Errorf("then %d pins, %v, want %d", len(left), err, tt.left)
		}
	}
}

// A lock that a process left, because it was killed or has a file system without locks,
// keeps nothing. Its lease does, until it counts as left over.
func TestALockThatStaysKeepsNothing(t *testing.T) {
	for folder, keeps := range map[string]bool{"locks/%s": false, "leases/%s.1": true} {
		memory := fsys.NewMemory()
		s := open(t, memory, "/store")
		e := kept(t, s, "k")
		e.Artifacts[0].Retention = cache.Evict
		publish(t, s, e)
		if err := afero.WriteFile(memory, "/store/"+fmt.Sprintf(folder, e.Key), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := s.Collect(t.Context(), cache.CollectOptions{Budget: -1, Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Items) == 0 != keeps {
			t.Errorf("%s: collected %v, want something: %t", folder, c.Items, !keeps)
		}
	}
}

// A blob that is made again between the plan of a collection and its execution stays: the
// entry that names it is about to be published.
func TestBlobMadeAgainStays(t *testing.T) {
	for _, grace := range []time.Duration{0, 24 * time.Hour} {
		f := fsys.NewMemory()
		s := open(t, f, "/store")
		content := "made by an action that was interrupted"
		d := put(t, s, rawType, content)
		old := time.Now().Add(-48 * time.Hour)
		if err := f.Chtimes("/store/blobs/sha256/"+d.Hex()[:2]+"/"+d.Hex(), old, old); err != nil {
			t.Fatal(err)
		}
		c, err := s.Collect(t.Context(), cache.CollectOptions{Budget: -1, Grace: grace, Now: time.Now()})
		if err != nil || len(c.Items) != 1 || c.Kept != 0 {
			t.Fatalf("Collect = %v, %v, want one blob", c, err)
		}
		put(t, s, rawType, content)
		size := int64(len(content))
		if freed, err := c.Apply(t.Context()); err != nil || grace > 0 && (freed != 0 || c.Kept != size || c.Young != size) {
			t.Fatalf("Apply with grace %v frees %d, %v, and keeps %d, of which %d are young", grace, freed, err, c.Kept, c.Young)
		}
		publish(t, s, cachetest.Entry(cachetest.Key("k"), d, len(content)))
	}
}
