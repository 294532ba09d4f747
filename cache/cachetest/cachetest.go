// Package cachetest has conformance suites for stores and remotes, and file
// systems and networks with faults.
package cachetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"ablate/cache"
)

// Put stores text as a blob.
func Put(t testing.TB, s cache.Store, text string) cache.Digest {
	t.Helper()
	d, err := TryPut(s, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TryPut stores text as a blob and may fail.
func TryPut(s cache.Store, text string) (cache.Digest, error) {
	w, err := s.Create(context.Background(), "text/plain")
	if err != nil {
		return cache.Digest{}, err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return cache.Digest{}, errors.Join(err, w.Abort())
	}
	d, _, err := w.Commit()
	return d, err
}

// Entry describes an entry whose artifact and documents hold the given text.
func Entry(k cache.Key, d cache.Digest, size int) cache.Entry {
	return cache.Entry{
		Key: k, Block: "train", Type: "lm", Ingredients: d, Provenance: d, Created: time.Unix(1, 0).UTC(),
		Artifacts: []cache.Artifact{{Name: "metrics", MediaType: "text/plain", Digest: d, Size: int64(size)}},
	}
}

// Key makes a key from a name.
func Key(name string) cache.Key { return cache.String(name).Key("test") }

// TestStore checks the guarantees of a store. open returns an empty one.
func TestStore(t *testing.T, open func(t *testing.T) cache.Store) {
	t.Run("blobs", func(t *testing.T) { testBlobs(t, open(t)) })
	t.Run("entries", func(t *testing.T) { testEntries(t, open(t)) })
	t.Run("race", func(t *testing.T) { testRace(t, open(t)) })
}

func testBlobs(t *testing.T, s cache.Store) {
	ctx := context.Background()
	d := Put(t, s, "hello")
	if again := Put(t, s, "hello"); again != d || d != cache.DigestOf([]byte("hello")) {
		t.Errorf("the same bytes have the digests %s and %s", d, again)
	}
	got, err := cache.ReadAll(ctx, s, d)
	if err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v, want hello", got, err)
	}
	if _, err := s.Open(ctx, cache.DigestOf([]byte("other"))); err == nil {
		t.Error("a missing blob opens")
	}
	w, err := s.Create(ctx, "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "never")
	if err := w.Abort(); err != nil {
		t.Errorf("Abort: %v", err)
	}
	if _, err := s.Open(ctx, cache.DigestOf([]byte("never"))); err == nil {
		t.Error("an aborted blob opens")
	}
	for _, mediaType := range []string{"application/x-safetensors", "text/plain"} {
		w, err := s.Create(ctx, mediaType)
		if err != nil {
			t.Fatal(err)
		}
		if empty, size, err := w.Commit(); err != nil || size != 0 || empty != cache.DigestOf(nil) {
			t.Errorf("an empty blob of %s: %s, %d, %v", mediaType, empty, size, err)
		}
	}
}

func testEntries(t *testing.T, s cache.Store) {
	ctx := context.Background()
	d, other := Put(t, s, "first"), Put(t, s, "second")
	k := Key("k")
	if found, err := s.Lookup(ctx, k); err != nil || found[0].OK {
		t.Errorf("Lookup in an empty store = %v, %v, want a miss", found, err)
	}
	if _, err := s.Publish(ctx, Entry(k, cache.DigestOf([]byte("nowhere")), 1)); err == nil {
		t.Error("an entry whose blobs are missing is published")
	}
	lacking := Entry(Key("lacking"), d, 5)
	lacking.Artifacts[0].Digest = cache.DigestOf([]byte("nowhere"))
	name := lacking.Artifacts[0].Name
	if _, err := s.Publish(ctx, lacking, name); err != nil {
		t.Errorf("an entry with an evicted artifact: %v", err)
	}
	if found, err := s.Lookup(ctx, lacking.Key); err != nil || !found[0].OK || !slices.Equal(found[0].Absent, []string{name}) {
		t.Errorf("Lookup of it = %+v, %v, want a hit without %s", found, err, name)
	}
	first := Entry(k, d, 5)
	if got, err := s.Publish(ctx, first); err != nil || got.Artifacts[0].Digest != d {
		t.Fatalf("Publish = %v, %v", got, err)
	}
	loser, err := s.Publish(ctx, Entry(k, other, 6))
	if err != nil || loser.Artifacts[0].Digest != d {
		t.Errorf("the second Publish returns %v, %v, want the first entry", loser, err)
	}
	found, err := s.Lookup(ctx, Key("x"), k, Key("y"))
	if err != nil || found[0].OK || !found[1].OK || found[2].OK {
		t.Fatalf("Lookup = %v, %v, want miss, hit, miss", found, err)
	}
	if e := found[1].Entry; e.Key != k || e.Artifacts[0] != first.Artifacts[0] || !e.Created.Equal(first.Created) || len(found[1].Absent) > 0 {
		t.Errorf("entry = %+v absent %v, want what was published", e, found[1].Absent)
	}
}

func testRace(t *testing.T, s cache.Store) {
	ctx := context.Background()
	const writers, keys = 8, 20
	winners := make([][]cache.Digest, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range keys {
				text := fmt.Sprintf("writer %d key %d", w, i)
				d, err := TryPut(s, text)
				if err != nil {
					t.Error(err)
					return
				}
				e, err := s.Publish(ctx, Entry(Key(fmt.Sprint(i)), d, len(text)))
				if err != nil {
					t.Error(err)
					return
				}
				winners[w] = append(winners[w], e.Artifacts[0].Digest)
			}
		})
	}
	wg.Wait()
	for w := range writers {
		for i := range winners[w] {
			if winners[w][i] != winners[0][i] {
				t.Fatalf("writers 0 and %d saw different winners of key %d", w, i)
			}
		}
	}
}
