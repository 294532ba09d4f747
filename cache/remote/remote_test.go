package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	repb "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/protobuf/proto"

	"ablate/cache"
	"ablate/cache/cachetest"
)

func TestMain(m *testing.M) {
	waitMin = time.Millisecond
	os.Exit(m.Run())
}

// served is ablate's server with a store of its own, behind a handler that may change
// its answers.
func served(t *testing.T, token string, spoil func(http.ResponseWriter, *http.Request, http.Handler)) (string, *cache.Local) {
	t.Helper()
	s := cachetest.Memory(t)
	h := serverOf(t, ServerOptions{Store: s, Token: token})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if spoil != nil {
			spoil(w, r, h)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, s
}

func serverOf(t *testing.T, o ServerOptions) *Server {
	t.Helper()
	s, err := NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func connect(t *testing.T, o Options) *Remote {
	t.Helper()
	r, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The published messages read what ablate writes, and vice versa.
func TestActionResult(t *testing.T) {
	d, text := cache.DigestOf([]byte("weights")), []byte("entry")
	raw := encodeResult([]outputFile{{path: "weights", digest: d, size: 1 << 40}, {path: entryFile, digest: cache.DigestOf(text), size: 5, contents: text}})
	var m repb.ActionResult
	if err := proto.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	if f := m.OutputFiles; len(f) != 2 || f[0].Path != "weights" || f[0].Digest.Hash != d.Hex() || f[0].Digest.SizeBytes != 1<<40 || string(f[1].Contents) != "entry" {
		t.Errorf("the published messages read %v", m.OutputFiles)
	}
	m.ExitCode, m.StdoutRaw = 7, []byte("unknown to us")
	m.ExecutionMetadata = &repb.ExecutedActionMetadata{Worker: "w"}
	other, err := proto.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := entryOf(other); err != nil || string(got) != "entry" {
		t.Errorf("we read %q, %v", got, err)
	}
}

func sealedResult(e cache.Entry) []byte {
	text := cache.EncodeEntry(e)
	return encodeResult([]outputFile{{path: entryFile, digest: cache.DigestOf(text), size: int64(len(text)), contents: text}})
}

// A wrong remote is an error with advice, never a silent miss.
func TestMisconfigured(t *testing.T) {
	answer := func(code int, contentType string, retryAfter ...string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Retry-After", strings.Join(append(retryAfter, "0")[:1], ""))
			w.WriteHeader(code)
			io.WriteString(w, "<html></html>")
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	defer tls.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer silent.Close()
	plain, _ := served(t, "secret", nil)
	u, _ := url.Parse(plain)
	for name, c := range map[string]struct{ url, token, want string }{
		"no folder": {"file:///nowhere/at/all", "", "create it first"},
		"no scheme": {"/shared", "", "must start with"},
		"no http":   {"127.0.0.1:8080", "", "must start with"},
		"no port":   {"http://127.0.0.1:x", "", "invalid port"},

		"page":         {answer(404, "text/html"), "", "web page"},
		"login page":   {answer(200, "text/html; charset=utf-8"), "", "proxy or a login page"},
		"everything":   {answer(200, "text/plain"), "", "an object that nobody stored"},
		"forbidden":    {answer(403, "text/plain"), "", "denies access (403)"},
		"too busy":     {answer(429, "text/plain"), "", "too busy (429)"},
		"broken":       {answer(500, "text/plain"), "", "fails (500"},
		"in an hour":   {answer(429, "text/plain", "3600"), "", "asks to wait for 1h0m0s"},
		"in centuries": {answer(429, "text/plain", "10000000000"), "", "asks to wait for 2562047h"},
		"moved":        {answer(304, "text/plain"), "", "which a cache never does"},
		"no token":     {plain, "", "set ABLATE_REMOTE_TOKEN"},
		"wrong token":  {plain, "guess", "check ABLATE_REMOTE_TOKEN"},
		"nobody":       {"http://127.0.0.1:1", "", "no server listens"},
		"no such host": {"http://no.such.host.invalid", "", "check the address"},
		"other path":   {plain + "/team", "secret", "no cache at this address"},
		"not found":    {answer(404, "text/plain"), "", "no cache at this address"},
		"unknown CA":   {tls.URL, "", "certificate is not trusted"},
		"TLS to plain": {"https://" + u.Host, "", "does not use TLS"},
		"plain to TLS": {strings.Replace(tls.URL, "https", "http", 1), "", "if the server uses TLS, write https://"},
		"no answer":    {silent.URL, "", "if it uses TLS, write https://"},
		"no bucket":    {"s3:///key", "", "does not name a bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(context.Background(), Options{URL: c.url, Token: c.token}); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "/cas/") {
				t.Errorf("got %v, want %q, and no address of an object", err, c.want)
			}
		})
	}
}

// What a server says about a refusal is part of the message, unless it is a web page.
func TestReasonOfRefusal(t *testing.T) {
	for kind, want := range map[string]bool{"text/plain; charset=utf-8": true, "application/json": true, "": true, "text/html": false} {
		for _, code := range []int{http.StatusBadRequest, http.StatusConflict} {
			address, _ := served(t, "", func(w http.ResponseWriter, r *http.Request, cache http.Handler) {
				if r.Method != http.MethodGet {
					cache.ServeHTTP(w, r)
					return
				}
				w.Header()["Content-Type"] = slices.DeleteFunc([]string{kind}, func(kind string) bool { return kind == "" })
				w.WriteHeader(code)
				io.WriteString(w, "the quota is used up")
			})
			_, err := connect(t, Options{URL: address}).Find(t.Context(), cachetest.Key("k"))
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("refuses it (%d)", code)) || strings.Contains(err.Error(), "the quota is used up") != want {
				t.Errorf("a %d of type %q: %v, want its reason: %t", code, kind, err, want)
			}
		}
	}
}

func TestTrust(t *testing.T) {
	ctx := context.Background()
	alice, alicePublic, err := Keygen("alice")
	if err != nil {
		t.Fatal(err)
	}
	mallory, _, err := Keygen("mallory")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sign, want string
	}{
		"signed":      {alice, ""},
		"unsigned":    {"", "is not signed"},
		"by somebody": {mallory, "mallory did"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := served(t, "", nil)
			from, e := cachetest.Published(t, name)
			if _, err := connect(t, Options{URL: url, Sign: c.sign}).Push(ctx, from, e, nil); err != nil {
				t.Fatal(err)
			}
			found, err := connect(t, Options{URL: url, Trust: []string{alicePublic}}).Find(ctx, e.Key)
			switch {
			case c.want == "" && (err != nil || found[0] == nil):
				t.Errorf("a trusted entry: %v, %v", found, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	// A signature does not serve another entry.
	_, a := cachetest.Published(t, "a")
	_, b := cachetest.Published(t, "b")
	signer, err := newTrust(alice, []string{alicePublic}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, signature, _ := bytes.Cut(signer.seal("", a), noteSeparator)
	if _, err := signer.open("", bytes.Join([][]byte{cache.EncodeEntry(b), signature}, noteSeparator)); err == nil || !strings.Contains(err.Error(), "another entry") {
		t.Errorf("a moved signature: %v", err)
	}
	for _, name := range []string{"", "a b", "a+b"} {
		if _, _, err := Keygen(name); err == nil {
			t.Errorf("there are keys of %q", name)
		}
	}
	if _, err := newTrust("nonsense", nil, nil); err == nil {
		t.Error("nonsense signs")
	}
	if _, err := newTrust("", []string{alice}, nil); err == nil || strings.Contains(err.Error(), alice) {
		t.Errorf("a private key is trusted, or printed in a message: %v", err)
	}
}

// A server that trusts keys imports nothing into its store that none of them signed.
func TestServerTrusts(t *testing.T) {
	ctx := context.Background()
	alice, public, err := Keygen("alice")
	if err != nil {
		t.Fatal(err)
	}
	mallory, _, err := Keygen("mallory")
	if err != nil {
		t.Fatal(err)
	}
	store := cachetest.Memory(t)
	server := serverOf(t, ServerOptions{Store: store, Trust: []string{public}})
	srv := httptest.NewServer(server)
	defer srv.Close()
	for _, c := range []struct{ name, sign, namespace, want string }{
		{"unsigned", "", "", "is not signed"},
		{"by somebody", mallory, "", "mallory did"},
		{"by somebody, for a namespace", mallory, "mallory", ""},
		{"by who is trusted", alice, "", ""},
	} {
		from, e := cachetest.Published(t, c.name)
		_, err := connect(t, Options{URL: srv.URL, Sign: c.sign, Namespace: c.namespace}).Push(ctx, from, e, nil)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		own, err := store.Lookup(ctx, e.Key)
		if err != nil || own[0].OK != (c.want == "" && c.namespace == "") {
			t.Errorf("%s: the store has %+v, %v", c.name, own, err)
		}
	}
	if _, err := NewServer(ServerOptions{Trust: []string{"nonsense"}}); err == nil || !strings.Contains(err.Error(), "cache keygen") {
		t.Errorf("trusting nonsense: %v", err)
	}
}

// A server signs what was computed on its machine, for clients that trust its key.
func TestServerSigns(t *testing.T) {
	ctx := context.Background()
	private, public, err := Keygen("alice")
	if err != nil {
		t.Fatal(err)
	}
	store, e := cachetest.Published(t, "own")
	for _, sign := range []string{"", private} {
		srv := httptest.NewServer(serverOf(t, ServerOptions{Store: store, Sign: sign}))
		defer srv.Close()
		var refused error
		r := connect(t, Options{URL: srv.URL, Trust: []string{public}, Refused: func(err error) { refused = err }})
		found, err := r.Find(ctx, e.Key)
		if err != nil || (found[0] != nil) != (sign != "") || (refused != nil) != (sign == "") {
			t.Errorf("signed %v: found %v, %v, refused %v", sign != "", found[0], err, refused)
		}
	}
}

func TestServer(t *testing.T) {
	url, store := served(t, "secret", nil)
	ask := func(method, path, token, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequest(method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(got)
	}
	hello := cache.DigestOf([]byte("hello"))
	for _, c := range []struct {
		method, path, token, body string
		code                      int
	}{
		{"GET", "/cas/" + hello.Hex(), "guess", "", 401},
		{"GET", "/cas/" + hello.Hex(), "secret", "", 404},
		{"PUT", "/cas/" + hello.Hex(), "secret", "hullo", 400},
		{"PUT", "/cas/" + hello.Hex(), "secret", "hello", 200},
		{"GET", "/cas/" + hello.Hex(), "secret", "", 200},
		{"HEAD", "/cas/" + hello.Hex(), "secret", "", 200},
		{"PUT", "/ac/" + hello.Hex(), "secret", "nonsense", 400},
		{"GET", "/ac/" + hello.Hex(), "secret", "", 404},
		{"DELETE", "/cas/" + hello.Hex(), "secret", "", 405},
		{"GET", "/cas/..%2f..%2fformat", "secret", "", 404},
		{"GET", "/cas/" + strings.Repeat("../", 5) + "etc/passwd", "secret", "", 404},
		{"GET", "/other/" + hello.Hex(), "secret", "", 404},
	} {
		if code, body := ask(c.method, c.path, c.token, c.body); code != c.code {
			t.Errorf("%s %s as %s = %d %q, want %d", c.method, c.path, c.token, code, body, c.code)
		}
	}
	// An entry whose blobs are not there is refused; what the store computed
	// itself is served.
	_, e := cachetest.Published(t, "elsewhere")
	if code, body := ask("PUT", "/ac/"+e.Key.String(), "secret", string(sealedResult(e))); code != 400 || !strings.Contains(body, "does not hold") {
		t.Errorf("an entry without its blobs: %d %q", code, body)
	}
	own, err := store.Publish(context.Background(), cachetest.Entry(cachetest.Key("own"), cachetest.Put(t, store, "own"), 3))
	if err != nil {
		t.Fatal(err)
	}
	found, err := connect(t, Options{URL: url, Token: "secret"}).Find(context.Background(), own.Key)
	if err != nil || found[0] == nil {
		t.Errorf("the server's own entry: %v, %v", found, err)
	}
	for address, ok := range map[string]bool{"127.0.0.1:0": true, "localhost:0": true, ":8080": false, "0.0.0.0:1": false, "[::1]:1": true, "nonsense": false} {
		if err := serverOf(t, ServerOptions{}).CheckListen(address); (err == nil) != ok {
			t.Errorf("listening at %s without a token: %v", address, err)
		}
	}
	readOnly := httptest.NewServer(serverOf(t, ServerOptions{Store: store, ReadOnly: true}))
	defer readOnly.Close()
	from, e2 := cachetest.Published(t, "late")
	if _, err := connect(t, Options{URL: readOnly.URL}).Push(context.Background(), from, e2, nil); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("pushing to a read-only cache: %v", err)
	}
}

// A remote that fails in between fails the push, not the run.
func TestPusher(t *testing.T) {
	var puts atomic.Int32 // the pusher sends from several goroutines
	url, _ := served(t, "", func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		if r.Method == http.MethodPut && puts.Add(1) > 2 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
	from := cachetest.Memory(t)
	p := NewPusher(context.Background(), from, connect(t, Options{URL: url}), nil)
	for i := range 5 {
		text := fmt.Sprint("blob ", i)
		e, err := from.Publish(context.Background(), cachetest.Entry(cachetest.Key(text), cachetest.Put(t, from, text), len(text)))
		if err != nil {
			t.Fatal(err)
		}
		p.Add(e)
	}
	if r := p.Close(); r.Pushed+len(r.Failed) != 5 || len(r.Failed) < 4 {
		t.Errorf("%d pushed, %d failed", r.Pushed, len(r.Failed))
	}
}

// Work in progress survives a remote that fails or hangs. The remote is not asked
// again, and the failure is reported.
func TestOutage(t *testing.T) {
	for name, fault := range map[string]cachetest.Fault{"dies": cachetest.Refuse(http.StatusForbidden, -1, ""), "hangs": cachetest.Hang} {
		t.Run(name, func(t *testing.T) { testOutage(t, fault) })
	}
}

func testOutage(t *testing.T, fault cachetest.Fault) {
	ctx := context.Background()
	var wire cachetest.Wire
	var asked atomic.Int32
	server := wire.To(serverOf(t, ServerOptions{Store: cachetest.Memory(t)}))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		server.ServeHTTP(w, r)
	}))
	defer srv.Close()
	defer wire.Break(nil)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	r, err := open(ctx, Options{URL: srv.URL}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	here, e := cachetest.Published(t, "k")
	var outage Outage
	strict := Tiered{Local: here, Remote: r}
	lenient := strict
	lenient.Outage = &outage
	if found, err := lenient.Lookup(ctx, cachetest.Key("far"), e.Key); err != nil || found[0].OK || !found[1].OK || outage.Err() != nil {
		t.Fatalf("while it lives: %+v, %v, %v", found, err, outage.Err())
	}
	wire.Break(fault)
	if _, err := strict.Lookup(ctx, cachetest.Key("far")); err == nil {
		t.Error("a plan takes a dead remote for an empty one")
	}
	found, err := lenient.Lookup(ctx, cachetest.Key("far"), e.Key)
	if err != nil || found[0].OK || !found[1].OK || outage.Err() == nil {
		t.Fatalf("after its death: %+v, %v, %v", found, err, outage.Err())
	}
	before := asked.Load()
	if _, err := lenient.Lookup(ctx, cachetest.Key("far")); err != nil || asked.Load() != before {
		t.Errorf("the dead is asked again: %v", err)
	}
	if err := lenient.Pull(ctx, e, nil); err == nil || asked.Load() != before {
		t.Errorf("pulling from the dead: %v", err)
	}
	for _, known := range []*Outage{nil, &outage} {
		before := asked.Load()
		p := NewPusher(ctx, here, r, known)
		p.Add(e)
		if r := p.Close(); r.Pushed != 0 || len(r.Failed) != 1 || (asked.Load() == before) != (known != nil) {
			t.Errorf("pushing to the dead, when it is known to be (%t): %d pushed, %v", known != nil, r.Pushed, r.Failed)
		}
	}
}

// Lost blobs of several entries are looked for at once: a cleaner may have removed thousands.
func TestLostBlobsAreFoundAtOnce(t *testing.T) {
	var looking atomic.Bool
	var asked atomic.Int32
	both := make(chan struct{})
	url, _ := served(t, "", func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		if r.Method == http.MethodHead && looking.Load() {
			if asked.Add(1) == 2 {
				close(both)
			}
			select {
			case <-both:
			case <-time.After(10 * time.Second):
				t.Error("one entry is looked for after the other")
			}
		}
		h.ServeHTTP(w, r)
	})
	r := connect(t, Options{URL: url})
	here := cachetest.Memory(t)
	var keys []cache.Key
	for _, name := range []string{"a", "b"} {
		d := cachetest.Put(t, here, name)
		e, err := here.Publish(t.Context(), cachetest.Entry(cachetest.Key(name), d, 1))
		if err == nil {
			_, err = r.Push(t.Context(), here, e, nil)
		}
		if err == nil {
			err = here.Evict(t.Context(), d)
		}
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, e.Key)
	}
	looking.Store(true)
	found, err := (Tiered{Local: here, Remote: r}).Lookup(t.Context(), keys...)
	if err != nil || !found[0].Away || !found[1].Away {
		t.Errorf("Lookup = %+v, %v, want that both are on the remote", found, err)
	}
}

// What is refused is reported and missing.
func TestRefused(t *testing.T) {
	ctx := context.Background()
	from, e := cachetest.Published(t, "k")
	url, _ := served(t, "", nil)
	if _, err := connect(t, Options{URL: url}).Push(ctx, from, e, nil); err != nil {
		t.Fatal(err)
	}
	_, public, err := Keygen("alice")
	if err != nil {
		t.Fatal(err)
	}
	var told []error
	r := connect(t, Options{URL: url, Trust: []string{public}, Refused: func(err error) { told = append(told, err) }})
	found, err := r.Find(ctx, e.Key)
	if err != nil || found[0] != nil || len(told) != 1 || !strings.Contains(told[0].Error(), e.Key.String()) {
		t.Errorf("Find = %v, %v; told %v", found, err, told)
	}
}

func FuzzResult(f *testing.F) {
	f.Add(encodeResult([]outputFile{{path: entryFile, contents: []byte("x"), size: 1}}))
	f.Add([]byte{0x12, 0x02, 0x0a})
	f.Fuzz(func(t *testing.T, raw []byte) {
		files, err := decodeResult(raw)
		if err != nil {
			return
		}
		again, err := decodeResult(encodeResult(files))
		if err != nil || len(again) != len(files) || again[0].path != files[0].path {
			t.Errorf("%v becomes %v, %v", files, again, err)
		}
	})
}

func FuzzSealed(f *testing.F) {
	private, public, err := Keygen("fuzz")
	if err != nil {
		f.Fatal(err)
	}
	tr, err := newTrust(private, []string{public}, nil)
	if err != nil {
		f.Fatal(err)
	}
	e := cachetest.Entry(cachetest.Key("k"), cache.DigestOf([]byte("x")), 1)
	f.Add(tr.seal("", e))
	f.Add(tr.seal("main", e))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, ns := range []string{"", "main"} {
			got, err := tr.open(ns, raw)
			if err == nil && !bytes.Equal(cache.EncodeEntry(got), cache.EncodeEntry(e)) {
				t.Errorf("an entry that nobody signed is trusted: %q", raw)
			}
		}
	})
}

// An object of a folder is read until the operation ends.
func TestFolderGetEnds(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f, err := newTransport(ctx, "file://"+dir, "")
	if err != nil {
		t.Fatal(err)
	}
	o := bytesObject([]byte("some bytes"))
	if err := errors.Join(f.check(ctx), f.put(ctx, casName(o.digest), o)); err != nil {
		t.Fatal(err)
	}
	r, err := f.get(ctx, casName(o.digest))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	one := make([]byte, 1)
	if _, err := r.Read(one); err != nil {
		t.Error(err)
	}
	cancel()
	if _, err := r.Read(one); !errors.Is(err, context.Canceled) {
		t.Errorf("a read after the end = %v", err)
	}
}
