package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// result is an entry for key k with a measurement and a checkpoint.
func result(t *testing.T, s *cache.Local, who string) cache.Entry {
	t.Helper()
	e := kept(t, s, "k")
	text := "measured by " + who
	e.Artifacts[0].Digest, e.Artifacts[0].Size = cachetest.Put(t, s, text), int64(len(text))
	e.Artifacts = append(e.Artifacts, cache.Artifact{Name: "weights", MediaType: "text/plain", Digest: cachetest.Put(t, s, "weights of "+who), Retention: cache.Evict})
	return e
}

// The first result of a key stays, whole. Only what is of no use any more is
// replaced, and only by a result that was computed here.
func TestWhichEntryStays(t *testing.T) {
	ctx := context.Background()
	metrics := func(e cache.Entry) cache.Digest { return e.Artifacts[0].Digest }
	weights := func(e cache.Entry) cache.Digest { return e.Artifacts[1].Digest }
	for _, tt := range []struct {
		name     string
		imported bool                                                    // the first entry was
		lose     func(cache.Entry) cache.Digest                          // what the first entry loses
		change   func(first cache.Entry, second cache.Entry) cache.Entry // nil: another result
		publish  bool                                                    // false: import
		replaced bool
	}{
		{name: "computed twice", publish: true},
		{name: "computed, then imported"},
		{name: "imported, then computed", imported: true, publish: true},
		{name: "evicted, then computed", lose: weights, publish: true},
		{name: "evicted, then imported", lose: weights},
		{name: "lost a measurement, then imported", lose: metrics},
		{name: "lost a measurement, then computed", lose: metrics, publish: true, replaced: true},
		{name: "lost its ingredients, then computed differently", lose: func(e cache.Entry) cache.Digest { return e.Ingredients }, publish: true},
		{name: "lost its provenance, then computed again", lose: func(e cache.Entry) cache.Digest { return e.Provenance }, publish: true, replaced: true,
			change: func(first, second cache.Entry) cache.Entry { second.Artifacts = first.Artifacts; return second }},
		{name: "lost its provenance, then imported", lose: func(e cache.Entry) cache.Digest { return e.Provenance },
			change: func(first, second cache.Entry) cache.Entry { second.Artifacts = first.Artifacts; return second }},
		{name: "same creation time, then imported", change: func(first, second cache.Entry) cache.Entry { second.Created = first.Created; return second }},
		{name: "imported without artifacts, then computed", imported: true, publish: true, replaced: true,
			change: func(_, second cache.Entry) cache.Entry { return second }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := cachetest.Memory(t)
			first := result(t, s, "first")
			if strings.Contains(tt.name, "without artifacts") {
				first.Artifacts = nil
			}
			add := s.Publish
			if tt.imported {
				add = s.Import
			}
			first, err := add(ctx, first)
			if err != nil {
				t.Fatal(err)
			}
			second := result(t, s, "second")
			second.Created = second.Created.Add(time.Minute)
			second.Provenance = cachetest.Put(t, s, "provenance of the second")
			if tt.change != nil {
				second = tt.change(first, second)
			}
			if tt.lose != nil {
				if err := s.Evict(ctx, tt.lose(first)); err != nil {
					t.Fatal(err)
				}
			}
			cachetest.Put(t, s, "ingredients of k")
			add = s.Import
			if tt.publish {
				add = s.Publish
			}
			got, err := add(ctx, second)
			if err != nil {
				t.Fatal(err)
			}
			want := first
			if tt.replaced {
				want = second
			}
			if !got.Same(want) {
				t.Errorf("the entry that stays has the artifacts %v, want %v", got.Artifacts, want.Artifacts)
			}
			found, err := s.Lookup(ctx, first.Key)
			if err != nil || !found[0].Entry.Same(want) {
				t.Errorf("Lookup = %+v, %v, want %v", found[0].Entry, err, want)
			}
		})
	}
}

// The blobs of an entry that comes from elsewhere complete the same entry here.
func TestImportCompletes(t *testing.T) {
	ctx := context.Background()
	s := cachetest.Memory(t)
	e := result(t, s, "first")
	publish(t, s, e)
	for _, d := range []cache.Digest{e.Artifacts[0].Digest, e.Ingredients, e.Provenance} {
		if err := s.Evict(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := s.Lookup(ctx, e.Key); err != nil || len(found[0].Absent) != 1 || len(found[0].Lost) != 2 {
		t.Errorf("Lookup = %+v, %v, want the lost blobs", found[0], err)
	}
	if got, err := s.Import(ctx, result(t, s, "first")); err != nil || got.Origin != cache.Computed {
		t.Errorf("Import = %+v, %v, want the entry computed here", got, err)
	}
	mustHit(t, s, e.Key)
}

// What comes from elsewhere is never taken for computed here.
func TestOrigin(t *testing.T) {
	ctx := context.Background()
	s := cachetest.Memory(t)
	for _, tt := range []struct {
		claimed, want cache.Origin
		add           func(context.Context, cache.Entry, ...string) (cache.Entry, error)
	}{
		{"", cache.Computed, s.Publish}, {cache.Verified, cache.Computed, s.Publish},
		{"", "", s.Import}, {cache.Computed, "", s.Import}, {cache.Verified, cache.Verified, s.Import}, {"else", "", s.Import},
	} {
		e := entryOf(t, s, string(tt.claimed+" to "+tt.want), "x")
		e.Origin = tt.claimed
		got, err := tt.add(ctx, e)
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.Lookup(ctx, e.Key)
		if err != nil || got.Origin != tt.want || found[0].Entry.Origin != tt.want {
			t.Errorf("an entry with origin %q is stored with %q and found with %q, want %q", tt.claimed, got.Origin, found[0].Entry.Origin, tt.want)
		}
	}
}

func TestDisown(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, fsys.NewOS(), dir)
	bad := result(t, s, "bad")
	publish(t, s, bad)
	other := open(t, fsys.NewOS(), dir)
	mustHit(t, other, bad.Key)
	if err := s.Disown(bad, "bad memory", time.Now()); err != nil {
		t.Fatal(err)
	}
	mustMiss(t, s, bad.Key)
	mustMiss(t, other, bad.Key)
	var disowned *cache.DisownedError
	if _, err := s.Import(ctx, bad); !errors.As(err, &disowned) || !strings.Contains(err.Error(), "bad memory") {
		t.Errorf("Import of a disowned result = %v, want it refused with the reason", err)
	}
	if err := s.Disowned(result(t, s, "another")); err != nil {
		t.Errorf("another result of the key: %v", err)
	}
	// An earlier version, which does not know the tombstone, brings it back.
	hex := bad.Key.String()
	if err := os.WriteFile(filepath.Join(dir, "entries", hex[:2], hex), cache.EncodeEntry(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	mustMiss(t, s, bad.Key)
	mustMiss(t, open(t, fsys.NewOS(), dir), bad.Key)
	// The same result, computed here again, is confirmed.
	bad.Created = time.Now().Add(time.Second)
	publish(t, s, bad)
	mustHit(t, s, bad.Key)
	mustHit(t, open(t, fsys.NewOS(), dir), bad.Key)
}

// A tombstone that is damaged anywhere, or is no file, still refuses what it
// refused.
func TestDamagedTombstones(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, fsys.NewOS(), dir)
	bad := result(t, s, "bad")
	publish(t, s, bad)
	if err := s.Disown(bad, "bad memory", time.Now()); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "disowned/*/*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("tombstones %v, %v", names, err)
	}
	raw, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string) {
		t.Helper()
		var disowned *cache.DisownedError
		if _, err := s.Import(ctx, bad); !errors.As(err, &disowned) {
			t.Fatalf("%s: Import = %v, want it refused", what, err)
		}
	}
	for at := range raw {
		changed := append([]byte{}, raw...)
		changed[at] ^= 1
		overwrite(t, names[0], changed)
		refused(string(changed))
	}
	overwrite(t, names[0], nil)
	refused("an empty tombstone")
	overwrite(t, names[0], raw[:len(raw)/2])
	refused("half a tombstone")
	if err := s.Disown(result(t, s, "another"), "also bad", time.Now()); err != nil {
		t.Fatal(err)
	}
	refused("a tombstone that replaced a damaged one")
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(names[0], 0o755); err != nil {
		t.Fatal(err)
	}
	refused("a folder")
}

// Waiting for the index ends with the context, so that an interrupt ends a process
// that waits for one which is suspended.
func TestPublishWaitEnds(t *testing.T) {
	f := fsys.NewMemory()
	s := open(t, f, "/store")
	e := kept(t, s, "k")
	unlock, ok, err := f.TryLock("/store/locks/index")
	if !ok || err != nil {
		t.Fatalf("the lock of the index: %v, %v", ok, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Publish(ctx, e); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish while the index is locked = %v", err)
	}
	if _, err := s.Lookup(ctx, e.Key); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lookup while the index is locked = %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Lookup(t.Context(), e.Key); err != nil || !found[0].OK {
		t.Errorf("Lookup afterwards = %v, %v", found, err)
	}
}
