package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/cli"
	"ablate/hcl"
	loaded "ablate/hcl/study"
	"ablate/stages"
)

// Only init --upgrade changes the pin of a remote source.
func TestRemoteSource(t *testing.T) {
	text := strings.Repeat("the quick brown fox\n", 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }))
	defer server.Close()
	dir := t.TempDir()
	study := fmt.Sprintf("data \"text\" \"far\" {\n  source = [\"%s/text.txt\"]\n}\n", server.URL)
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(study), 0o600); err != nil {
		t.Fatal(err)
	}
	ablate := func(args ...string) (int, string) {
		var out bytes.Buffer
		app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Kinds: stages.All(),
			Environ: []string{"ABLATE_CACHE_DIR=" + filepath.Join(dir, "store"), "NO_COLOR=1"}}
		code := app.Run(t.Context(), append(args, "--chdir", dir))
		return code, out.String()
	}
	for _, step := range []struct {
		args   []string
		code   int
		output string
	}{
		{[]string{"plan"}, 1, "ablate init --upgrade"},
		{[]string{"init", "--upgrade"}, 0, "pinned"},
		{[]string{"plan"}, 0, "1 to run"},
		{[]string{"init", "--upgrade"}, 0, "unchanged"},
		{[]string{"damage"}, 0, ""},
		{[]string{"plan"}, 1, "on study.lock.hcl:7,3\n  7 │   content = \"x"},
		{[]string{"init", "--upgrade"}, 0, "pinned"},
		{[]string{"plan"}, 0, "1 to run"},
	} {
		if step.args[0] == "damage" {
			damage(t, filepath.Join(dir, loaded.LockFile), `content = "`, `content = "x`)
			continue
		}
		if code, out := ablate(step.args...); code != step.code || !strings.Contains(out, step.output) {
			t.Fatalf("%v exits with %d and says %q, want %d and %q", step.args, code, out, step.code, step.output)
		}
	}
	_, before := ablate("show", "data.text.far", "--json")
	text += "more\n"
	if _, after := ablate("show", "data.text.far", "--json"); after != before {
		t.Errorf("the pinned source moved:\n%s\n%s", before, after)
	}
	if code, out := ablate("init", "--upgrade"); code != 0 || !strings.Contains(out, "moved") {
		t.Errorf("the upgrade exits with %d: %s", code, out)
	}
	if _, after := ablate("show", "data.text.far", "--json"); after == before {
		t.Error("the upgrade did not move the key")
	}
}

// run fetches a pinned source that the store lacks, with the user's token, which child
// processes do not have. --offline makes no requests.
func TestPinnedSourceOnAnotherMachine(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Repo-Commit", "c0ffee")
		io.WriteString(w, strings.Repeat("the quick brown fox\n", 100))
	}))
	defer server.Close()
	dir := t.TempDir()
	study := "data \"text\" \"far\" {\n  source = [\"hf://datasets/o/n/text.txt\"]\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(study), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		store, token string
		args         []string
		output       string // "" for success
	}{
		{"one", "", []string{"init", "--upgrade"}, "set HF_TOKEN to a token that may read it"},
		{"one", "secret", []string{"init", "--upgrade", "--offline"}, "--offline makes no requests"},
		{"one", "secret", []string{"init", "--upgrade"}, ""},
		{"two", "secret", []string{"run", "--offline"}, "--offline makes no requests"},
		{"two", "", []string{"run"}, "set HF_TOKEN to a token that may read it"},
		{"two", "secret", []string{"run"}, ""},
		{"one", "", []string{"run", "--offline"}, ""},
	} {
		cmd := exec.CommandContext(t.Context(), "ablate", append(step.args, "--chdir", dir)...)
		cmd.Env = append(os.Environ(), "ABLATE_CACHE_DIR="+filepath.Join(dir, step.store), "HF_ENDPOINT="+server.URL, "HF_TOKEN="+step.token, "NO_COLOR=1")
		out, err := cmd.CombinedOutput()
		said := strings.Join(strings.Fields(string(out)), " ") // at any width
		if (err == nil) != (step.output == "") || !strings.Contains(said, step.output) {
			t.Fatalf("%v with token %q and store %s: %v\n%s", step.args, step.token, step.store, err, out)
		}
		if strings.Contains(said, "Log: ") { // no process ran that could have a log
			t.Errorf("%v names a log:\n%s", step.args, out)
		}
	}
}

// damage replaces a text in a file.
func damage(t *testing.T, name, old, by string) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, bytes.Replace(raw, []byte(old), []byte(by), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// If a source cannot be fetched, the message says which line names it and what to do.
func TestUnreachableSource(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "<Error><Code>AccessDenied</Code></Error>")
	}))
	defer server.Close()
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_S3": server.URL, "AWS_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1",
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CA_BUNDLE": ""} {
		t.Setenv(name, value)
	}
	for source, want := range map[string]string{
		"s3://bucket/text.txt":   "access denied: check the credentials and the bucket's policy (403 AccessDenied)",
		server.URL + "/text.txt": "answers 403 Forbidden",
	} {
		dir := t.TempDir()
		study := fmt.Sprintf("data \"text\" \"far\" {\n  source = [%q]\n}\n", source)
		lock := hcl.FormatLock(hcl.Lock{Pins: []loaded.Pin{{Source: source, URL: source, SHA256: strings.Repeat("0", 64), Content: strings.Repeat("0", 64), Size: 1}}})
		for name, content := range map[string][]byte{"study.hcl": []byte(study), loaded.LockFile: lock} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range [][]string{{"init", "--upgrade"}, {"run", "--progress", "none"}} {
			var out bytes.Buffer
			app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Kinds: stages.All(),
				Environ: []string{"ABLATE_CACHE_DIR=" + filepath.Join(dir, "store"), "NO_COLOR=1"}}
			code := app.Run(t.Context(), append(args, "--chdir", dir))
			said := strings.Join(strings.Fields(out.String()), " ") // at any width
			if code != 1 || !strings.Contains(said, "study.hcl:2,3") || !strings.Contains(said, fmt.Sprintf("%q cannot be fetched: ", source)) || !strings.Contains(said, want) {
				t.Errorf("%v exits with %d, want 1, the line, and %q:\n%s", args, code, want, out.String())
			}
		}
	}
}

// The size of a pin decides where validation begins. A wrong one is an error that names
// the line of the lock file, and nothing is cached with another split.
func TestPinOfWrongSize(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789\n"), 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(text) }))
	defer server.Close()
	for kind, more := range map[string]string{"text": "", "tokens": "  dtype = \"uint8\"\n  vocabulary = 256\n"} {
		dir := t.TempDir()
		study := fmt.Sprintf("data %q \"far\" {\n  source = [%q]\n%s}\n", kind, server.URL+"/text", more)
		if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(study), 0o600); err != nil {
			t.Fatal(err)
		}
		ablate := func(args ...string) (code int, said string) {
			var out bytes.Buffer
			app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Kinds: stages.All(),
				Environ: []string{"ABLATE_CACHE_DIR=" + filepath.Join(dir, "store"), "NO_COLOR=1"}}
			code = app.Run(t.Context(), append(args, "--chdir", dir))
			return code, strings.Join(strings.Fields(out.String()), " ")
		}
		if code, said := ablate("init", "--upgrade"); code != 0 {
			t.Fatal(said)
		}
		name := filepath.Join(dir, loaded.LockFile)
		right, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []string{"1000", "1200", "200000"} {
			wrong := strings.Replace(string(right), "1100", size, 1)
			if err := os.WriteFile(name, []byte(wrong), 0o600); err != nil {
				t.Fatal(err)
			}
			line := 1 + strings.Count(wrong[:strings.Index(wrong, size)], "\n")
			want := fmt.Sprintf("%s:%d says that %q has %s bytes, but its content has 1100.", loaded.LockFile, line, server.URL+"/text", size)
			if code, said := ablate("run", "--progress", "none"); code != 1 || !strings.Contains(said, want) || !strings.Contains(said, "ablate init --upgrade") || !strings.Contains(said, "on study.hcl:2,3") {
				t.Errorf("%s of size %s: exit code %d, want 1 and %q:\n%s", kind, size, code, want, said)
			}
		}
		if err := os.WriteFile(name, right, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, said := ablate("plan"); code != 0 || !strings.Contains(said, "1 to run") {
			t.Errorf("%s with the right size: exit code %d:\n%s", kind, code, said)
		}
	}
}

// A remote that fails during a run does not fail the run. One that fails before it is an
// error.
func TestRemoteThatDies(t *testing.T) {
	dir := t.TempDir()
	store, err := cache.Open(fsys.NewOS(), filepath.Join(dir, "there"))
	if err != nil {
		t.Fatal(err)
	}
	serving, err := remote.NewServer(remote.ServerOptions{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	const norms = 6
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/ac/") && asked.Add(1) > norms { // fail after the plan
			w.WriteHeader(http.StatusForbidden)
			return
		}
		serving.ServeHTTP(w, r)
	}))
	defer server.Close()
	var study strings.Builder // of instances that need no child process
	for i := range norms {
		fmt.Fprintf(&study, "norm \"dyt\" \"n%d\" {\n  alpha = 0.%d\n}\n", i, i+1)
	}
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(study.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ablate := func(args ...string) (int, string) {
		var out bytes.Buffer
		app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Kinds: stages.All(),
			Environ: []string{"ABLATE_CACHE_DIR=" + filepath.Join(dir, "here"), "ABLATE_REMOTE=" + server.URL, "ABLATE_REMOTE_PUSH=true", "NO_COLOR=1"}}
		return app.Run(t.Context(), append(args, "--chdir", dir)), out.String()
	}
	code, out := ablate("run", "--progress", "none", "--jobs", "1")
	if code != 0 || !strings.Contains(out, "The remote failed") || !strings.Contains(out, "6 entries could not be pushed") {
		t.Errorf("the run exits with %d:\n%s", code, out)
	}
	if code, out := ablate("plan", "--offline"); code != 0 || !strings.Contains(out, "all 6 instances are cached") {
		t.Errorf("the plan afterwards exits with %d:\n%s", code, out)
	}
	if err := os.RemoveAll(filepath.Join(dir, "here")); err != nil {
		t.Fatal(err)
	}
	if code, out := ablate("plan"); code != 1 || !strings.Contains(out, "denies access (403)") {
		t.Errorf("a plan with a dead remote exits with %d:\n%s", code, out)
	}
}

// A run that still uploads says so, and may be interrupted.
func TestRemoteThatHangs(t *testing.T) {
	dir := t.TempDir()
	store, err := cache.Open(fsys.NewOS(), filepath.Join(dir, "there"))
	if err != nil {
		t.Fatal(err)
	}
	serving, err := remote.NewServer(remote.ServerOptions{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			io.Copy(io.Discard, r.Body) // otherwise the server does not notice a closed connection
			<-r.Context().Done()
			return
		}
		serving.ServeHTTP(w, r)
	}))
	defer server.Close()
	for name, text := range map[string]string{
		"study.hcl": `data "results" "r" {
  source    = ["r.csv"]
  factors   = ["norm"]
  replicate = "seed"
}
analysis "factorial" "f" {
  trials = data.results.r
}
`,
		"r.csv": "norm,seed,val_loss\na,1,1\na,2,2\nb,1,3\nb,2,5\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var answer strings.Builder
	notes := &waiting{text: "Still uploading", then: cancel}
	app := cli.App{Stdin: strings.NewReader(""), Stdout: &answer, Stderr: notes, Kinds: stages.All(),
		Environ: []string{"ABLATE_CACHE_DIR=" + filepath.Join(dir, "here"), "ABLATE_REMOTE=" + server.URL, "ABLATE_REMOTE_PUSH=true", "NO_COLOR=1"}}
	code := app.Run(ctx, []string{"run", "--progress", "none", "--chdir", dir})
	if !strings.Contains(answer.String(), "Cell means") {
		t.Errorf("the answer is %q", answer.String())
	}
	if said := notes.String(); code != 0 || !strings.Contains(said, "2 entries could not be pushed") || !strings.Contains(said, "ablate cache push") {
		t.Errorf("the run exits with %d:\n%s", code, said)
	}
}

// waiting calls then once a text was written.
type waiting struct {
	text string
	then func()

	mu sync.Mutex
	b  strings.Builder
}

// Write implements io.Writer.
func (w *waiting) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	if strings.Contains(w.b.String(), w.text) {
		w.then()
	}
	return len(p), nil
}

func (w *waiting) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// A push stops when the remote is down and says once how much is left. The next push
// continues from there.
func TestPushToADeadRemote(t *testing.T) {
	dir := t.TempDir()
	store, err := cache.Open(fsys.NewOS(), filepath.Join(dir, "there"))
	if err != nil {
		t.Fatal(err)
	}
	serving, err := remote.NewServer(remote.ServerOptions{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	const norms, lives = 40, 5
	var results atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/ac/") {
			results.Add(1)
		}
		if n := results.Load(); n > lives && n < 1000 && r.Method != http.MethodGet { // pushing reads back
			w.WriteHeader(http.StatusForbidden)
			return
		}
		serving.ServeHTTP(w, r)
	}))
	defer server.Close()
	var study strings.Builder
	for i := range norms {
		fmt.Fprintf(&study, "norm \"dyt\" \"n%d\" {\n  alpha = %d\n}\n", i, i+1)
	}
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(study.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ablate := func(args ...string) (int, string, string) {
		var out, notes bytes.Buffer
		app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &notes, Kinds: stages.All(),
			Environ: []string{"ABLATE_CACHE_DIR=" + filepath.Join(dir, "here"), "ABLATE_REMOTE=" + server.URL, "ABLATE_REMOTE_PUSH=true", "NO_COLOR=1"}}
		return app.Run(t.Context(), append(args, "--chdir", dir)), out.String(), notes.String()
	}
	if code, _, notes := ablate("run", "--progress", "none", "--offline"); code != 0 {
		t.Fatalf("the run exits with %d:\n%s", code, notes)
	}
	code, out, notes := ablate("cache", "push")
	// Failures before the last success are reported one by one; there may be a few,
	// because several entries are sent at a time.
	alone := strings.Count(notes, "denies access (403)") - 1
	left := fmt.Sprintf("%d entries were not pushed", norms-lives-alone)
	if code != 3 || alone < 0 || alone > norms/2 || strings.Count(notes, "The remote failed") != 1 || !strings.Contains(notes, left) || !strings.Contains(notes, "Run the same command again to continue") {
		t.Errorf("the push exits with %d, want 3, one reason, and %q:\n%s", code, left, notes)
	}
	if !strings.Contains(out, fmt.Sprintf("%d entries pushed", lives)) {
		t.Errorf("the push says %q", out)
	}
	if tried := results.Load(); tried > norms/2 {
		t.Errorf("%d entries were tried", tried)
	}
	if strings.Contains(notes, "\n\n") {
		t.Errorf("there are empty lines:\n%q", notes)
	}
	results.Store(1000)
	if code, out, notes := ablate("cache", "push"); code != 0 || !strings.Contains(out, fmt.Sprintf("%d entries pushed (the remote has %d already)", norms-lives, lives)) {
		t.Errorf("pushing again exits with %d: %s%s", code, out, notes)
	}
}
