package cache_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/spf13/afero"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// A lookup of many keys finds entries that the index lacks, also in folders that it
// lists instead of opening a file for each key.
func TestManyUnindexedEntries(t *testing.T) {
	ctx := context.Background()
	f := fsys.NewMemory()
	s := open(t, f, "/store")
	const n = 40
	key := func(folder, i int) cache.Key { return cache.Key{byte(folder), byte(i)} }
	d := cachetest.Put(t, s, "x")
	var keys []cache.Key
	for i := range n {
		for folder := range 2 {
			if i%2 == 0 {
				if _, err := s.Publish(ctx, cachetest.Entry(key(folder, i), d, 1)); err != nil {
					t.Fatal(err)
				}
			}
			keys = append(keys, key(folder, i), key(2+folder, i)) // the other two folders do not exist
		}
	}
	if err := afero.WriteFile(f, "/store/index.2", []byte("ablate index 2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from the index
		s = open(t, f, "/store")
		found, err := s.Lookup(ctx, keys...)
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range keys {
			if want := k[0] < 2 && k[1]%2 == 0; found[i].OK != want || want && found[i].Entry.Key != k {
				t.Errorf("Lookup of %s = %+v, want found: %t", k, found[i], want)
			}
		}
	}
}

// before is a file system that lists folders as they were before they had files, as a
// network file system does for a while.
type before struct{ fsys.FS }

func (b before) Open(name string) (afero.File, error) {
	f, err := b.FS.Open(name)
	return unlisted{f}, err
}

type unlisted struct{ afero.File }

func (unlisted) Readdirnames(int) ([]string, error) { return nil, nil }

// A blob that a folder does not list yet is not lost.
func TestManyBlobsInStaleListings(t *testing.T) {
	memory := fsys.NewMemory()
	s := open(t, memory, "/store")
	mustLookup(t, s) // writes an index
	var keys []cache.Key
	for i := range 100 {
		e := entryOf(t, s, fmt.Sprint("many ", i), fmt.Sprint("content ", i))
		publish(t, s, e)
		keys = append(keys, e.Key)
	}
	mustHit(t, open(t, before{memory}, "/store"), keys...)
}
