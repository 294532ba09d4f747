package launch_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/launch"
	"ablate/pipeline/source"
)

// The test binary stands in for a child that misbehaves.
func TestMain(m *testing.M) {
	switch os.Getenv("TMPDIR") { // one of the names that children inherit
	case "/silent":
		os.Exit(0)
	case "/crash":
		os.Exit(7)
	case "/noise":
		os.Stdout.WriteString("not a message\n")
		os.Exit(0)
	case "/serve":
		answerAll()
		os.Exit(0)
	case "/late":
		ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		store, err := cache.Open(fsys.NewMemory(), "/store")
		if err != nil {
			panic(err)
		}
		child := noteChild(store)
		child.Grace, child.Log = 100*time.Millisecond, slog.New(slog.NewTextHandler(os.Stderr, nil))
		child.Serve(ctx, os.Stdin, os.Stdout)
		os.Exit(0)
	case "/hang":
		io.Copy(io.Discard, os.Stdin) // until the parent closes it
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func launched(ctx context.Context, t *testing.T, role string) (launch.Local, error) {
	t.Helper()
	l := launch.Local{Command: []string{os.Args[0]}, Environ: []string{"TMPDIR=" + role, "GODEBUG=secret"}, Logs: t.TempDir()}
	return l, l.Launch(ctx, action.Request{Address: addr.Instance{Stage: addr.Stage{Block: "train", Type: "lm", Name: "x"}}}, func(pipeline.Progress) {})
}

func TestChildrenThatDieAreReported(t *testing.T) {
	for role, want := range map[string]string{
		"/silent": "ended without a final message", "/crash": "exit status 7", "/noise": "reading the child's messages",
	} {
		l, err := launched(context.Background(), t, role)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "train.lm.x") {
			t.Errorf("%s: %v, want %q and the address", role, err, want)
		}
		log, readErr := os.ReadFile(l.LogPath(cache.Key{}))
		if readErr != nil || !strings.Contains(string(log), "the process died") {
			t.Errorf("%s: the log says %q, %v", role, log, readErr)
		}
	}
}

func TestStoppingClosesStdin(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(200*time.Millisecond, cancel)
	started := time.Now()
	if _, err := launched(ctx, t, "/hang"); err == nil || time.Since(started) > 10*time.Second {
		t.Errorf("a stopped child ends with %v after %s", err, time.Since(started))
	}
}

// note is a stage whose child writes its text.
type note struct {
	Text string `hcl:"text"`
}

func (n *note) Validate() diag.List { return nil }

func (n *note) Describe(pipeline.Inputs) (pipeline.Recipe, error) {
	return pipeline.Recipe{Outputs: []pipeline.Output{{Name: "out", MediaType: "text/plain"}}}, nil
}

func (n *note) Run(ctx context.Context, env *pipeline.Env) error {
	if n.Text == "wait" {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	env.Progress(pipeline.Progress{Step: 1, Steps: 2})
	for n.Text == "deaf" {
		time.Sleep(time.Millisecond)
	}
	if n.Text == "wrong" {
		return diag.Errorf(diag.Path{"text"}, "Wrong text", "It is wrong.").Err()
	}
	return env.WriteJSON("out", n.Text)
}

func serve(t *testing.T, spec, key string, in io.Reader) (string, *cache.Local, error) {
	t.Helper()
	store, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = noteChild(store).Serve(context.Background(), io.MultiReader(bytes.NewReader(noteRequest(t, spec, key)), in), &out)
	return out.String(), store, err
}

// noteChild computes notes.
func noteChild(store *cache.Local) launch.Child {
	return launch.Child{
		Kinds: []pipeline.Kind{{Block: "data", Type: "note", Version: 1, Role: pipeline.Data, New: func() pipeline.Stage { return &note{} }}},
		Store: store, Memo: store.Memo(cache.Digest{}), Log: slog.New(slog.DiscardHandler),
		Sources: func(string) (pipeline.Sources, error) { return source.Folder{}, nil },
	}
}

// noteRequest asks for the note of a text under the key of another.
func noteRequest(t *testing.T, spec, key string) []byte {
	t.Helper()
	ingredients := cache.Map(map[string]cache.Value{
		"block": cache.String("data"), "type": cache.String("note"), "version": cache.Int(1),
		"spec": cache.Map(map[string]cache.Value{"text": cache.String(key)}), "inputs": cache.Map(nil), "code": cache.Map(nil),
	})
	raw, err := json.Marshal(action.Request{
		Block: "data", Type: "note", Spec: json.RawMessage(`{"Text":"` + spec + `"}`),
		Ingredients: ingredients, Key: ingredients.Key("ablate action v1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(raw, '\n')
}

// block never ends, as the pipe of a parent that lives.
func block(t *testing.T) io.Reader {
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	return r
}

func TestServePublishes(t *testing.T) {
	out, store, err := serve(t, "hello", "hello", block(t))
	if err != nil || !strings.Contains(out, `"progress"`) || !strings.Contains(out, `"done"`) {
		t.Fatalf("Serve = %v, answered %s", err, out)
	}
	n := 0
	for _, err := range store.Entries(context.Background(), "data", "note") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d entries are published, want 1", n)
	}
}

// A request is answered by what an attempt has published of which the parent has lost
// sight, and computes nothing.
func TestServeFindsTheResult(t *testing.T) {
	_, store, err := serve(t, "hello", "hello", block(t))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	again := io.MultiReader(bytes.NewReader(noteRequest(t, "hello", "hello")), block(t))
	if err := noteChild(store).Serve(t.Context(), again, &out); err != nil || out.String() != `{"started":{}}`+"\n"+`{"done":{}}`+"\n" {
		t.Errorf("Serve = %v, answered %s", err, out.String())
	}
}

func TestServeCarriesDiagnostics(t *testing.T) {
	out, _, err := serve(t, "wrong", "wrong", block(t))
	if err == nil || !strings.Contains(out, `"Wrong text"`) {
		t.Errorf("Serve = %v, answered %s, want the diagnostic", err, out)
	}
}

func TestServeRefusesAnotherKey(t *testing.T) {
	out, store, err := serve(t, "hello", "planned otherwise", block(t))
	if err == nil || !strings.Contains(err.Error(), "planning and running (text): ") {
		t.Errorf("Serve = %v, answered %s, want a refusal that names the field", err, out)
	}
	for range store.Entries(context.Background(), "", "") {
		t.Error("something was published under a key that is not ours")
	}
}

func TestServeEndsWithItsParent(t *testing.T) {
	if _, _, err := serve(t, "wait", "wait", strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "closed the connection") {
		t.Errorf("Serve = %v, want that the parent closed the connection", err)
	}
}

// The process of an action that ignores its context ends when the parent dies and at a
// signal. The log says so.
func TestDeafActionEnds(t *testing.T) {
	for name, stop := range map[string]func(child *os.Process, stdin io.Closer) error{
		"parent died": func(_ *os.Process, stdin io.Closer) error { return stdin.Close() },
		"signal":      func(child *os.Process, _ io.Closer) error { return child.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "signal" && runtime.GOOS == "windows" {
				t.Skip("Windows has no such signal")
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), "TMPDIR=/late")
			var log bytes.Buffer
			cmd.Stderr = &log
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := stdin.Write(noteRequest(t, "deaf", "deaf")); err != nil {
				t.Fatal(err)
			}
			answers := bufio.NewReader(stdout)
			for _, want := range []string{"started", "progress"} {
				if line, err := answers.ReadString('\n'); !strings.Contains(line, want) {
					t.Fatalf("the child says %q, %v, want %s", line, err, want)
				}
			}
			if err := stop(cmd.Process, stdin); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(answers)
			if err != nil || len(rest) > 0 {
				t.Errorf("the child says %q, %v, want nothing", rest, err)
			}
			if err := cmd.Wait(); ctx.Err() != nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(log.String(), "did not stop") {
				t.Errorf("the child ends with %v, %v, and its log says %q", err, ctx.Err(), log.String())
			}
		})
	}
}
