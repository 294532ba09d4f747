package source_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl"
	"ablate/hcl/study"
	"ablate/pipeline/source"
)

// What a server sends is pinned, kept, and refused once it changed.
func TestRemoteSources(t *testing.T) {
	text := "first text\n"
	served := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served++
		switch r.URL.Path {
		case "/plain.txt":
			io.WriteString(w, text)
		case "/packed.txt.gz":
			z := gzip.NewWriter(w)
			io.WriteString(z, text)
			z.Close()
		case "/datasets/o/n/resolve/main/a/b.txt", "/datasets/o/n/resolve/c0ffee/a/b.txt":
			w.Header().Set("X-Repo-Commit", "c0ffee")
			http.Redirect(w, r, "/cdn", http.StatusFound)
		case "/cdn":
			io.WriteString(w, text)
		case "/bucket/folder/text.txt":
			if v := r.URL.Query().Get("versionId"); v != "" && v != "v7" {
				w.WriteHeader(http.StatusNotFound)
				io.WriteString(w, "<Error><Code>NoSuchVersion</Code></Error>")
				return
			}
			if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
				http.Error(w, "unsigned", http.StatusForbidden)
				return
			}
			w.Header().Set("x-amz-version-id", "v7")
			io.WriteString(w, text)
		case "/bucket/gone":
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	t.Setenv("HF_ENDPOINT", server.URL)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_S3": server.URL, "AWS_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CA_BUNDLE": ""} {
		t.Setenv(name, value)
	}
	store, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	s := source.Pinned{Store: store, Client: server.Client(), Pins: map[string]study.Pin{}}
	plain, packed, hub := server.URL+"/plain.txt", server.URL+"/packed.txt.gz", "hf://datasets/o/n/a/b.txt"
	object := "s3://bucket/folder/text.txt"
	if _, err := s.Expand(plain); err == nil || !strings.Contains(err.Error(), "ablate init --upgrade") {
		t.Errorf("an unpinned source: %v", err)
	}
	for _, source := range []string{plain, packed, hub, object} {
		if s.Pins[source], err = s.Fetch(ctx, source); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Pins[hub].URL; got != server.URL+"/datasets/o/n/resolve/c0ffee/a/b.txt" {
		t.Errorf("the dataset is pinned at %s", got)
	}
	if got := s.Pins[object].URL; got != object+"?versionId=v7" {
		t.Errorf("the object is pinned at %s", got)
	}
	if s.Pins[packed].Content != s.Pins[plain].Content || s.Pins[packed].SHA256 == s.Pins[plain].SHA256 {
		t.Errorf("packed: %+v, plain: %+v", s.Pins[packed], s.Pins[plain])
	}

	// The lock survives being written and read.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, study.LockFile), hcl.FormatLock(hcl.Lock{Pins: []study.Pin{s.Pins[hub], s.Pins[plain]}}), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, list := hcl.ReadLock(dir)
	if err := list.Err(); err != nil || !slices.Equal(lock.Pins, []study.Pin{s.Pins[hub], s.Pins[plain]}) {
		t.Errorf("the lock reads %+v, %v", lock, err)
	}

	// Reading needs no server while the store has the bytes.
	before := served
	read := func(source string) (string, error) {
		r, err := s.Open(source)
		if err != nil {
			return "", err
		}
		defer r.Close()
		var b bytes.Buffer
		_, err = io.Copy(&b, r)
		return b.String(), err
	}
	if got, err := read(packed); err != nil || got != text || served != before {
		t.Errorf("read %q, %v, after %d requests", got, err, served-before)
	}

	// Another store fetches again, and notices what changed.
	if s.Store, err = cache.Open(fsys.NewMemory(), "/other"); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{hub, object} {
		if got, err := read(source); err != nil || got != text {
			t.Errorf("read %q, %v", got, err)
		}
		if s.Store, err = cache.Open(fsys.NewMemory(), "/other"); err != nil {
			t.Fatal(err)
		}
	}
	text = "second text\n"
	if s.Store, err = cache.Open(fsys.NewMemory(), "/third"); err != nil {
		t.Fatal(err)
	}
	if _, err := read(plain); err == nil || !strings.Contains(err.Error(), "is not what was pinned") {
		t.Errorf("a changed source: %v", err)
	}
	for name, want := range map[string]string{
		server.URL + "/gone": "404 Not Found", "hf://datasets/o/n": "names no file", "s3://bucket": "names no object",
		"s3://bucket/gone": "no such object", object + "?versionId=v1": "lost the version v1",
	} {
		_, err := s.Fetch(ctx, name)
		var unfetched *source.FetchError
		if !errors.As(err, &unfetched) || unfetched.Source != name || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// A transfer that stalls times out, before the response and within it.
func TestSourceThatHangs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/within" {
			w.Write([]byte("the beginning"))
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	store, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		t.Fatal(err)
	}
	s := source.Pinned{Store: store, Client: server.Client(), Patience: 100 * time.Millisecond}
	for _, path := range []string{"/before", "/within"} {
		_, err := s.Fetch(t.Context(), server.URL+path)
		var unfetched *source.FetchError
		if !errors.As(err, &unfetched) || !strings.Contains(err.Error(), "timed out: almost no data transferred for 100ms") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// The token is sent to Hugging Face alone, not to a host whose name begins alike.
func TestTokenStaysWithItsServer(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer server.Close()
	store, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_TOKEN", "secret")
	s := source.Pinned{Store: store, Client: server.Client()}
	for endpoint, want := range map[string]string{server.URL: "Bearer secret", server.URL[:len(server.URL)-1]: ""} {
		t.Setenv("HF_ENDPOINT", endpoint)
		if _, err := s.Fetch(t.Context(), server.URL+"/o/n/resolve/main/text.txt"); err != nil || got != want {
			t.Errorf("with the endpoint %s, %s gets %q, %v", endpoint, server.URL, got, err)
		}
	}
}

// A file on Hugging Face is fetched whatever its name is. An answer without it says what
// to do.
func TestHuggingFace(t *testing.T) {
	const commit = "c0ffee"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/cdn":
			http.Error(w, "expired", http.StatusForbidden)
		case strings.Contains(path, "redirected"):
			http.Redirect(w, r, "/cdn", http.StatusFound)
		case strings.Contains(path, "code-"):
			_, code, _ := strings.Cut(path, "code-")
			code, _, _ = strings.Cut(code, "/")
			w.Header().Set("X-Error-Code", code)
			w.WriteHeader(http.StatusForbidden)
		case strings.Contains(path, "gone"):
			http.NotFound(w, r)
		default:
			w.Header().Set("X-Repo-Commit", commit)
			io.WriteString(w, path)
		}
	}))
	defer server.Close()
	t.Setenv("HF_ENDPOINT", server.URL)
	store, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		t.Fatal(err)
	}
	s := source.Pinned{Store: store, Client: server.Client(), Pins: map[string]study.Pin{}}
	for name, want := range map[string]string{
		"hf://o/n/a#b?.txt":              "/o/n/resolve/REVISION/a#b?.txt",
		"hf://o/n@v1/a%20b.txt":          "/o/n/resolve/REVISION/a b.txt",
		"hf://datasets/resolve/n/x.txt":  "/datasets/resolve/n/resolve/REVISION/x.txt",
		"hf://datasets/o/n/resolve/main": "/datasets/o/n/resolve/REVISION/resolve/main",
	} {
		revision := "main"
		if strings.Contains(name, "@v1") {
			revision = "v1"
		}
		pin, err := s.Fetch(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if first := strings.Replace(want, "REVISION", revision, 1); pin.Content != cache.DigestOf([]byte(first)).Hex() {
			t.Errorf("%s was not fetched from %s", name, first)
		}
		again, err := s.Fetch(t.Context(), pin.URL)
		if pinned := strings.Replace(want, "REVISION", commit, 1); err != nil || again.Content != cache.DigestOf([]byte(pinned)).Hex() {
			t.Errorf("%s is pinned at %s, %v, not at %s", name, pin.URL, err, pinned)
		}
	}
	const token, more = "set HF_TOKEN to a token that may read it", "check what HF_TOKEN may read"
	for _, tt := range []struct{ source, token, want string }{
		{"hf://o/code-RepoNotFound/x", "", "the model o/code-RepoNotFound does not exist, or is private: check its name (a dataset is hf://datasets/owner/name/path), or " + token},
		{"hf://datasets/o/code-RepoNotFound/x", "t", "the dataset o/code-RepoNotFound does not exist, or is private: check its name, or " + more},
		{"hf://datasets/o/code-GatedRepo/x", "", "accept its conditions at " + server.URL + "/datasets/o/code-GatedRepo, and " + token},
		{"hf://o/code-RevisionNotFound@v9/x", "", `the model o/code-RevisionNotFound has no revision "v9" (`},
		{"hf://o/code-EntryNotFound@v9/x", "", `the model o/code-EntryNotFound has no file "x" at revision v9 (`},
		{"hf://o/gone/x", "", `the model o/gone has no file "x" at revision main (`},
		{"hf://o/redirected/x", "", "cannot be fetched: " + strings.TrimPrefix(server.URL, "http://") + " answers 403 Forbidden"},
		{"hf://o/n@/x", "", "names no file"},
		{"hf://datasets//n/x", "", "names no file"},
	} {
		t.Setenv("HF_TOKEN", tt.token)
		if _, err := s.Fetch(t.Context(), tt.source); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.source, err, tt.want)
		}
	}
}
