package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"ablate/cmd/ablate/internal/cli"
	"ablate/stages"
)

func TestMain(m *testing.M) {
	if servesParent(os.Args) { // a run within this process starts this executable as its child
		main()
	}
	waiting := strconv.Itoa(3 * runtime.GOMAXPROCS(0)) // scripts wait for processes and leases more than they compute
	if err := flag.Set("test.parallel", waiting); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"ablate": main, "ablate-crashing": crashing})
}

// TestScripts runs the scripts of testdata/script, each with the program as a
// command.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("ABLATE_CACHE_DIR", filepath.Join(env.WorkDir, "store"))
			env.Setenv("NO_COLOR", "1")
			if err := setPaths(env); err != nil {
				return err
			}
			return copyStudy(env.WorkDir)
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Getuid() == 0, nil
			}
			return false, errors.New("unknown condition " + cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "corpus": corpus, "edit": edit, "snippet": snippet, "goldenkeys": goldenKeys, "goldenoutputs": goldenOutputs},
	})
}

// setPaths names the folders that scripts read.
func setPaths(env *testscript.Env) error {
	for name, rel := range map[string]string{"EXAMPLES": "../../examples", "TEXT": "testdata/corpus.txt", "GOLDEN": "testdata", "SCRIPTS": "../../scripts", "DOCS": "../../docs"} {
		abs, err := filepath.Abs(rel)
		if err != nil {
			return err
		}
		env.Setenv(name, abs)
	}
	return nil
}

var update = flag.Bool("update-golden", false, "rewrite the golden keys and outputs of the examples")

// goldenKeys FILE compares the keys in the output of plan --json with a file. A
// difference means that the change invalidates users' caches.
func goldenKeys(ts *testscript.TestScript, _ bool, args []string) {
	var b strings.Builder
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	for dec.More() {
		var step struct{ Type, Address, Action, Key string }
		ts.Check(dec.Decode(&step))
		if step.Type == "plan_step" {
			fmt.Fprintf(&b, "%s %s %s\n", step.Address, step.Action, step.Key)
		}
	}
	golden(ts, args[0], b.String(), "keys changed, which invalidates users' caches")
}

// goldenOutputs FILE compares what entries hold, in the output of cache ls
// --json, with a file. A digest that differs under an equal key means that the
// change serves stale results unless the kind's Version is raised. Where trials with a
// numerics class are among the entries, the first line of the file says for which
// kernels it holds, and on a machine with others nothing is compared.
func goldenOutputs(ts *testscript.TestScript, _ bool, args []string) {
	var lines []string
	kernels := ""
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	for dec.More() {
		var line struct {
			Type  string
			Entry struct {
				Key, Block, Type, Class string
				Artifacts               []struct{ Name, Digest string }
			}
		}
		ts.Check(dec.Decode(&line))
		if class := strings.Fields(line.Entry.Class); len(class) > 2 {
			kernels = strings.Join(class[:3], " ") + "\n"
		}
		for _, a := range line.Entry.Artifacts {
			lines = append(lines, fmt.Sprintf("%s.%s %s %s %s\n", line.Entry.Block, line.Entry.Type, line.Entry.Key, a.Name, a.Digest))
		}
	}
	slices.Sort(lines)
	if raw, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && !*update && !strings.HasPrefix(string(raw), kernels) {
		first, _, _ := strings.Cut(string(raw), "\n")
		version := func(class string) string { // of the kernels; the rest of a class depends on the processor
			_, numbered, _ := strings.Cut(class, "kernels=")
			n, _, _ := strings.Cut(numbered, "-")
			return n
		}
		if version(first) != version(kernels) {
			ts.Fatalf("%s holds for %s, which no processor computes any more: run the test with -update-golden", args[0], first)
		}
		ts.Logf("%s holds for %s, and this is %s", args[0], first, kernels)
		return
	}
	golden(ts, args[0], kernels+strings.Join(lines, ""), "outputs changed; where the key is equal, raise the kind's Version")
}

// golden compares text with a file.
func golden(ts *testscript.TestScript, name, got, meaning string) {
	path := ts.MkAbs(name)
	if *update {
		ts.Check(os.WriteFile(path, []byte(got), 0o600))
		return
	}
	want, err := os.ReadFile(path)
	ts.Check(err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		ts.Fatalf("%s; if that is intended, run the test with -update-golden (-want +got):\n%s", meaning, diff)
	}
}

// copyStudy copies a study that trains in a second into the script's folder.
func copyStudy(dir string) error {
	raw, err := os.ReadFile("testdata/study.hcl")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "study.hcl"), raw, 0o600)
}

// exits CODE COMMAND… runs a command and checks its exact exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// corpus FILE BYTES writes a learnable text of that many bytes.
func corpus(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	line := []byte("the quick brown fox jumps over the lazy dog\n")
	text := bytes.Repeat(line, n/len(line)+1)[:n]
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

// edit FILE OLD NEW replaces every OLD in a file, which must contain one. \n stands
// for a line break.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	raw, err := os.ReadFile(path)
	ts.Check(err)
	from, to := strings.ReplaceAll(args[1], `\n`, "\n"), strings.ReplaceAll(args[2], `\n`, "\n")
	if !strings.Contains(string(raw), from) {
		ts.Fatalf("%s does not hold %q", args[0], from)
	}
	ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(string(raw), from, to)), 0o600))
}

// snippet PAGE LANGUAGE FILE [HEADING] writes the first code block of a language on a page
// of the docs, or below a heading of it, to a file, so that the docs are tested.
func snippet(ts *testscript.TestScript, _ bool, args []string) {
	_, below, headed := strings.Cut(ts.ReadFile(args[0]), strings.Join(args[3:], " "))
	_, rest, ok := strings.Cut(below, "```"+args[1]+"\n")
	text, _, closed := strings.Cut(rest, "```")
	if !headed || !ok || !closed {
		ts.Fatalf("%s has no block of %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text), 0o600))
}

// The pages that make reference writes are what the program prints.
func TestReferenceIsCurrent(t *testing.T) {
	for page, args := range map[string][]string{
		"stages.md": {"metadata", "--markdown"},
		"json.md":   {"metadata", "--events", "--markdown"},
	} {
		var out bytes.Buffer
		app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Kinds: stages.All()}
		if code := app.Run(t.Context(), args); code != 0 {
			t.Fatalf("ablate %v exits with %d: %s", args, code, out.String())
		}
		got, err := os.ReadFile(filepath.Join("../../docs", page))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != out.String() {
			t.Errorf("docs/%s is not what ablate %v prints: run make reference", page, args)
		}
	}
}
