package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/hcl"
	"ablate/stages"
)

// TestMain lets the test binary serve as the child process that runs start: a child
// is this executable with the command exec or supervise.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "exec" || os.Args[1] == "supervise") {
		app := App{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(), Kinds: stages.All()}
		os.Exit(app.Run(context.Background(), os.Args[1:]))
	}
	os.Exit(m.Run())
}

// finished is a study of results that were computed elsewhere, so that commands have
// something to show without training.
const finished = `study "finished" {}

variable "confidence" {
  type    = number
  default = 0.95
}

norm "derf" "paper" {}

data "results" "runs" {
  source    = ["runs.csv"]
  factors   = ["norm", "opt"]
  replicate = "seed"
}

analysis "factorial" "effects" {
  trials     = data.results.runs
  confidence = var.confidence
}

analysis "report" "page" {
  analyses = [analysis.factorial.effects]
}
`

const runs = `norm,opt,seed,val_loss
a,x,1,1.0
a,x,2,1.1
a,y,1,2.0
a,y,2,2.1
b,x,1,1.5
b,x,2,1.6
b,y,1,3.0
b,y,2,3.1
`

// lab is a study's folder and a store.
type lab struct{ dir, store string }

// newLab writes the finished study and runs it.
func newLab(t *testing.T) lab {
	t.Helper()
	l := emptyLab(t)
	for name, text := range map[string]string{"study.hcl": finished, "runs.csv": runs} {
		l.write(t, name, text)
	}
	if _, _, err := l.do(t, runRequest{runOptions: runOptions{Progress: "none"}}); err != nil {
		t.Fatal(err)
	}
	return l
}

func emptyLab(t *testing.T) lab {
	t.Helper()
	return lab{dir: t.TempDir(), store: filepath.Join(t.TempDir(), "store")}
}

func (l lab) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// session is a new session in the lab, with what it writes.
func (l lab) session(environ ...string) (s *session, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	environ = append([]string{"ABLATE_CACHE_DIR=" + l.store}, environ...)
	return &session{
		app: App{Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr, Environ: environ, Kinds: stages.All()},
		dir: l.dir, logLevel: "warn",
	}, stdout, stderr
}

// Only a run says that what it has finished is cached.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(Interrupted)
	for command, want := range map[string]string{
		"plan": "Interrupted.\n", "status": "Interrupted.\n", "run": "Interrupted. Finished results are cached; run again to resume.\n",
	} {
		s, _, stderr := newLab(t).session()
		if code := s.app.Run(ctx, []string{command, "--chdir", s.dir}); code != Interrupted.Code || stderr.String() != want {
			t.Errorf("%s exits with %d and says %q", command, code, stderr)
		}
	}
}

// do carries a request out in a session of its own and returns what it prints.
func (l lab) do(t *testing.T, r request) (stdout, stderr string, err error) {
	t.Helper()
	s, out, errs := l.session()
	err = r.do(t.Context(), s)
	return out.String(), errs.String(), err
}

// json is do with --json.
func (l lab) json(t *testing.T, r request) string {
	t.Helper()
	s, out, _ := l.session()
	s.json = true
	if err := r.do(t.Context(), s); err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return out.String()
}

// want is what a request should print or fail with.
type want struct {
	request request
	stdout  []string // parts of it
	stderr  []string
	err     string // a part of it; "" means success
	code    int    // of an exitError
}

func (l lab) check(t *testing.T, cases ...want) {
	t.Helper()
	for _, c := range cases {
		stdout, stderr, err := l.do(t, c.request)
		var exit exitError
		switch {
		case c.code != 0:
			if !errors.As(err, &exit) || exit.code != c.code {
				t.Errorf("%+v: error %v, want exit code %d", c.request, err, c.code)
			}
		case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%+v: error %v, want %q", c.request, err, c.err)
		}
		contains(t, c.request, "stdout", stdout, c.stdout)
		contains(t, c.request, "stderr", stderr, c.stderr)
	}
}

func contains(t *testing.T, r request, stream, got string, parts []string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("%+v: %s lacks %q:\n%s", r, stream, part, got)
		}
	}
}

func TestConfigPrefersTheEnvironment(t *testing.T) {
	l := emptyLab(t)
	s, _, _ := l.session("ABLATE_REMOTE=file:///first", "ABLATE_REMOTE=file:///last", "ABLATE_REMOTE_NAMESPACE=alice")
	c, err := s.config()
	if err != nil {
		t.Fatal(err)
	}
	if c.CacheDir != l.store || c.Remote.URL != "file:///last" || c.Remote.Namespace != "alice" {
		t.Errorf("config() = %+v", c)
	}
	s, _, _ = l.session("ABLATE_REMOTE_NAMESPACE=-x")
	if _, err := s.config(); err == nil || !strings.Contains(err.Error(), "ABLATE_REMOTE_NAMESPACE") {
		t.Errorf("config() with a bad namespace: %v", err)
	}
}

// A graph has its absolute folder from the beginning, since its stages run elsewhere.
func TestGraphHasAbsoluteFolder(t *testing.T) {
	l := emptyLab(t)
	l.write(t, "study.hcl", finished)
	t.Chdir(l.dir)
	s, _, _ := l.session()
	s.dir = "."
	linked, err := s.loadStudy()
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.Getwd(); err != nil || linked.Study.Dir != want {
		t.Errorf("the folder is %q, want %q", linked.Study.Dir, want)
	}
}

func TestOfflineNeedsNoRemote(t *testing.T) {
	s, _, _ := emptyLab(t).session("ABLATE_REMOTE=file:///nowhere")
	if _, err := s.openRemote(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "Use --offline") {
		t.Errorf("openRemote without a folder: %v", err)
	}
	s.offline = true
	if r, err := s.openRemote(t.Context(), nil); r != nil || err != nil {
		t.Errorf("openRemote offline = %v, %v", r, err)
	}
}

func TestRefusalsAreNamedOnce(t *testing.T) {
	var r refusals
	for _, name := range []string{"a", "b", "c", "d", "e", "a"} {
		r.add(errors.New(name))
	}
	list := r.warnings()
	if len(list) != 4 || !strings.HasPrefix(list[3].Detail, "2 results more") {
		t.Errorf("warnings() = %v", list)
	}
	r.add(errors.New("a"))
	if list := r.warnings(); len(list) != 0 {
		t.Errorf("warnings() again = %v", list)
	}
}

func TestVariablesKeepTheirOrderAndCommas(t *testing.T) {
	s := &session{}
	for _, err := range []error{s.addVar("xs=[1,2]"), s.addVarFile("more.hclvars"), s.addVar("a=b=c")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []hcl.Var{{Name: "xs", Value: "[1,2]"}, {File: "more.hclvars"}, {Name: "a", Value: "b=c"}}
	for i, v := range s.vars {
		if v != want[i] {
			t.Errorf("variable %d is %+v, want %+v", i, v, want[i])
		}
	}
	if s.addVar("novalue") == nil || s.addVarFile("") == nil {
		t.Error("a variable without a value, or a file without a name, is accepted")
	}
}
