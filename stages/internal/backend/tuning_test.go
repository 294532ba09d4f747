package backend

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// opened opens the folder of tuned kernels of a plugin.
func opened(t *testing.T, about ...string) *tuning {
	t.Helper()
	f, err := openTuning(about)
	if err != nil {
		t.Fatal(err)
	}
	if f.id == "" {
		t.Fatal("the folder has no id")
	}
	return f
}

// tuned compiles a program for which XLA chooses a kernel, unless the folder has its
// choice.
func tuned(t *testing.T, f *tuning, name, choice string) {
	t.Helper()
	file := filepath.Join(f.choices(), name)
	if err := f.compile(func() error {
		if _, err := os.Stat(file); err == nil {
			return nil
		}
		return os.WriteFile(file, []byte(choice), 0o600)
	}); err != nil {
		t.Fatal(err)
	}
}

// A cold and a warm folder have one id, since the second repeats the choices of the
// first. Any folder that might not is another.
func TestTuningIsKept(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	cold := opened(t, "plugin 1", "device")
	tuned(t, cold, "a", "kernel 3")
	warm := opened(t, "plugin 1", "device")
	tuned(t, warm, "b", "kernel 5")
	if again := opened(t, "plugin 1", "device"); again.id != cold.id || warm.id != cold.id {
		t.Errorf("one folder has the ids %s, %s and %s", cold.id, warm.id, again.id)
	}
	if other := opened(t, "plugin 2", "device"); other.id == cold.id || other.dir == cold.dir {
		t.Error("two plugins share a folder")
	}
	for name, change := range map[string]func() error{
		"a changed choice": func() error { return os.WriteFile(filepath.Join(cold.choices(), "a"), []byte("kernel 4"), 0o600) },
		"a lost choice":    func() error { return os.Remove(filepath.Join(cold.choices(), "b")) },
		"a lost record":    func() error { return os.Remove(cold.recordFile()) },
		"a damaged record": func() error { return os.WriteFile(cold.recordFile(), []byte("{"), 0o600) },
		"a lost folder":    func() error { return os.RemoveAll(cold.dir) },
	} {
		before := opened(t, "plugin 1", "device")
		tuned(t, before, "b", "kernel 5")
		if err := change(); err != nil {
			t.Fatal(err)
		}
		// The process that runs has its class already.
		if err := before.compile(func() error { t.Error("it compiles"); return nil }); !errors.Is(err, errRetuned) {
			t.Errorf("%s: a process that knew the folder compiles: %v", name, err)
		}
		after := opened(t, "plugin 1", "device")
		if after.id == before.id {
			t.Errorf("%s leaves the id", name)
		}
		tuned(t, after, "a", "kernel 3")
	}
}

// A program that is not compiled adds no choice, and what a killed process left is
// kept.
func TestTuningAfterFailure(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f := opened(t, "plugin")
	failed := errors.New("out of memory")
	if err := f.compile(func() error {
		return errors.Join(failed, os.WriteFile(filepath.Join(f.choices(), "a"), []byte("kernel 3"), 0o600))
	}); !errors.Is(err, failed) {
		t.Errorf("compile = %v", err)
	}
	if again := opened(t, "plugin"); again.id != f.id {
		t.Error("a choice that nothing was computed with changes the id")
	}
	tuned(t, f, "b", "kernel 5")
	if n := len(f.read().Choices); n != 2 {
		t.Errorf("%d choices are recorded, want 2", n)
	}
}

// A choice that a compilation replaces is noticed: what was computed with the first one
// is of another class.
func TestTuningReplaced(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f := opened(t, "plugin")
	tuned(t, f, "a", "kernel 3")
	replace := func() error { return os.WriteFile(filepath.Join(f.choices(), "a"), []byte("kernel 4"), 0o600) }
	if err := f.compile(replace); !errors.Is(err, errRetuned) {
		t.Errorf("compile = %v", err)
	}
	if again := opened(t, "plugin"); again.id == f.id {
		t.Error("the folder with another choice has the same id")
	}
}

// Results are of one class while choices are kept. Where XLA does not choose by
// timing, the folder does not matter.
func TestTuningInClass(t *testing.T) {
	dir, caches := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{"nvidia-smi": "#!/bin/sh\necho 'NVIDIA H100, 81559, 570.86.15'\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"PATH": dir, "XDG_CACHE_HOME": caches, "HOME": t.TempDir(), "VIRTUAL_ENV": "", "CONDA_PREFIX": "", "XLA_FLAGS": "", pluginVariable: standInPlugin(t)} {
		t.Setenv(name, value)
	}
	loose, strict := Class("xla:cuda", Numerics{}), Class("xla:cuda", Numerics{Deterministic: true})
	if !strings.Contains(loose, " tuning=") || strings.Contains(strict, "tuning") || strings.Contains(loose, "tuning=none") {
		t.Errorf("the classes are %q and, with deterministic, %q", loose, strict)
	}
	if strings.Contains(Class("xla:cpu", Numerics{}), "tuning") {
		t.Error("the CPU's class depends on kernels for GPUs")
	}
	if err := Configure("xla:cuda", true); err != nil || strings.Contains(os.Getenv("XLA_FLAGS"), tuningFlag) {
		t.Errorf("with deterministic the flags are %q, %v", os.Getenv("XLA_FLAGS"), err)
	}
	t.Setenv("XLA_FLAGS", "")
	if err := Configure("xla:cuda", false); err != nil || !strings.HasPrefix(os.Getenv("XLA_FLAGS"), tuningFlag+caches) {
		t.Errorf("the flags are %q, %v", os.Getenv("XLA_FLAGS"), err)
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "with space"))
	if c := Class("xla:cuda", Numerics{}); !strings.Contains(c, "tuning=none") {
		t.Errorf("where XLA cannot be given the folder, the class is %q", c)
	}
}

// standInPlugin is a folder with a library that exports what a plugin does: this
// machine's dynamic linker finds GetPjrtApi in it, and nothing calls it.
func standInPlugin(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	compileC(t, "const void *GetPjrtApi(void) { return 0; }", filepath.Join(dir, "pjrt_c_api_cuda_plugin.so"))
	return dir
}

// compileC compiles a shared library.
func compileC(t *testing.T, source, path string) {
	t.Helper()
	src := filepath.Join(t.TempDir(), "plugin.c")
	if err := os.WriteFile(src, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", path, src).CombinedOutput(); err != nil {
		t.Skipf("no C compiler: %v %s", err, out)
	}
}
