package remote

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// change changes each file in a folder, and returns how many there are.
func change(t *testing.T, dir string, change func(path string) error) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		return change(path)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func pulls(r *Remote, e cache.Entry, to cache.Store) error {
	_, err := r.Pull(context.Background(), to, e, nil)
	return err
}

func shorten(path string) error {
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	return os.Truncate(path, 1)
}

// A push replaces the blobs of a shared folder that have the wrong size.
func TestPushReplacesTruncatedBlobs(t *testing.T) {
	dir := t.TempDir()
	from, e := cachetest.Published(t, "good")
	r := connect(t, Options{URL: "file://" + filepath.ToSlash(dir)})
	if _, err := r.Push(t.Context(), from, e, nil); err != nil {
		t.Fatal(err)
	}
	change(t, filepath.Join(dir, "cas"), shorten)
	if err := pulls(r, e, cachetest.Memory(t)); err == nil || !strings.Contains(err.Error(), "ablate cache push") {
		t.Errorf("pulling says %v, want what to do", err)
	}
	if again, err := r.Push(t.Context(), from, e, nil); err != nil || again.Blobs == 0 {
		t.Errorf("%d damaged blobs were sent again, %v", again.Blobs, err)
	}
	if again, err := r.Push(t.Context(), from, e, nil); err != nil || again.Blobs != 0 {
		t.Errorf("%d whole blobs were sent again, %v", again.Blobs, err)
	}
	if err := pulls(r, e, cachetest.Memory(t)); err != nil {
		t.Error(err)
	}
}

// What the message of a pull advises helps against damage of any kind.
func TestAdviceAgainstDamage(t *testing.T) {
	dir := t.TempDir()
	from, e := cachetest.Published(t, "good")
	r := connect(t, Options{URL: "file://" + filepath.ToSlash(dir)})
	push := func() {
		t.Helper()
		if _, err := r.Push(t.Context(), from, e, nil); err != nil {
			t.Fatal(err)
		}
	}
	push()
	change(t, filepath.Join(dir, "cas"), func(path string) error {
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		raw[0] ^= 1
		return os.WriteFile(path, raw, 0o600)
	})
	var last string
	for range 10 {
		err := pulls(r, e, cachetest.Memory(t))
		if err == nil {
			return
		}
		_, rest, _ := strings.Cut(err.Error(), "have cas/")
		hash, rest, ok := strings.Cut(rest, " deleted on the remote")
		if !ok || !strings.Contains(rest, "ablate cache push") || hash == last {
			t.Fatalf("pulling says %v, want an object to delete", err)
		}
		last = hash
		if err := os.Remove(filepath.Join(dir, "cas", hash[:2], hash)); err != nil {
			t.Fatal(err)
		}
		push()
	}
	t.Error("the remote did not heal")
}

// A server notices a damaged blob when it is read, and takes it again.
func TestServerHeals(t *testing.T) {
	dir := t.TempDir()
	store, err := cache.Open(fsys.NewOS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(serverOf(t, ServerOptions{Store: store}))
	t.Cleanup(server.Close)
	from, e := cachetest.Published(t, "good")
	r := connect(t, Options{URL: server.URL})
	if _, err := r.Push(t.Context(), from, e, nil); err != nil {
		t.Fatal(err)
	}
	n := change(t, filepath.Join(dir, "blobs"), shorten)
	for range n {
		err := pulls(r, e, cachetest.Memory(t))
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "ablate cache push") {
			t.Fatalf("pulling says %v, want what to do", err)
		}
		if _, err := r.Push(t.Context(), from, e, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := pulls(r, e, cachetest.Memory(t)); err != nil {
		t.Error(err)
	}
}

// For its clients a server is a remote, on which nothing else keeps what they pushed.
func TestCollectionKeepsWhatClientsPushed(t *testing.T) {
	for _, namespace := range []string{"", "alice"} {
		url, store := served(t, "", nil)
		from := cachetest.Memory(t)
		e := cachetest.Entry(cachetest.Key("k"), cachetest.Put(t, from, "document"), 0)
		e.Artifacts[0].Digest, e.Artifacts[0].Size = cachetest.Put(t, from, "data"), 4
		if _, err := from.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		r := connect(t, Options{URL: url, Namespace: namespace})
		if _, err := r.Push(t.Context(), from, e, nil); err != nil {
			t.Fatal(err)
		}
		c, err := store.Collect(t.Context(), cache.CollectOptions{Budget: -1, Now: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := pulls(r, e, cachetest.Memory(t)); err != nil {
			t.Errorf("namespace %q: pulling after a collection: %v", namespace, err)
		}
	}
}

// A machine that has computed a result sends it again if the remote does not have it, because
// the process died before it sent the result, or because the remote was emptied.
func TestPublishedReachesTheRemote(t *testing.T) {
	store, e := cachetest.Published(t, "good")
	r := connect(t, Options{URL: "file://" + filepath.ToSlash(t.TempDir())})
	through := Through{Tiered{Local: store, Remote: r}}
	if ok, err := through.Published(t.Context(), cache.Key{1}); ok || err != nil {
		t.Errorf("Published = %v, %v of a result that was never computed", ok, err)
	}
	if ok, err := through.Published(t.Context(), e.Key); !ok || err != nil {
		t.Errorf("Published = %v, %v", ok, err)
	}
	if err := pulls(r, e, cachetest.Memory(t)); err != nil {
		t.Errorf("the remote lacks the result: %v", err)
	}
}
