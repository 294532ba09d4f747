package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/cli"
	"ablate/stages"
)

// eachFile calls f for each file below a folder of a store.
func eachFile(t *testing.T, dir string, f func(path string, raw []byte) error) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.Remove(path); err != nil { // it is read-only
			return err
		}
		return f(path, raw)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func flipBit(path string, raw []byte) error {
	raw[len(raw)/2] ^= 1
	return os.WriteFile(path, raw, 0o600)
}

func dropFile(string, []byte) error { return nil }

// However much of a store is damaged at once, one run heals all of it.
func TestOneRunHealsAllDamage(t *testing.T) {
	study := crashStudy(t)
	whole := machine{study, filepath.Join(t.TempDir(), "whole")}
	if _, err := whole.do("ablate", "run"); err != nil {
		t.Fatal(err)
	}
	want, err := whole.outputs()
	if err != nil {
		t.Fatal(err)
	}
	for name, harm := range map[string]func(t *testing.T, store string){
		"a bit in every blob":  func(t *testing.T, store string) { eachFile(t, filepath.Join(store, "blobs"), flipBit) },
		"every blob gone":      func(t *testing.T, store string) { eachFile(t, filepath.Join(store, "blobs"), dropFile) },
		"a bit in every entry": func(t *testing.T, store string) { eachFile(t, filepath.Join(store, "entries"), flipBit) },
		"every entry gone":     func(t *testing.T, store string) { eachFile(t, filepath.Join(store, "entries"), dropFile) },
		"a bit in everything": func(t *testing.T, store string) {
			eachFile(t, filepath.Join(store, "blobs"), flipBit)
			eachFile(t, filepath.Join(store, "entries"), flipBit)
			eachFile(t, filepath.Join(store, "roots"), flipBit)
			eachFile(t, filepath.Join(store, "memo"), flipBit)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := machine{study, filepath.Join(t.TempDir(), "store")}
			if err := os.CopyFS(m.store, os.DirFS(whole.store)); err != nil {
				t.Fatal(err)
			}
			harm(t, m.store)
			if _, err := m.do("ablate", "run"); err != nil {
				t.Fatalf("the first run: %v", err)
			}
			if _, err := m.do("", "cache", "verify"); err != nil {
				t.Errorf("verify after one run: %v", err)
			}
			if got, err := m.outputs(); err != nil || got != want {
				t.Errorf("outputs %s, undamaged %s (%v)", got, want, err)
			}
			if _, err := m.do("", "cache", "gc"); err != nil {
				t.Errorf("gc after one run: %v", err)
			}
		})
	}
}

// A trial that is pending until its data is prepared again gets its lost provenance back
// in the same run.
func TestRunHealsWhatWasPending(t *testing.T) {
	m := machine{crashStudy(t), filepath.Join(t.TempDir(), "store")}
	if _, err := m.do("ablate", "run"); err != nil {
		t.Fatal(err)
	}
	store, err := cache.Open(fsys.NewOS(), m.store)
	if err != nil {
		t.Fatal(err)
	}
	lose := func(d cache.Digest) {
		names, err := filepath.Glob(filepath.Join(m.store, "blobs", "sha256", "*", d.Hex()+"*"))
		if err != nil || len(names) != 1 {
			t.Fatalf("blobs %v, %v; want one", names, err)
		}
		if err := os.Remove(names[0]); err != nil {
			t.Fatal(err)
		}
	}
	for e, err := range store.Entries(t.Context(), "", "") {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Block == "train":
			lose(e.Provenance)
		case e.Block == "data":
			lose(e.Artifacts[0].Digest)
		}
	}
	lines, err := m.do("ablate", "run")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(lines, func(l line) bool { return l.Type == "stage_done" && strings.HasPrefix(l.Address, "data") }) {
		t.Error("the data was not prepared again, so no trial was pending")
	}
	for _, args := range [][]string{{"cache", "verify"}, {"export", "trials"}} {
		if _, err := m.do("", args...); err != nil {
			t.Error(err)
		}
	}
}

// A run of a cached study answers from a store that cannot be written, and verify
// checks it.
func TestReadOnlyStore(t *testing.T) {
	study := crashStudy(t)
	m := machine{study, filepath.Join(t.TempDir(), "store")}
	if _, err := m.do("ablate", "run"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "--progress", "none"}, {"cache", "verify"}, {"plan"}, {"cache", "ls"}, {"show"}} {
		var out strings.Builder
		app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Kinds: stages.All(),
			Environ: []string{"ABLATE_CACHE_DIR=" + m.store, "NO_COLOR=1"}, Files: readOnlyFiles{&cachetest.Faulty{FS: fsys.NewOS(), At: 1, Err: fs.ErrPermission, Crash: true}}}
		if code := app.Run(t.Context(), append(args, "--chdir", study)); code != 0 {
			t.Errorf("%v exits with %d:\n%s", args, code, out.String())
		}
		if args[0] == "run" && !strings.Contains(out.String(), "0 trials trained, 1 cached") {
			t.Errorf("%v prints\n%s", args, out.String())
		}
	}
}

// readOnlyFiles creates no lock files either.
type readOnlyFiles struct{ *cachetest.Faulty }

func (r readOnlyFiles) TryLock(string) (func() error, bool, error) { return nil, false, r.Err }

// gc exits with 4 and removes nothing while it is not certain what is needed.
func TestCollectInDoubt(t *testing.T) {
	study := crashStudy(t)
	m := machine{study, filepath.Join(t.TempDir(), "store")}
	if _, err := m.do("ablate", "run"); err != nil {
		t.Fatal(err)
	}
	eachFile(t, filepath.Join(m.store, "roots"), flipBit)
	var out strings.Builder
	app := cli.App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Kinds: stages.All(),
		Environ: []string{"ABLATE_CACHE_DIR=" + m.store, "NO_COLOR=1"}}
	if code := app.Run(t.Context(), []string{"cache", "gc", "--grace", "0s", "--apply"}); code != cli.ExitDamage || !strings.Contains(out.String(), "nothing was removed") {
		t.Errorf("gc exits with %d, want %d:\n%s", code, cli.ExitDamage, out.String())
	}
	if _, err := m.do("", "cache", "verify"); err != nil {
		t.Errorf("verify: %v", err)
	}
	if _, err := m.do("ablate", "run"); err != nil { // records its root anew
		t.Error(err)
	}
	if _, err := m.do("", "cache", "gc"); err != nil {
		t.Errorf("gc after a run: %v", err)
	}
}

// A saved plan keeps its targets, and is checked again, when its run heals the store.
func TestSavedPlanHealsWithItsTargets(t *testing.T) {
	study := crashStudy(t)
	name := filepath.Join(study, "study.hcl")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(raw), "seed      = [1]", "seed      = [1, 2, 3]", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	m := machine{study, filepath.Join(t.TempDir(), "store")}
	file := filepath.Join(t.TempDir(), "one.plan")
	if _, err := m.do("ablate", "plan", "--refresh", "--target", "seed=2", "--out", file); err != nil {
		t.Fatal(err)
	}
	eachFile(t, filepath.Join(m.store, "blobs"), flipBit)
	lines, err := m.do("ablate", "run", file)
	if err != nil {
		t.Fatal(err)
	}
	trained := 0
	for _, l := range lines {
		if l.Type == "stage_done" && strings.HasPrefix(l.Address, "train.") {
			trained++
			if !strings.Contains(l.Address, "seed=2") {
				t.Errorf("trained %s, which the plan does not hold", l.Address)
			}
		}
	}
	if trained != 1 {
		t.Errorf("trained %d trials, want 1", trained)
	}
}
