package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// checkText accepts ingredients that name the key, as the entries of described do.
func checkText(e cache.Entry, raw []byte) error {
	if cachetest.Key(string(raw)) != e.Key {
		return errors.New("its ingredients do not hash to its key")
	}
	return nil
}

// described is a store with an entry whose ingredients are the name of its key.
func described(t *testing.T, name string) (*cache.Local, cache.Entry) {
	t.Helper()
	s := cachetest.Memory(t)
	e := cachetest.Entry(cachetest.Key(name), cachetest.Put(t, s, "what "+name+" made"), len("what "+name+" made"))
	e.Ingredients, e.Provenance = cachetest.Put(t, s, name), cachetest.Put(t, s, "provenance of "+name)
	e, err := s.Publish(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	return s, e
}

// putRaw writes an entry and its blobs to a remote without any check, as an attacker
// does, and returns how the remote answers to the entry.
func putRaw(t *testing.T, r *Remote, from *cache.Local, e cache.Entry) error {
	t.Helper()
	for _, a := range blobsOf(e) {
		raw, err := cache.ReadAll(t.Context(), from, a.Digest)
		if err != nil {
			continue // a lie names what does not exist
		}
		if err := r.t.put(t.Context(), casName(a.Digest), bytesObject(raw)); err != nil {
			t.Fatal(err)
		}
	}
	return r.t.put(t.Context(), acName(r.Namespace(), e.Key), bytesObject(sealedResult(e.Shared())))
}

// Whatever a remote sends for a key is either the whole result of that key, or is
// refused, and leaves the store without an entry.
func TestLyingRemotes(t *testing.T) {
	ctx := context.Background()
	artifact := func(change func(a *cache.Artifact)) func(e *cache.Entry) {
		return func(e *cache.Entry) { change(&e.Artifacts[0]) }
	}
	for name, c := range map[string]struct {
		lie  func(e *cache.Entry)
		says string
	}{
		"the truth":            {func(*cache.Entry) {}, ""},
		"no artifacts":         {func(e *cache.Entry) { e.Artifacts = nil }, "no artifacts"},
		"two of one name":      {func(e *cache.Entry) { e.Artifacts = append(e.Artifacts, e.Artifacts[0]) }, "two artifacts"},
		"other ingredients":    {func(e *cache.Entry) { e.Ingredients = e.Provenance }, "do not hash to its key"},
		"missing ingredients":  {func(e *cache.Entry) { e.Ingredients = cache.DigestOf([]byte("nowhere")) }, "does not have it"},
		"missing provenance":   {func(e *cache.Entry) { e.Provenance = cache.DigestOf([]byte("nowhere")) }, "does not have it"},
		"missing artifact":     {artifact(func(a *cache.Artifact) { a.Digest = cache.DigestOf([]byte("nowhere")) }), "does not have it"},
		"missing, but evicted": {artifact(func(a *cache.Artifact) { a.Digest, a.Retention = cache.DigestOf([]byte("nowhere")), cache.Evict }), "does not have it"},
		"smaller than it is":   {artifact(func(a *cache.Artifact) { a.Size = 3 }), "longer than the 3 bytes"},
		"larger than it is":    {artifact(func(a *cache.Artifact) { a.Size = 1 << 40 }), "instead of 1099511627776"},
		"negative size":        {artifact(func(a *cache.Artifact) { a.Size = -1 }), "size -1"},
		"path":                 {artifact(func(a *cache.Artifact) { a.Name = "../../etc/passwd" }), "named"},
		"hidden name":          {artifact(func(a *cache.Artifact) { a.Name = ".ablate" }), "named"},
		"control characters":   {artifact(func(a *cache.Artifact) { a.Name = "a\x1b[2J" }), "named"},
		"unknown retention":    {artifact(func(a *cache.Artifact) { a.Retention = "forever" }), "retention"},
		"no kind":              {func(e *cache.Entry) { e.Block = "" }, "result of"},
		"escape in the kind":   {func(e *cache.Entry) { e.Type = "\x1b[2J" }, "contains the text"},
		"long class":           {func(e *cache.Entry) { e.Class = strings.Repeat("x", 1<<20) }, "contains the text"},
	} {
		t.Run(name, func(t *testing.T) {
			url := "file://" + t.TempDir()
			from, e := described(t, "k")
			c.lie(&e)
			if err := putRaw(t, connect(t, Options{URL: url}), from, e); err != nil {
				t.Fatal(err)
			}
			to := cachetest.Memory(t)
			r := connect(t, Options{URL: url, Check: checkText})
			found, err := r.Find(ctx, e.Key)
			if err == nil && found[0] != nil {
				_, err = r.Pull(ctx, to, *found[0], nil)
			}
			switch {
			case c.says == "" && err != nil:
				t.Errorf("got %v, want the entry", err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("got %v, want %q", err, c.says)
			}
			if here, err := to.Lookup(ctx, e.Key); err != nil || here[0].OK != (c.says == "") {
				t.Errorf("afterwards the store has %+v, %v", here[0], err)
			}
		})
	}
}

// The same lies do not get into the store of a server.
func TestLyingClients(t *testing.T) {
	ctx := context.Background()
	for name, lie := range map[string]func(e *cache.Entry){
		"no artifacts":      func(e *cache.Entry) { e.Artifacts = nil },
		"other ingredients": func(e *cache.Entry) { e.Ingredients = e.Provenance },
		"path":              func(e *cache.Entry) { e.Artifacts[0].Name = "../x" },
	} {
		t.Run(name, func(t *testing.T) {
			store := cachetest.Memory(t)
			srv := httptest.NewServer(serverOf(t, ServerOptions{Store: store, Check: checkText}))
			defer srv.Close()
			from, e := described(t, "k")
			lie(&e)
			r := connect(t, Options{URL: srv.URL})
			if err := putRaw(t, r, from, e); err == nil || !strings.Contains(err.Error(), "400") {
				t.Errorf("the server answers %v, want 400", err)
			}
			if here, err := store.Lookup(ctx, e.Key); err != nil || here[0].OK {
				t.Errorf("the store of the server has %+v, %v", here[0], err)
			}
		})
	}
}

// A client that claims the creation time of a result does not replace what the
// server serves.
func TestServedResultStays(t *testing.T) {
	ctx := context.Background()
	url, store := served(t, "", nil)
	from, e := cachetest.Published(t, "k")
	r := connect(t, Options{URL: url})
	if _, err := r.Push(ctx, from, e, nil); err != nil {
		t.Fatal(err)
	}
	forged := e
	forged.Artifacts = []cache.Artifact{{Name: "metrics", MediaType: "text/plain", Digest: cachetest.Put(t, from, "forged"), Size: 6}}
	putRaw(t, r, from, forged) // it may claim to accept it
	for _, who := range []*Remote{r, connect(t, Options{URL: url})} {
		found, err := who.Find(ctx, e.Key)
		if err != nil || found[0] == nil || !found[0].Same(e) {
			t.Errorf("the server now serves %+v, %v", found[0], err)
		}
	}
	if here, err := store.Lookup(ctx, e.Key); err != nil || !here[0].Entry.Same(e) {
		t.Errorf("the store has %+v, %v", here[0].Entry, err)
	}
	var kept *KeptError
	if _, err := r.Push(ctx, from, forged, nil); !errors.As(err, &kept) {
		t.Errorf("pushing another result: %v, want that the first is kept", err)
	}
}

// A disowned result does not come back by a push.
func TestDisownedResultStaysAway(t *testing.T) {
	ctx := context.Background()
	url, store := served(t, "", nil)
	from, e := cachetest.Published(t, "k")
	r := connect(t, Options{URL: url})
	if _, err := r.Push(ctx, from, e, nil); err != nil {
		t.Fatal(err)
	}
	if err := store.Disown(e, "bad memory", time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Push(ctx, from, e, nil); err == nil || !strings.Contains(err.Error(), "bad memory") {
		t.Errorf("pushing it again: %v, want the reason", err)
	}
	if here, err := store.Lookup(ctx, e.Key); err != nil || here[0].OK {
		t.Errorf("the store has %+v, %v", here[0], err)
	}
}

// What was pulled unsigned is not signed, wherever it goes next.
func TestForgeriesAreNotSigned(t *testing.T) {
	ctx := context.Background()
	private, public, err := Keygen("ci")
	if err != nil {
		t.Fatal(err)
	}
	from, forged := cachetest.Published(t, "k")
	source, target := "file://"+t.TempDir(), "file://"+t.TempDir()
	if _, err := connect(t, Options{URL: source}).Push(ctx, from, forged, nil); err != nil {
		t.Fatal(err)
	}
	pulled := func(o Options) (*cache.Local, cache.Entry) {
		t.Helper()
		here := cachetest.Memory(t)
		r := connect(t, o)
		found, err := r.Find(ctx, forged.Key)
		if err != nil || found[0] == nil {
			t.Fatalf("Find = %v, %v", found[0], err)
		}
		if _, err := r.Pull(ctx, here, *found[0], nil); err != nil {
			t.Fatal(err)
		}
		all, err := here.Lookup(ctx, forged.Key)
		if err != nil {
			t.Fatal(err)
		}
		return here, *all[0].Entry
	}
	here, e := pulled(Options{URL: source})
	var unsigned *UnsignedError
	if _, err := connect(t, Options{URL: target, Sign: private}).Push(ctx, here, e, nil); !errors.As(err, &unsigned) {
		t.Errorf("pushing an unsigned result: %v, want that it is not signed", err)
	}
	if found, err := connect(t, Options{URL: target, Trust: []string{public}}).Find(ctx, e.Key); err != nil || found[0] != nil {
		t.Errorf("a machine that trusts the key finds %v, %v", found[0], err)
	}
	// A server does not sign it either.
	srv := httptest.NewServer(serverOf(t, ServerOptions{Store: here, Sign: private}))
	defer srv.Close()
	if found, err := connect(t, Options{URL: srv.URL, Trust: []string{public}}).Find(ctx, e.Key); err == nil || !strings.Contains(err.Error(), "not signed") {
		t.Errorf("a server signs it: %v, %v", found, err)
	}
	// What came in with a trusted signature may be signed.
	signed := "file://" + t.TempDir()
	alice, alicePublic, err := Keygen("alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, Options{URL: signed, Sign: alice}).Push(ctx, from, forged, nil); err != nil {
		t.Fatal(err)
	}
	here, e = pulled(Options{URL: signed, Trust: []string{alicePublic}})
	if _, err := connect(t, Options{URL: target, Sign: private}).Push(ctx, here, e, nil); err != nil {
		t.Errorf("pushing a verified result: %v", err)
	}
}

// Push reports a key that the remote holds with an untrusted entry.
func TestSquattedKey(t *testing.T) {
	ctx := context.Background()
	url := "file://" + t.TempDir()
	ci, public, err := Keygen("ci")
	if err != nil {
		t.Fatal(err)
	}
	from, e := cachetest.Published(t, "k")
	if _, err := connect(t, Options{URL: url}).Push(ctx, from, e, nil); err != nil { // unsigned
		t.Fatal(err)
	}
	_, err = connect(t, Options{URL: url, Sign: ci, Trust: []string{public}}).Push(ctx, from, e, nil)
	var kept *KeptError
	if !errors.As(err, &kept) || kept.Refused == nil || !strings.Contains(err.Error(), "have it deleted") {
		t.Errorf("pushing to a squatted key: %v, want what to do", err)
	}
}

// A remote that holds a result unsigned gets the signature if it takes one, and
// otherwise push says that it keeps the unsigned result.
func TestSigningWhatIsThere(t *testing.T) {
	ctx := context.Background()
	private, public, err := Keygen("ci")
	if err != nil {
		t.Fatal(err)
	}
	store, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		t.Fatal(err)
	}
	var objects sync.Map
	overwriting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			raw, _ := io.ReadAll(r.Body)
			objects.Store(r.URL.Path, raw)
			return
		}
		raw, ok := objects.Load(r.URL.Path)
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Write(raw.([]byte))
	}))
	defer overwriting.Close()
	ours := httptest.NewServer(serverOf(t, ServerOptions{Store: store}))
	defer ours.Close()
	for name, remote := range map[string]struct {
		url   string
		takes bool
	}{"folder": {"file://" + t.TempDir(), false}, "our server": {ours.URL, false}, "a server that overwrites": {overwriting.URL, true}} {
		from, e := cachetest.Published(t, "k")
		e.Origin = cache.Computed
		if moved, err := connect(t, Options{URL: remote.url}).Push(ctx, from, e, nil); err != nil || moved.Entries != 1 {
			t.Fatalf("%s: pushing unsigned: %+v, %v", name, moved, err)
		}
		signing := connect(t, Options{URL: remote.url, Sign: private})
		for i := range 2 {
			moved, err := signing.Push(ctx, from, e, nil)
			var kept *KeptError
			if unsigned := errors.As(err, &kept) && kept.Unsigned; unsigned == remote.takes || remote.takes && err != nil {
				t.Errorf("%s: signing: %v", name, err)
			}
			if sent := moved.Entries == 1; sent != (remote.takes && i == 0) {
				t.Errorf("%s: push %d says it sent %+v", name, i, moved)
			}
		}
		found, err := connect(t, Options{URL: remote.url, Trust: []string{public}}).Find(ctx, e.Key)
		if (err == nil && found[0] != nil) != remote.takes {
			t.Errorf("%s: a machine that trusts the key finds %v, %v", name, found, err)
		}
	}
}

// A token goes only to the host and port that were named, over the same protocol.
func TestTokensAndRedirects(t *testing.T) {
	var leaked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			leaked.Add(1)
		}
	}))
	defer elsewhere.Close()
	mux := http.NewServeMux()
	redirecting := httptest.NewServer(mux)
	defer redirecting.Close()
	mux.HandleFunc("/away/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+strings.TrimPrefix(r.URL.Path, "/away"), http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/loop/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	})
	for _, address := range []string{redirecting.URL + "/away", strings.Replace(redirecting.URL, "http://", "http://user:hunter2@", 1) + "/away"} {
		for _, token := range []string{"", "secret"} {
			open(context.Background(), Options{URL: address, Token: token}, time.Second) // whatever it says
		}
	}
	if n := leaked.Load(); n > 0 {
		t.Errorf("credentials went to another port %d times", n)
	}
	if _, err := Open(context.Background(), Options{URL: redirecting.URL + "/loop"}); err == nil || !strings.Contains(err.Error(), "redirects in a loop") {
		t.Errorf("a redirect loop: %v", err)
	}
}

// No message shows a password.
func TestPasswordsAreMasked(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refusing.Close()
	host := strings.TrimPrefix(refusing.URL, "http://")
	for _, address := range []string{
		"http://user:hunter2@" + host, "http://user:hunter2@127.0.0.1:1", "https://user:hunter2@" + host, "http://user:hunter2@no.such.host.invalid",
		"ftp://user:hunter2@host/x", "http://user:hunter2@host:port/x", "http://user:hunter2%zz@host/x", "file://user:hunter2@host/x", "s3://user:hunter2@/x",
	} {
		if _, err := open(context.Background(), Options{URL: address}, time.Second); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", address, err)
		}
	}
	url, _ := served(t, "", nil)
	r := connect(t, Options{URL: strings.Replace(url, "http://", "http://user:hunter2@", 1)})
	if text := r.URL() + r.String(); strings.Contains(text, "hunter2") {
		t.Errorf("the remote calls itself %s", text)
	}
}

// The server takes the token as a bearer token only.
func TestBearerRequired(t *testing.T) {
	url, _ := served(t, "secret", nil)
	for header, want := range map[string]int{"": 401, "secret": 401, "Basic secret": 401, "Bearer guess": 401, "Bearer  secret": 401, "Bearer secret": 200, "bearer secret": 200} {
		req, err := http.NewRequest(http.MethodGet, url+"/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", header)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Authorization: %q is answered with %d, want %d", header, resp.StatusCode, want)
		}
	}
}

// Damaged sealed forms are found, and not served.
func TestVerifySealed(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	store, err := cache.Open(fsys.NewOS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(serverOf(t, ServerOptions{Store: store}))
	defer srv.Close()
	from, e := cachetest.Published(t, "k")
	r := connect(t, Options{URL: srv.URL})
	if _, err := r.Push(ctx, from, e, nil); err != nil {
		t.Fatal(err)
	}
	found, err := store.Lookup(ctx, e.Key)
	if err != nil {
		t.Fatal(err)
	}
	entries := []cache.Entry{*found[0].Entry}
	if damaged := VerifySealed(store, entries); len(damaged) > 0 {
		t.Fatalf("an intact one is reported: %v", damaged)
	}
	names, err := filepath.Glob(filepath.Join(dir, "sealed", "*", "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("sealed: %v, %v", names, err)
	}
	raw, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := range raw {
		changed := bytes.Clone(raw)
		changed[at] ^= 1
		os.Remove(names[0])
		if err := os.WriteFile(names[0], changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if there, err := r.Find(ctx, e.Key); err != nil || there[0] == nil || !there[0].Same(e) {
			t.Fatalf("with a flipped bit in byte %d, the server serves %v, %v", at, there[0], err)
		}
		if damaged := VerifySealed(store, entries); len(damaged) != 1 && !harmless(raw, changed) {
			t.Fatalf("a flipped bit in byte %d is not found: %v", at, damaged)
		}
	}
}

// harmless reports whether two results differ only in the stated size of a document,
// which no entry knows.
func harmless(a, b []byte) bool {
	x, err1 := decodeResult(a)
	y, err2 := decodeResult(b)
	if err1 != nil || err2 != nil || len(x) != len(y) {
		return false
	}
	for i := range x {
		x[i].size, y[i].size = 0, 0
		if fmt.Sprint(x[i]) != fmt.Sprint(y[i]) {
			return false
		}
	}
	return true
}

// A server whose disk fails for a moment says so. "not found" would be final.
func TestServeUnreadable(t *testing.T) {
	disk := &cachetest.Unreadable{FS: fsys.NewOS()}
	store, err := cache.Open(disk, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(serverOf(t, ServerOptions{Store: store}))
	defer srv.Close()
	from, e := cachetest.Published(t, "k")
	if _, err := connect(t, Options{URL: srv.URL}).Push(context.Background(), from, e, nil); err != nil {
		t.Fatal(err)
	}
	disk.Err = syscall.EIO
	rec := httptest.NewRecorder()
	serverOf(t, ServerOptions{Store: store}).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/cas/"+e.Ingredients.Hex(), nil))
	if rec.Code != http.StatusInternalServerError {
		t.Errorf("the status is %d, want 500: %s", rec.Code, rec.Body)
	}
	if faults := VerifySealed(store, []cache.Entry{e}); len(faults) != 1 {
		t.Errorf("VerifySealed = %v, want one that cannot be read", faults)
	}
	disk.Err = nil
	if faults := VerifySealed(store, []cache.Entry{e}); len(faults) > 0 {
		t.Errorf("VerifySealed, once it can be read = %v", faults)
	}
	if n := store.DamageCount(); n > 0 {
		t.Errorf("%d files were moved aside", n)
	}
}
