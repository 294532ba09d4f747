// Command witness changes the source of ablate, one line at a time, and checks that
// what decides keys notices. A mutation must change a key's part or fail the test
// that it names; a refactoring must change neither.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// change is one edit of the source.
type change struct {
	name     string
	file     string
	old, new string
	test     string // "PACKAGE REGEXP": a test that must fail where no key changes; of a refactoring, one that must pass
}

func main() {
	all := flag.Bool("all", false, "try every change, however long it takes")
	only := flag.String("only", "", "try the changes whose names contain this")
	bound := flag.Duration("for", 150*time.Second, "begin no change after this time, without --all")
	flag.Parse()
	w, err := newWitness()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer os.RemoveAll(w.dir)
	started, tried, failed := time.Now(), 0, 0
	for _, c := range rotated() {
		if *only != "" && !strings.Contains(c.name, *only) {
			continue
		}
		if !*all && *only == "" && time.Since(started) > *bound {
			break
		}
		verdict, ok := w.try(c)
		tried++
		mark := "ok  "
		if !ok {
			mark, failed = "FAIL", failed+1
		}
		fmt.Printf("%s %s: %s\n", mark, c.name, verdict)
	}
	fmt.Printf("%d of %d changes tried, %d failed\n", tried, len(mutations)+len(refactorings), failed)
	if failed > 0 {
		os.RemoveAll(w.dir)
		os.Exit(1)
	}
}

// rotated is every change, from a place that moves on with each day, so that runs
// which have no time for all of them get to each in turn.
func rotated() []change {
	list := slices.Concat(mutations, refactorings)
	const step = 7 // has no divisor in common with a list of 60 or so; neighbours are alike
	from := time.Now().YearDay() * step % len(list)
	return slices.Concat(list[from:], list[:from])
}

// witness builds and runs command keys over changed sources.
type witness struct {
	dir    string
	before []string
}

func newWitness() (*witness, error) {
	dir, err := os.MkdirTemp("", "witness")
	if err != nil {
		return nil, err
	}
	w := &witness{dir: dir}
	w.before, err = w.keys("")
	return w, err
}

// keys lists what decides keys, over an overlay; "" for the source as it is.
func (w *witness) keys(overlay string) ([]string, error) {
	program := filepath.Join(w.dir, "keys")
	args := []string{"build", "-o", program}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if out, err := exec.Command("go", append(args, "./scripts/witness/keys")...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("it does not build: %s", bytes.TrimSpace(out))
	}
	out, err := exec.Command(program).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("command keys failed: %s", bytes.TrimSpace(out))
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	return lines, nil
}

// overlay writes the changed source beside the real one.
func (w *witness) overlay(c change) (string, error) {
	path, err := filepath.Abs(c.file)
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := bytes.Count(source, []byte(c.old)); n == 0 {
		return "", fmt.Errorf("%s has no %q", c.file, c.old)
	}
	changed, overlay := filepath.Join(w.dir, "changed.go"), filepath.Join(w.dir, "overlay.json")
	if err := os.WriteFile(changed, bytes.Replace(source, []byte(c.old), []byte(c.new), 1), 0o600); err != nil {
		return "", err
	}
	doc, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, doc, 0o600)
}

// try says what noticed a change, and whether that is right.
func (w *witness) try(c change) (verdict string, ok bool) {
	overlay, err := w.overlay(c)
	if err != nil {
		return err.Error(), false
	}
	after, err := w.keys(overlay)
	if err != nil {
		return err.Error(), false
	}
	mutation := slices.ContainsFunc(mutations, func(m change) bool { return m.name == c.name })
	changed := difference(w.before, after)
	switch {
	case len(changed) > 0:
		return "changes " + strings.Join(changed, ", "), mutation
	case c.test == "":
		return "changes no key", !mutation
	}
	pkg, run, _ := strings.Cut(c.test, " ")
	out, err := exec.Command("go", "test", "-overlay", overlay, "-run", run, pkg).CombinedOutput()
	if bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("no tests to run")) {
		return fmt.Sprintf("%s cannot run: %s", c.test, bytes.TrimSpace(out)), false
	}
	if err != nil {
		return "fails " + c.test, mutation
	}
	return "changes no key, and passes " + c.test, !mutation
}

// difference names the parts of keys that changed, each once: subjects with their
// parts, without the scenes.
func difference(before, after []string) []string {
	var out []string
	for _, pair := range [][2][]string{{before, after}, {after, before}} {
		for _, line := range pair[0] {
			if _, found := slices.BinarySearch(pair[1], line); found {
				continue
			}
			name, _, _ := strings.Cut(line, " ")
			if parts := strings.Split(name, "/"); len(parts) == 3 {
				name = parts[0] + "/" + parts[1]
			}
			if subject, rest, ok := strings.Cut(name, ":"); ok && subject != "class" {
				_, part, _ := strings.Cut(rest, "/")
				name = subject + "/" + part // whatever the variant
			}
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}
