package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	repb "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/protobuf/proto"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/cli"
	"ablate/stages"
)

// serving starts ablate cache serve over a store and returns its URL.
func serving(t *testing.T, dir, token string, args ...string) (url string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, says := io.Pipe()
	app := cli.App{Stdin: strings.NewReader(""), Stdout: says, Stderr: io.Discard, Kinds: stages.All(),
		Environ: []string{"ABLATE_CACHE_DIR=" + dir, "ABLATE_REMOTE_TOKEN=" + token}}
	ended := make(chan int, 1)
	go func() {
		code := app.Run(ctx, append([]string{"cache", "serve", "--json", "--listen", "127.0.0.1:0"}, args...))
		says.Close()
		ended <- code
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("the server exits with %d", code)
		}
	})
	var line struct{ Type, Address string }
	for dec := json.NewDecoder(out); line.Type != "serving"; {
		if err := dec.Decode(&line); err != nil {
			t.Fatalf("the server did not start: %v", err)
		}
	}
	go io.Copy(io.Discard, out)
	return "http://" + line.Address
}

// curl makes a request as a program that knows only HTTP.
func curl(t *testing.T, token string, args ...string) (status int, body []byte) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "body")
	if token != "" {
		args = append(args, "--header", "Authorization: Bearer "+token)
	}
	out, err := exec.Command("curl", append([]string{"--silent", "--show-error", "--noproxy", "*", "--max-time", "30", "--output", to, "--write-out", "%{http_code}"}, args...)...).Output()
	if err != nil {
		t.Fatalf("curl %q: %v", args, err)
	}
	if status, err = strconv.Atoi(string(out)); err != nil {
		t.Fatal(err)
	}
	body, err = os.ReadFile(to)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return status, body
}

// Any client of Bazel's published protocol can read and write what ablate serves.
func TestServeToCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl on this machine")
	}
	dir := t.TempDir()
	store, err := cache.Open(fsys.NewOS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	text := "what a trial made"
	what := cache.Map(map[string]cache.Value{"block": cache.String("train"), "type": cache.String("lm")})
	e := cachetest.Entry(what.Key("ablate action v1"), cachetest.Put(t, store, text), len(text))
	document := cache.Map(map[string]cache.Value{"ingredients": what})
	if e.Ingredients, err = cache.WriteJSON(t.Context(), store, document); err != nil {
		t.Fatal(err)
	}
	if e, err = store.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	url := serving(t, dir, "secret")

	// Read what ablate published.
	status, raw := curl(t, "secret", url+"/ac/"+e.Key.String())
	var result repb.ActionResult
	if err := proto.Unmarshal(raw, &result); status != http.StatusOK || err != nil {
		t.Fatalf("GET of the result: %d, %v", status, err)
	}
	if len(result.OutputFiles) != 4 || result.ExitCode != 0 {
		t.Fatalf("the result is %v, want an artifact, its two documents and the entry", &result)
	}
	for _, f := range result.OutputFiles {
		want := f.Contents
		if len(want) == 0 {
			status, want = curl(t, "secret", url+"/cas/"+f.Digest.Hash)
			if head, _ := curl(t, "secret", "--head", url+"/cas/"+f.Digest.Hash); status != http.StatusOK || head != http.StatusOK {
				t.Errorf("GET and HEAD of %s: %d, %d", f.Path, status, head)
			}
		}
		if d := cache.DigestOf(want); d.Hex() != f.Digest.Hash || int64(len(want)) != f.Digest.SizeBytes {
			t.Errorf("%s has %d bytes with the digest %s, and the result says %v", f.Path, len(want), d, f.Digest)
		}
	}

	// Copy it with curl to another server, and read it there with ablate.
	elsewhere := t.TempDir()
	other := serving(t, elsewhere, "")
	file := filepath.Join(t.TempDir(), "file")
	put := func(to, path string, bytes []byte, want int) {
		t.Helper()
		if err := os.WriteFile(file, bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		if status, said := curl(t, "", "--upload-file", file, to+path); status != want {
			t.Errorf("PUT %s: %d %s, want %d", path, status, said, want)
		}
	}
	put(other, "/ac/"+e.Key.String(), raw, http.StatusBadRequest) // its blobs are missing
	put(other, "/cas/"+e.Artifacts[0].Digest.Hex(), []byte("something else"), http.StatusBadRequest)
	put(other, "/cas/"+e.Artifacts[0].Digest.Hex(), []byte(text), http.StatusOK)
	ingredients, err := document.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	put(other, "/cas/"+e.Ingredients.Hex(), ingredients, http.StatusOK)
	put(other, "/ac/"+cachetest.Key("another").String(), raw, http.StatusBadRequest)
	put(other, "/ac/"+e.Key.String(), raw, http.StatusOK)
	if status, again := curl(t, "", other+"/ac/"+e.Key.String()); status != http.StatusOK || !bytes.Equal(again, raw) {
		t.Errorf("the result came back as %d bytes with %d, want the same %d", len(again), status, len(raw))
	}
	there, err := cache.Open(fsys.NewOS(), elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := there.Lookup(t.Context(), e.Key); err != nil || !found[0].OK || len(found[0].Absent) > 0 {
		t.Errorf("the other store has %+v, %v", found, err)
	}
	if status, _ := curl(t, "", other+"/cas/"+cache.DigestOf(nil).Hex()); status != http.StatusOK {
		t.Errorf("the empty blob: %d", status)
	}

	// A machine that trusts certain keys refuses uploads that none of them signed.
	wary := t.TempDir()
	_, key, err := remote.Keygen("alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(wary, ".ablate"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(wary, ".ablate", "config.hcl"), []byte("trust {\n  keys = [\""+key+"\"]\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	app := cli.App{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Kinds: stages.All()}
	if code := app.Run(t.Context(), []string{"trust", wary}); code != 0 {
		t.Errorf("trust exits with %d", code)
	}
	trusting := serving(t, elsewhere, "", "--chdir", wary)
	put(trusting, "/ac/"+e.Key.String(), raw, http.StatusBadRequest)

	// Requests that must fail.
	readOnly := serving(t, elsewhere, "", "--read-only")
	put(readOnly, "/cas/"+cache.DigestOf([]byte("new")).Hex(), []byte("new"), http.StatusForbidden)
	if status, _ := curl(t, "", readOnly+"/ac/"+e.Key.String()); status != http.StatusOK {
		t.Errorf("reading from a read-only server: %d", status)
	}
	nothing := cache.DigestOf([]byte("nothing")).Hex()
	for _, c := range []struct {
		token string
		args  []string
		want  int
	}{
		{"", []string{url + "/ac/" + e.Key.String()}, http.StatusUnauthorized},
		{"guess", []string{url + "/cas/" + e.Artifacts[0].Digest.Hex()}, http.StatusUnauthorized},
		{"guess", []string{"--upload-file", file, url + "/cas/" + nothing}, http.StatusUnauthorized},
		{"secret", []string{url + "/ac/" + nothing}, http.StatusNotFound},
		{"secret", []string{url + "/cas/" + nothing}, http.StatusNotFound},
		{"secret", []string{"--head", url + "/cas/" + nothing}, http.StatusNotFound},
		{"secret", []string{url + "/"}, http.StatusNotFound},
		{"secret", []string{"--path-as-is", url + "/cas/../../../etc/passwd"}, http.StatusNotFound},
		{"secret", []string{"--request", "DELETE", url + "/cas/" + nothing}, http.StatusMethodNotAllowed},
	} {
		if status, body := curl(t, c.token, c.args...); status != c.want {
			t.Errorf("curl %q as %q: %d %s, want %d", c.args, c.token, status, body, c.want)
		}
	}
}
