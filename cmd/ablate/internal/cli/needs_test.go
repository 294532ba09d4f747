package cli

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
	"ablate/pipeline/source"
)

// While a run does not know all its keys, and for a run of a part, what the last run
// recorded stays. A run's copies of files stay until it ends.
func TestNeeds(t *testing.T) {
	for name, part := range map[string]bool{"whole": false, "part": true} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testNeeds(t, part) }) })
	}
}

func testNeeds(t *testing.T, part bool) {
	store, err := cache.Open(fsys.NewOS(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	old, first, late := cachetest.Key("old"), cachetest.Key("first"), cachetest.Key("late")
	theirs, ours := cache.DigestOf([]byte("theirs")), cache.DigestOf([]byte("ours"))
	if err := store.PutRoot(cache.Root{Study: "s", Dir: "d", Keys: []cache.Key{old}, Files: []cache.Digest{theirs}}); err != nil {
		t.Fatal(err)
	}
	check := func(when string, want cache.Root) {
		t.Helper()
		r, err := store.RootOf("s", "d")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]any{union(want.Keys, nil), union(want.Files, nil)}, []any{union(r.Keys, nil), union(r.Files, nil)}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	n := &needs{store: store, part: part, tasks: 2, root: cache.Root{Study: "s", Dir: "d", Keys: []cache.Key{first}}}
	if err := n.addFiles(&source.Frozen{Listing: source.Listing{Files: map[string]source.Content{"f": {Digest: ours}}}}); err != nil {
		t.Fatal(err)
	}
	begun := cache.Root{Keys: []cache.Key{old, first}, Files: []cache.Digest{theirs, ours}}
	check("begun", begun)
	n.add([]cache.Key{late})
	check("with a late key", begun)
	time.Sleep(2 * recordGap)
	known, ended := cache.Root{Keys: []cache.Key{first, late}, Files: []cache.Digest{ours}}, cache.Root{Keys: []cache.Key{first, late}}
	if part {
		known = cache.Root{Keys: []cache.Key{old, first, late}, Files: begun.Files}
		ended = cache.Root{Keys: known.Keys, Files: []cache.Digest{theirs}}
	}
	check("known", known)
	if err := n.record(false); err != nil {
		t.Fatal(err)
	}
	check("ended", ended)
}
